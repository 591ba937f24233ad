"""What hypothesis does on a GPU."""

from hypothesis import Phase

from tests.kernels.examples import examples


def test_nothing_is_shrunk_on_a_gpu() -> None:
    """After an illegal access every launch fails, and each attempt compiles one."""
    assert Phase.shrink in examples(12, on_gpu=False).phases
    assert Phase.shrink not in examples(12, on_gpu=True).phases
