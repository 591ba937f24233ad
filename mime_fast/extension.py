"""Where the compiled extension is looked for, and what to do if it is not there."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "mime_fast._C"
FOLDER = Path(__file__).resolve().parent


def check_built() -> None:
    """ImportError with the remedy, if this folder holds no extension for this Python.

    A source checkout hides an installed package from every Python that is started in it. The
    extension of another checkout, which an editable install finds, does not fit these sources.
    """
    spec = find_spec(NAME)
    if spec is not None and spec.origin and Path(spec.origin).parent.resolve() == FOLDER:
        return
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    others = ", ".join(sorted(path.name for path in FOLDER.glob("_C.*.so")))
    found = f"only {others}, built for another one" if others else "it was never built here"
    raise ImportError(
        f"{FOLDER} has no compiled extension _C for {python}: {found}. {_remedy()}",
        name=NAME,
        path=str(FOLDER),
    )


def _remedy() -> str:
    """A checkout is built in place; what pip installed is installed again."""
    root = FOLDER.parent
    if not (root / "setup.py").exists():
        return f"Install it again: {sys.executable} -m pip install --force-reinstall mime-fast"
    return (
        f"This is a source checkout: build it with `{sys.executable} -m pip install --editable "
        f"{root}`, or, if mime-fast is installed elsewhere, start Python in another folder and "
        "take this one out of PYTHONPATH"
    )
