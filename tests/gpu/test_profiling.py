"""NVTX ranges of a request."""

from pathlib import Path

import pytest

from mime_fast import Generator
from mime_fast.profiling import profiler

pytestmark = pytest.mark.gpu


def test_ranges_are_opened_and_closed(
    tiny_checkpoint: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device == "cpu":
        pytest.skip("NVTX needs a GPU")
    monkeypatch.setenv("MIME_FAST_NVTX", "1")
    monkeypatch.setattr(profiler, "nvtx", None)
    generator = Generator(tiny_checkpoint, engine="cuda", device=device)
    depth = profiler.nvtx.range_push("outside")
    generator.respond("no", seed=1)
    assert profiler.nvtx.range_pop() == depth
