"""Reads the tables of this package: text files with sections, so that C++ can be built of them too.

`[name]` starts a section and `#` a comment. A line that starts with a blank goes on with the line
above.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def sections(name: str, folder: Path = FOLDER) -> dict[str, list[str]]:
    """The lines of each section of the table `name`.txt."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (folder / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]"), [])
        elif line.startswith(" "):
            lines[-1] += f" {line.strip()}"
        elif line and not line.startswith("#"):
            lines.append(line)
    return found


@cache
def words(name: str, section: str) -> frozenset[str]:
    """The words of a section."""
    return frozenset(" ".join(sections(name)[section]).split())


@cache
def pairs(name: str, section: str) -> dict[str, str]:
    """The lines `left: right` or `left = right` of a section."""
    lines = sections(name)[section]
    mark = " = " if " = " in lines[0] else ": "
    return {left: right for left, _, right in (line.partition(mark) for line in lines)}
