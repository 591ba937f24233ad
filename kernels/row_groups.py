"""Rows of a group: words of one reply that are verified together, each behind the one before.

A program waits, three times a layer, for the words before its own. A GPU may start programs in any
order, and not all of them at once. So a program takes the next row when it starts, and waits only
for programs that have started. After about a second it reports a failure, and no row of that group
waits again.
"""

from __future__ import annotations

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

# A row polls so often in one step: about a second, where a step takes some 100 us. What has not
# come by then will not come.
MOST_POLLS = 1 << 20


class GroupProgress(NamedTuple):
    """How far the rows of groups have come. All zeros when a reply begins."""

    stages: Tensor  # int32 (rows,): how many stages of all positions a row has stored
    ticket: Tensor  # int32 (1,): the next row to be decoded; left as 0
    failed: Tensor  # int32 (groups,): becomes 1 if a row waited in vain; its words are wrong then
    # int32 (rows, 3 * layers): polls that a row makes before it stores a stage; only tests delay.
    delays: Tensor | None = None


@triton.jit
def take_row(ticket, rows):
    """The first row that no program has taken; the last program resets the ticket."""
    row = tl.atomic_add(ticket, 1)
    if row == rows - 1:
        tl.atomic_xchg(ticket, 0)
    return row


@triton.jit
def publish(stages, delays, row, stage, a_position):
    """Mark everything up to a stage as stored, by all threads: a barrier is behind them."""
    if delays is not None:
        for _ in range(tl.load(delays + row * a_position + (stage - 1) % a_position)):
            tl.atomic_add(stages + row, 0)
    tl.atomic_xchg(stages + row, stage, sem="release")


@triton.jit
def await_group(
    stages, failed, row, stage, a_position, polls, GROUP: tl.constexpr, POLLS: tl.constexpr
):  # fmt: skip
    """Wait for the rows of the group before this one, at the positions before its own.

    stage: that they must have reached if they were at this row's position. a_position: how many
    stages a position has. polls: how many the row has made in this step; returned with those made
    here.
    """
    first = row // GROUP * GROUP
    for other in range(first, row):
        goal = stage - (row - other) * a_position
        while (polls < POLLS) & (tl.atomic_add(stages + other, 0, sem="acquire") < goal):
            polls += 1
    if polls >= POLLS:
        tl.store(failed + row // GROUP, 1)
    tl.debug_barrier()
    return polls
