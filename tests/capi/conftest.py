"""The C++ text room, through a library that the tests build."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest

from mime_fast.bundled import folder_of
from mime_fast.text.tokenizer import Tokenizer
from tests.capi.building import library_folder

Probe = Callable[..., str]


@pytest.fixture(scope="session")
def probe() -> Probe:
    """Call a function of tests/csrc/cpp/text_probe.cc; ValueError: its error."""
    library = ctypes.CDLL(str(library_folder() / "tests/csrc/cpp/libtext_probe.so"))
    library.probe.restype = ctypes.c_char_p

    def call(name: str, *arguments: str) -> str:
        result: str = library.probe(name.encode(), "\x1e".join(arguments).encode()).decode()
        if result.startswith("!"):
            raise ValueError(result[1:])
        return result[1:]

    call("load", str(folder_of(None) / "tokenizer.json"))
    return call


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(folder_of(None) / "tokenizer.json")
