"""Lower bounds that `make test-lower-bounds` can install."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("lowest_versions.py")


def printed(*extras: str) -> set[str]:
    command = [sys.executable, str(SCRIPT), *extras]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def names(pins: set[str]) -> set[str]:
    return {pin.partition("==")[0] for pin in pins}


def test_every_base_dependency_has_a_lowest_version() -> None:
    assert names(printed()) >= {"numpy", "rich", "safetensors", "tokenizers", "typer"}
    assert "typer==0.15.4" in printed()


def test_extras_bring_theirs_and_those_of_extras_that_they_name() -> None:
    assert names(printed("otel")) >= {"numpy", "starlette", "uvicorn", "opentelemetry-sdk"}
    assert printed("otel", "serve") == printed("otel")
    assert names(printed("annotate")) - names(printed()) == {"fastapi", "krippendorff", "uvicorn"}
    assert "ray" in names(printed("ray"))
    assert "opentelemetry-instrumentation-asgi==0.66b2" in printed("otel")


def test_torch_is_left_out() -> None:
    assert names(printed("train", "eval", "cuda")).isdisjoint({"torch", "triton"})
    assert "accelerate" in names(printed("train"))
