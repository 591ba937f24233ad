"""The sdist, the wheel built from it, and what importing the installed package costs."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Tools that pip installed stand beside the interpreter, whether or not its venv is activated.
ENVIRONMENT = os.environ | {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
}


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> None:
    result = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | variables, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, folder)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", str(folder)]
    # As `make test` has compiled the C++ tests, so that ccache has the objects.
    flags = (
        "-DMIME_FAST_WERROR=ON -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF "
        "-DMIME_FAST_BINDING_FLAGS=-O0"
    )
    run(*command, sdist, CMAKE_ARGS=flags)
    (archive,) = folder.glob("*.whl")
    return archive


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    offline = ["--no-index", "--no-deps"]
    run(sys.executable, "-m", "pip", "install", *offline, "--target", folder, wheel)
    return folder


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


@pytest.mark.parametrize("module", ["mime_fast", "mime_fast._C"])
def test_import_does_not_import_torch(installed: Path, module: str) -> None:
    check = (
        f"import sys, {module}; "
        f"assert {module}.__file__.startswith({str(installed)!r}), {module}.__file__; "
        "assert 'torch' not in sys.modules"
    )
    run(sys.executable, "-c", check, cwd=installed, PYTHONPATH=str(installed))
