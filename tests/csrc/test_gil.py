"""How bindings release the GIL; tests/engines/test_exit.py shows what it is for."""

from pathlib import Path

import pytest

BINDINGS = Path(__file__).resolve().parents[2] / "csrc" / "bindings"


@pytest.mark.skipif(not BINDINGS.is_dir(), reason="the sources are not here")
def test_no_binding_releases_it_with_a_class_that_ends_the_process() -> None:
    """A daemon thread that asks for the GIL at exit must sleep: see csrc/bindings/gil.h."""
    used = {
        path.name: name
        for path in BINDINGS.iterdir()
        for name in ("gil_scoped_release release", "Py_BEGIN_ALLOW_THREADS", "call_guard")
        if name in path.read_text(encoding="utf-8")
    }
    assert used == {}
