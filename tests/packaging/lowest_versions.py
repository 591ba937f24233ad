"""Print the oldest version of each dependency that pyproject.toml allows, for pip.

    python lowest_versions.py [EXTRA ...]

Those of the package itself, and of the extras. torch and triton are left out: pip installs their
oldest builds with gigabytes of CUDA's libraries.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
LOWEST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[.*\])?>=(?P<version>[0-9a-z.]+)(,.*)?")
OWN = re.compile(r"mime-fast\[(?P<extras>.*)\]")
LEFT_OUT = ("torch", "triton")


def lowest_versions(extras: Iterable[str] = (), project: Path = PROJECT) -> list[str]:
    """As `name==version`; ValueError names a dependency without a lower bound."""
    with project.open("rb") as file:
        declared = tomllib.load(file)["project"]
    found = list(map(_lowest, declared["dependencies"]))
    for extra in extras:
        for dependency in declared["optional-dependencies"][extra]:
            if own := OWN.fullmatch(dependency):
                found += lowest_versions(own["extras"].split(","), project)
            elif not dependency.startswith(LEFT_OUT):
                found.append(_lowest(dependency))
    return list(dict.fromkeys(found))


def _lowest(dependency: str) -> str:
    match = LOWEST.fullmatch(dependency)
    if match is None:
        raise ValueError(f"a dependency must read name>=version, got {dependency!r}")
    return f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    print(*lowest_versions(sys.argv[1:]))
