from __future__ import annotations

import torch
from torch.nn import functional

from mime_fast.training.replies.intents import assign, cluster


def blobs(count: int, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    centres = functional.normalize(torch.randn(count, 16), dim=-1)
    vectors = centres.repeat_interleave(each, 0) + 0.05 * torch.randn(count * each, 16)
    return functional.normalize(vectors, dim=-1), torch.arange(count).repeat_interleave(each)


def test_well_separated_replies_share_a_cluster() -> None:
    vectors, groups = blobs(5, 20)
    centres, labels = cluster(vectors, 5, seed=1)
    assert len(set(zip(groups.tolist(), labels.tolist(), strict=True))) == 5
    assert torch.equal(assign(vectors, centres), labels)
    assert torch.allclose(centres.norm(dim=-1), torch.ones(5), atol=1e-5)


def test_a_seed_repeats_the_clusters() -> None:
    vectors, _ = blobs(3, 10)
    first, second = (cluster(vectors, 4, seed=2) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
