"""Options of mime-fast respond on a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mime_fast.config import Config, require
from mime_fast.options import option


@dataclass(frozen=True)
class ClusterOptions(Config):
    """Whether Ray answers, and how."""

    ray: bool = option(
        False,
        "Answer the file on the Ray cluster that RAY_ADDRESS names, or on one of this machine.",
        flags=("--ray",),
        group="Ray",
    )
    out: Path | None = option(
        None,
        "Write replies there as JSON lines, in parts, instead of showing them. Parts that are "
        "there are not answered again.",
        group="Ray",
    )
    actors: int | None = option(
        None,
        "Processes that answer, with --threads each (1); default: as many as the CPUs allow.",
        within="[1, inf)",
        group="Ray",
    )
    part_lines: int = option(1000, "Lines of a part.", within="[1, inf)", group="Ray")

    def _check_combinations(self) -> None:
        for each in fields(self):
            given = getattr(self, each.name) != each.default
            flag = each.name.replace("_", "-")
            require(self.ray or not given, f"--{flag} goes with --ray; give both or none")


def count_machines(nodes: Sequence[Mapping[str, Any]]) -> int:
    """Machines of a cluster, of what ray.nodes() lists: those that are dead stay in it."""
    return sum(bool(node["Alive"]) for node in nodes)
