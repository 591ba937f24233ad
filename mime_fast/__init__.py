"""mime_fast: empathetic replies, fast.

Example:
    >>> from mime_fast import Generator
    >>> Generator().respond("I lost my dog yesterday.").text
"""

from importlib import import_module
from typing import TYPE_CHECKING

from mime_fast.extension import check_built

if TYPE_CHECKING:
    from mime_fast.async_generator import AsyncGenerator
    from mime_fast.config import GenerationConfig
    from mime_fast.generator import Generator
    from mime_fast.types import Response, TokenEvent

    __version__: str

__all__ = [
    "AsyncGenerator",
    "GenerationConfig",
    "Generator",
    "Response",
    "TokenEvent",
    "__version__",
]

_HOMES = {
    "AsyncGenerator": "mime_fast.async_generator",
    "GenerationConfig": "mime_fast.config",
    "Generator": "mime_fast.generator",
    "Response": "mime_fast.types",
    "TokenEvent": "mime_fast.types",
}

check_built()  # before work begins: what needs the extension is imported late


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `mime-fast --help` needs none of them."""
    if name == "__version__":
        return import_module("importlib.metadata").version("mime-fast")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
