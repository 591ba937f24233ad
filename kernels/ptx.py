"""What decides a kernel's speed, counted in its compiled code (PTX)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

REGISTER = re.compile(r"%rd\d+")
PARAMETER = re.compile(r"^ld\.param\S*\s+(%rd\d+), \[\w+_param_(\d+)")
LOAD = re.compile(r"^ld\.global\S*?(?:\.v(\d))?\.[bfsu](\d+)\s.*\[\s*(%rd\d+)")
COPY = re.compile(r"^cp\.async\.c[ag]\.shared\S*\s+\[[^\]]*\], \[\s*(%rd\d+)[^\]]*\], (\w+)")
LABEL, BRANCH = re.compile(r"^(\$L__BB\w+):"), re.compile(r"^bra\S*\s+(\$L__BB\w+)")
PREDICATE = re.compile(r"^@!?%p\d+\s+")


class Counted(NamedTuple):
    """What one kernel's code holds. Each instruction counts once, however often its loop runs."""

    load_bytes: int  # of the narrowest load of a weight; 0: no weight is loaded
    loads: int  # of weights
    shuffles: int  # within loops
    barriers: int  # within loops


def count(ptx: str, weights: frozenset[int]) -> Counted:
    """Weights: the numbers of the parameters that point to them."""
    lines = [PREDICATE.sub("", line.split("//")[0].strip()) for line in ptx.splitlines()]
    sources = _sources(lines)
    widths = [width for register, width in _loads(lines) if sources.get(register, set()) & weights]
    looped = [line for first, last in _loops(lines) for line in lines[first:last]]
    return Counted(
        min(widths, default=0),
        len(widths),
        sum(line.startswith("shfl") for line in looped),
        sum(line.startswith(("bar.", "barrier.")) for line in looped),
    )


def _sources(lines: list[str]) -> Mapping[str, set[int]]:
    """Return the parameters that each address was computed from."""
    sources: dict[str, set[int]] = {}
    for line in lines:
        if found := PARAMETER.match(line):
            sources.setdefault(found[1], set()).add(int(found[2]))
    steps = [
        REGISTER.findall(line)
        for line in lines
        if not line.startswith(("ld.", "st.", "cp.", "atom", "red"))
    ]
    changed = True
    while changed:  # an address may come from further below, around a loop
        changed = False
        for target, *others in filter(None, steps):
            known = sources.setdefault(target, set())
            found_now = set().union(*(sources.get(other, set()) for other in others))
            changed = changed or not found_now <= known
            known |= found_now
    return sources


def _loads(lines: list[str]) -> Iterator[tuple[str, int]]:
    """The address's register and the bytes of each load of a thread."""
    for line in lines:
        if load := LOAD.match(line):
            yield load[3], int(load[1] or 1) * int(load[2]) // 8
        elif copy := COPY.match(line):
            yield copy[1], int(copy[2], 0)


def _loops(lines: list[str]) -> list[tuple[int, int]]:
    """First and last lines of the outermost loops: from a label to the last branch back to it."""
    labels = {found[1]: number for number, line in enumerate(lines) if (found := LABEL.match(line))}
    spans = sorted(
        (labels[found[1]], number)
        for number, line in enumerate(lines)
        if (found := BRANCH.match(line)) and labels.get(found[1], number) < number
    )
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged
