"""Words of one reply that are decoded together, as drafts are: as if one after the other."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.kernels.decode_step import decode_step
from mime_fast.text.special import EOS
from tests.kernels.tensors import Draw, check_close, examples
from tests.kernels.test_decoder_kernels import STEPS, random_caches, random_decoder, random_replies

SHAPE = {"layers": 2, "dim": 24, "key_dim": 8, "filter_dim": 10}
HEADS = 2


@examples(6)
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
    stages = torch.zeros(rows, dtype=torch.int32, device=words.device)

    def decode(position: int, count: int) -> torch.Tensor:
        """So many words of each reply from there on, each in a row of its own."""
        for row in range(rows):
            place, draft = divmod(row, group)
            there = draft < count and not (draft > 0 and row == rows - 1)
            at = position + draft if there else 0
            state.generated[row, at] = words[place, at] if there else EOS
            state.positions[row] = at
            before = torch.arange(at, device=words.device)
            columns = (before - position).clamp(min=0) + place * group
            caches.kv_positions[row, :at] = columns.int()
        return decode_step(state, caches, weights, HEADS, EOS, group, stages)

    expected = [decode(position, 1)[own] for position in range(first + group)]
    stages.zero_()
    for position in range(first):
        decode(position, 1)
    found = decode(first, group).unflatten(0, (replies, group))
    for draft in range(group):
        last = replies - (draft == group - 1)
        check_close(found[:last, draft], expected[first + draft][:last])
