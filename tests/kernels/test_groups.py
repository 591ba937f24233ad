"""Words of one reply that are decoded together, as drafts are: as if one after the other."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from triton.runtime.interpreter import interpreter_builder

from benchmarks.gpu.kernel_cases import Case, cases, model_config
from mime_fast.kernels import decode_step as module
from mime_fast.kernels.decode_step import decode_step
from mime_fast.kernels.row_groups import GroupProgress
from mime_fast.text.special import EOS
from tests.kernels.examples import examples
from tests.kernels.inputs import STEPS, new_progress, random_caches, random_decoder, random_replies
from tests.kernels.tensors import ON_GPU, Draw, check_close

SHAPE = {"layers": 2, "dim": 24, "key_dim": 8, "filter_dim": 10}
HEADS = 2


@examples(4)
@given(
    replies=st.integers(1, 2),
    group=st.integers(2, 5),
    first=st.integers(0, 4),
    seed=st.integers(0, 2**32),
)
def test_a_group_sees_what_was_before(replies: int, group: int, first: int, seed: int) -> None:
    """The last reply has one draft less: its last row has ended."""
    draw = Draw(seed)
    weights = random_decoder(draw, SHAPE, torch.float32)
    rows = replies * group
    state, caches = random_replies(draw, rows, 40, 0), random_caches(draw, SHAPE, rows, 2)
    state.limits[:, 0] = STEPS
    words = draw.ids(37, replies, STEPS) + EOS + 1
    own = torch.arange(0, rows, group, device=words.device)
    caches.sources.copy_(caches.sources[own].repeat_interleave(group))
    state.generated.fill_(EOS)
    progress = new_progress(rows, group)

    def decode(position: int, count: int) -> torch.Tensor:
        """Decode `count` words of each reply from a position on, each in a row of its own."""
        for row in range(rows):
            place, draft = divmod(row, group)
            there = draft < count and not (draft > 0 and row == rows - 1)
            at = position + draft if there else 0
            state.generated[row, at] = words[place, at] if there else EOS
            state.positions[row] = at
            before = torch.arange(at, device=words.device)
            columns = (before - position).clamp(min=0) + place * group
            caches.kv_positions[row, :at] = columns.int()
        return decode_step(
            state, caches, weights, heads=HEADS, end_word=EOS, group=group, progress=progress
        )

    expected = [decode(position, 1)[own] for position in range(first + group)]
    progress.stages.zero_()
    for position in range(first):
        decode(position, 1)
    found = decode(first, group).unflatten(0, (replies, group))
    for draft in range(group):
        last = replies - (draft == group - 1)
        check_close(found[:last, draft], expected[first + draft][:last])


def drafts() -> Case:
    """Drafts of one reply, in the middle of it."""
    (case,) = cases("groups", model_config(tiny=True), torch.float32, 1, 0)
    return case


def test_programs_may_start_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that waited for a program that starts later would wait for ever."""
    if ON_GPU:
        pytest.skip("only the interpreter starts programs in a chosen order")
    start = interpreter_builder.set_grid_idx

    def start_last_first(x: int, y: int, z: int) -> None:
        start(interpreter_builder.grid_dim[0] - 1 - x, y, z)

    monkeypatch.setattr(interpreter_builder, "set_grid_idx", start_last_first)
    monkeypatch.setattr(module, "MOST_POLLS", 50)
    ours, twin = drafts(), drafts()
    for _ in range(2):  # the ticket is as it was
        check_close(ours.launch(), twin.twin())
    progress: GroupProgress = ours.arguments[-1]
    assert progress.failed.tolist() == [0]
    assert progress.ticket.tolist() == [0]


def count_atomics(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with a number: how many atomic operations the interpreter has made."""
    made = [0]
    original = interpreter_builder.create_atomic_rmw

    def create(*arguments: object) -> object:
        made[0] += 1
        return original(*arguments)

    monkeypatch.setattr(interpreter_builder, "create_atomic_rmw", create)
    return made


def test_a_failed_reply_costs_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one in each stage of each step until the host looks: 8 steps of 3 stages a layer."""
    if ON_GPU:
        pytest.skip("only the interpreter counts polls")
    polls = 300
    monkeypatch.setattr(module, "MOST_POLLS", polls)
    made = count_atomics(monkeypatch)
    case = drafts()
    case.launch()
    unfailed, made[0] = made[0], 0
    replies, progress = case.arguments[0], case.arguments[-1]
    progress.stages.zero_()
    replies.generated[0, int(replies.positions[0])] = EOS
    case.launch()
    assert polls < made[0] <= unfailed + polls * (len(progress.stages) - 1)
    made[0] = 0
    case.launch()
    assert made[0] <= unfailed
    assert progress.failed.tolist() == [1]


def test_a_row_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply's own row has ended, so that nobody stores what the drafts read."""
    monkeypatch.setattr(module, "MOST_POLLS", 5)
    case = drafts()
    replies, progress = case.arguments[0], case.arguments[-1]
    replies.generated[0, int(replies.positions[0])] = EOS
    case.launch()
    assert progress.failed.tolist() == [1]
    assert progress.ticket.tolist() == [0]
