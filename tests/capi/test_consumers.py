"""Programs outside the tree that use the installed library: the examples of docs/cpp.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mime_fast import Generator
from tests.capi.building import ROOT, launcher, library_folder, run

DOCUMENT = (ROOT / "docs/cpp.md").read_text(encoding="utf-8")
MESSAGE = "I lost my dog yesterday."
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror")


def example(language: str) -> str:
    """The first example of a language in docs/cpp.md."""
    codes = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(codes[0])


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library is installed, in another place than it was configured for."""
    folder = tmp_path_factory.mktemp("installed") / "a prefix"
    run("cmake", "--install", library_folder(), "--component", "library", "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def flags(prefix: Path) -> dict[str, str]:
    (found,) = prefix.rglob("mime_fast.pc")
    return {"PKG_CONFIG_PATH": str(found.parent)}


def pkg_config(flags: dict[str, str], *options: str) -> list[str]:
    """What pkg-config prints, without its quotes of blanks."""
    printed = run("pkg-config", *options, "mime_fast", **flags)
    return [part.replace("\\ ", " ") for part in re.split(r"(?<!\\)\s+", printed.strip())]


@pytest.fixture(scope="module")
def greedy() -> Generator:
    return Generator("mime-small", engine="native")


def expected(greedy: Generator) -> list[str]:
    response = greedy.respond(MESSAGE, seed=1)
    return [response.text, f"you feel {response.emotion}"]


def test_the_example_of_cpp_with_cmake(prefix: Path, tmp_path: Path, greedy: Generator) -> None:
    assert 25 <= len(example("cpp").splitlines()) <= 40
    (tmp_path / "reply.cc").write_text(example("cpp"), encoding="utf-8")
    lists = example("cmake") + (
        "target_compile_features(reply PRIVATE cxx_std_17)\n"
        f"target_compile_options(reply PRIVATE {' '.join(STRICT)})\n"
        "set_target_properties(reply PROPERTIES CXX_EXTENSIONS OFF)\n"
        'file(WRITE ${CMAKE_BINARY_DIR}/checkpoint "${mime_fast_CHECKPOINT}")\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(lists, encoding="utf-8")
    build = tmp_path / "build"
    run("cmake", "-S", tmp_path, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", *launcher())
    run("cmake", "--build", build)
    checkpoint = (build / "checkpoint").read_text(encoding="utf-8")
    lines = run(build / "reply", checkpoint, MESSAGE).splitlines()
    first = expected(greedy)
    history = [MESSAGE, first[0], "Thank you for asking."]
    streamed = greedy.respond(history, seed=1, do_sample=False).text
    assert lines == [*first, streamed]
    assert "a person should read this" in run(build / "reply", checkpoint, "I want to die")


def test_the_example_of_c_with_pkg_config(
    prefix: Path, flags: dict[str, str], tmp_path: Path, greedy: Generator
) -> None:
    (tmp_path / "reply.c").write_text(example("c"), encoding="utf-8")
    linked = pkg_config(flags, "--cflags", "--libs")
    program = tmp_path / "reply"
    (library,) = prefix.rglob("libmime_fast.so")
    run(
        "cc",
        "-std=c99",
        *STRICT,
        tmp_path / "reply.c",
        "-o",
        program,
        *linked,
        f"-Wl,-rpath,{library.parent}",
    )
    (checkpoint,) = pkg_config(flags, "--variable=checkpoint")
    assert run(program, checkpoint, MESSAGE).splitlines() == expected(greedy)


def test_the_program_that_sanitizers_run() -> None:
    program = library_folder() / "tests/csrc/cpp/test_library"
    assert run(program, ROOT / "mime_fast/pretrained/mime-small") == ""


def test_what_is_installed(prefix: Path) -> None:
    names = {path.name for path in prefix.rglob("*")}
    wanted = {"libmime_fast.so", "libmime_fast.so.1", "mime_fast.h", "mime_fast.hpp", "LICENSE"}
    assert names >= wanted | {"mime_fastConfig.cmake", "mime_fast.pc", "tokenizer.json"}
    assert not [name for name in names if name.startswith("_C.") or name.endswith(".a")]
    dynamic = run("readelf", "--dynamic", library_folder() / "libmime_fast.so")
    assert re.search(r"SONAME.*libmime_fast\.so\.1\]", dynamic)
    assert not re.search(r"NEEDED.*python", dynamic)


def test_an_error_is_a_message(prefix: Path, flags: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "reply.c").write_text(example("c"), encoding="utf-8")
    (library,) = prefix.rglob("libmime_fast.so")
    program = tmp_path / "reply"
    run(
        "cc",
        tmp_path / "reply.c",
        "-o",
        program,
        *pkg_config(flags, "--cflags", "--libs"),
        f"-Wl,-rpath,{library.parent}",
    )
    with pytest.raises(AssertionError, match="no checkpoint directory at /nowhere; expected"):
        run(program, "/nowhere", "hi")


def test_the_start_is_timed() -> None:
    program = library_folder() / "tests/csrc/cpp/start_to_reply"
    printed = run(program, ROOT / "mime_fast/pretrained/mime-small", "2")
    assert re.fullmatch(r"median of 2 processes [\d.]+ ms, least [\d.]+\n", printed)
