"""What `make test-wheel` made of this checkout: the sdist, and the wheel that was built from it."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

import mime_fast

ROOT = Path(__file__).resolve().parents[2]

if "MIME_FAST_DIST" not in os.environ:
    pytest.skip("make test-wheel builds what is tested here", allow_module_level=True)
DIST = ROOT / os.environ["MIME_FAST_DIST"]


@pytest.fixture(scope="module")
def sdist() -> Path:
    (archive,) = DIST.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel() -> Path:
    (archive,) = DIST.glob("*.whl")
    return archive


def test_sdist_holds_what_the_build_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").rglob("*.*")}
    assert sources
    assert names >= sources | {"CMakeLists.txt", "pyproject.toml", "setup.py", "LICENSE"}


def test_wheel_holds_the_extension_types_and_licences(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {
        "__init__.py",
        "_C.pyi",
        "py.typed",
        "pretrained/LICENSE",
        "pretrained/mime-base/config.json",
        "pretrained/mime-small/config.json",
        "kernels/linear.py",
    }
    assert {f"mime_fast/{name}" for name in wanted} <= set(names)
    for page in ("evaluation/human/static", "server/page/static"):
        static = (ROOT / "mime_fast" / page).iterdir()
        assert {path.relative_to(ROOT).as_posix() for path in static} <= set(names)
    assert [name for name in names if name.startswith("mime_fast/_C.") and name.endswith(".so")]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_wheel_holds_every_module(wheel: Path) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mime_fast").rglob("*.py")}
    assert modules <= set(zipfile.ZipFile(wheel).namelist())


def test_only_one_top_level_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mime_fast"}


def test_wheel_is_for_any_linux_of_some_age(wheel: Path) -> None:
    assert "-manylinux_2_" in wheel.name


def test_the_wheel_is_what_is_tested() -> None:
    assert Path(mime_fast.__file__).resolve().parent != ROOT / "mime_fast"
