"""How fast the systems answer: a table for each number of threads."""

from __future__ import annotations

from mime_fast.evaluation.page.markup import Html, Part, absent, join, paragraph, table, tag
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.timings import MEASURE, Speed, Timing

REPLY = "reply"  # the part by which systems are compared


def part(material: Material) -> Part:
    """A table for each number of threads."""
    title, speed = "Speed", material.speed
    if speed is None:
        return Part("speed", title, absent(f"times were not given (--latency, of `{MEASURE}`)."))
    note = paragraph(
        f"Milliseconds on {speed.cpu}, commit {speed.commit}: {speed.workload}. Medians; below "
        "them the tenth and the ninetieth percentile. All systems took turns in one run."
    )
    return Part("speed", title, join([note, *(_table(speed, each) for each in speed.threads)]))


def _table(speed: Speed, threads: int) -> Html:
    systems = speed.systems(threads)
    first = speed.timings.get((threads, systems[0], REPLY))
    rows = []
    for name in systems:
        timings = [speed.timings.get((threads, name, part)) for part in speed.parts]
        reply = speed.timings.get((threads, name, REPLY))
        times = f"{reply.median / first.median:.2f}" if reply and first else ""
        rows.append((name, *(_cell(timing) for timing in timings), times))
    caption = f"{threads} thread{'s' if threads > 1 else ''}"
    return table(caption, ["", *speed.parts, f"reply, times {systems[0]}"], rows)


def _cell(timing: Timing | None) -> object:
    if timing is None:
        return ""
    low_to_high = tag("small", f"{timing.p10:.3f} to {timing.p90:.3f}")
    return join([f"{timing.median:.3f}", low_to_high])
