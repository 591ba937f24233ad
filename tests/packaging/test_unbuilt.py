"""A source checkout without a build says so, by every way in."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAYS_IN = (
    ("-c", "import mime_fast"),
    ("-c", "import mime_fast.config"),
    ("-c", "from mime_fast import Generator; Generator()"),
    ("-c", "from mime_fast.cli import main; main()"),  # what the command mime-fast runs
    ("-m", "mime_fast.cli", "--help"),
)


@pytest.fixture
def unbuilt(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "pretrained")
    shutil.copytree(ROOT / "mime_fast", tmp_path / "mime_fast", ignore=ignored)
    (tmp_path / "setup.py").touch()
    return tmp_path


def error_of(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_the_error_says_why_and_what_to_do(unbuilt: Path, way_in: tuple[str, ...]) -> None:
    error = error_of(unbuilt, *way_in)
    assert error.startswith(f"ImportError: {unbuilt}/mime_fast has no compiled extension _C")
    assert "it was never built here" in error
    assert f"-m pip install --editable {unbuilt}`" in error
    assert "start Python in another folder" in error


def test_a_build_for_another_python_is_named(unbuilt: Path) -> None:
    other = "_C.cpython-399-x86_64-linux-gnu.so"
    (unbuilt / "mime_fast" / other).touch()
    assert f"only {other}, built for another one" in error_of(unbuilt, *WAYS_IN[0])


def test_an_install_without_its_extension_is_no_checkout(unbuilt: Path) -> None:
    (unbuilt / "setup.py").unlink()
    error = error_of(unbuilt, *WAYS_IN[0])
    assert "Install it again" in error
    assert "checkout" not in error


def test_a_link_to_a_build_is_found(unbuilt: Path) -> None:
    from mime_fast import _C  # noqa: PLC0415 - its file is what is linked

    assert _C.__file__ is not None
    built = Path(_C.__file__)
    (unbuilt / "mime_fast" / built.name).symlink_to(built)
    done = subprocess.run(
        [sys.executable, "-c", "import mime_fast"], cwd=unbuilt, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
