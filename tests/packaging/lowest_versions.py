"""Print the oldest version of each base dependency that pyproject.toml allows, for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
LOWEST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)>=(?P<version>[0-9.]+)(,.*)?")


def lowest_versions(project: Path = PROJECT) -> list[str]:
    """As `name==version`; ValueError names a dependency without a lower bound."""
    with project.open("rb") as file:
        dependencies = tomllib.load(file)["project"]["dependencies"]
    return [_lowest(dependency) for dependency in dependencies]


def _lowest(dependency: str) -> str:
    match = LOWEST.fullmatch(dependency)
    if match is None:
        raise ValueError(f"a dependency must read name>=version, got {dependency!r}")
    return f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    print(*lowest_versions())
