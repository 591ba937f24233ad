"""libmime_fast, and what is behind it, built for the tests."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from mime_fast.bundled import folder_of
from mime_fast.text.tokenizer import Tokenizer
from tests.capi.building import library_folder, run
from tests.capi.library import Library

Probe = Callable[..., str]


@pytest.fixture(scope="session")
def probe() -> Probe:
    """Call a function of tests/csrc/cpp/library_probe.cc; ValueError: its error."""
    library = ctypes.CDLL(str(library_folder() / "tests/csrc/cpp/liblibrary_probe.so"))
    library.probe.restype = ctypes.c_char_p

    def call(name: str, *arguments: str) -> str:
        result: str = library.probe(name.encode(), "\x1e".join(arguments).encode()).decode()
        if result.startswith("!"):
            raise ValueError(result[1:])
        return result[1:]

    call("load", str(folder_of("mime-small") / "tokenizer.json"))
    return call


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(folder_of("mime-small") / "tokenizer.json")


@pytest.fixture(scope="session")
def library() -> Library:
    return Library(library_folder() / "libmime_fast.so")


@pytest.fixture(scope="session")
def symbols() -> set[str]:
    """What libmime_fast.so exports."""
    lines = run("nm", "--dynamic", "--defined-only", library_folder() / "libmime_fast.so")
    return {line.split()[-1].partition("@")[0] for line in lines.splitlines()}
