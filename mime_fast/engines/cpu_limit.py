"""How many processors the control groups of Linux let a process use (containers, systemd).

Version 1 and 2, both mounted or one; the group of the process and all those above it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PERIOD = 100_000  # microseconds, where none is written
# Where systems mount them that do not say so in mountinfo: version 2, hybrid, version 1.
USUAL = (
    ("cgroup2", "/sys/fs/cgroup"),
    ("cgroup2", "/sys/fs/cgroup/unified"),
    ("cgroup", "/sys/fs/cgroup/cpu"),
    ("cgroup", "/sys/fs/cgroup/cpu,cpuacct"),
)


class Mount(NamedTuple):
    """A hierarchy of control groups that limits processors."""

    kind: str  # the type of its file system
    point: PurePosixPath
    group: PurePosixPath  # which group of the hierarchy is mounted there


def cpu_quota(root: Path = Path("/")) -> int | None:
    """The least limit that holds, in whole processors, rounded up; None: there is none.

    root: of the file system. What cannot be read, or is malformed, limits nothing.
    """
    groups = _groups(_read(root / "proc/self/cgroup"))
    limits = [
        limit
        for mount in _mounts(_read(root / "proc/self/mountinfo"))
        for folder in _folders(root, mount, groups.get(mount.kind))
        if (limit := _limit(folder, mount.kind)) is not None
    ]
    return min(limits, default=None)


def _groups(text: str) -> dict[str, PurePosixPath]:
    """The group of the process in each kind of hierarchy: lines of id:controllers:path."""
    groups = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        if "cpu" in parts[1].split(","):
            groups["cgroup"] = PurePosixPath(parts[2])
        elif not parts[1]:
            groups["cgroup2"] = PurePosixPath(parts[2])
    return groups


def _mounts(text: str) -> list[Mount]:
    """Lines of: id parent device root point options ... - type source superoptions."""
    mounts = []
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        fields, described = head.split(" "), tail.split(" ")
        if len(fields) < 5 or len(described) < 3:
            continue
        kind, options = described[0], described[2].split(",")
        if not fields[4].startswith("/"):
            continue
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options):
            mounts.append(Mount(kind, _path(fields[4]), _path(fields[3])))
    top = PurePosixPath("/")
    return mounts or [Mount(kind, PurePosixPath(point), top) for kind, point in USUAL]


def _path(field: str) -> PurePosixPath:
    """A path of mountinfo, which writes blanks and backslashes as octal numbers."""
    return PurePosixPath(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field))


def _folders(root: Path, mount: Mount, group: PurePosixPath | None) -> Iterator[Path]:
    """The group's folder and those above it, up to the mount; a group elsewhere has the mount's.

    The group's path is another one than is mounted where a container sees its host's.
    """
    inside = PurePosixPath()
    if group is not None and group.is_relative_to(mount.group) and ".." not in group.parts:
        inside = group.relative_to(mount.group)
    point = root / mount.point.relative_to("/")
    for folder in (inside, *inside.parents):
        yield point / folder


def _limit(folder: Path, kind: str) -> int | None:
    """Return the limit of one control group, in processors."""
    if kind == "cgroup2":
        quota, *period = _read(folder / "cpu.max").split() or [""]
    else:
        quota, period = _read(folder / "cpu.cfs_quota_us"), [_read(folder / "cpu.cfs_period_us")]
    try:
        microseconds, each = int(quota), int(period[0]) if period else PERIOD
    except ValueError:  # "max", or no number
        return None
    return math.ceil(microseconds / each) if microseconds > 0 and each > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip("\n")
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return ""
