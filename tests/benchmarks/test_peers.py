"""The peers that need nothing but torch answer what the eager engine answers; nothing is timed."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import BY_NAME, LOSSY, OURS, REFERENCE, check, equal_share, torch_cached
from benchmarks.peers.torch_cached import CachedPeer
from benchmarks.peers.torch_modules import block_specials
from benchmarks.peers.torch_static import StaticPeer
from benchmarks.workload import NEW_TOKENS, random_requests
from mime_fast import checkpoint
from mime_fast.checkpoint import Checkpoint

NAMES = (OURS, "authors' loop", "PyTorch eager", "PyTorch int8")


@pytest.fixture(scope="module", params=["tiny_checkpoint", "authors_form"])
def loaded(request: pytest.FixtureRequest) -> Checkpoint:
    path: Path = request.getfixturevalue(request.param)
    return checkpoint.load(path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("context", [1, 12])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # of torch's int8
def test_a_peer_answers_as_it_promises(loaded: Checkpoint, name: str, context: int) -> None:
    requests = random_requests(loaded.config, 3, context)
    peer, reference = (BY_NAME[each].create(loaded, 1) for each in (name, REFERENCE))
    assert check(BY_NAME[name], peer.batch(requests), reference.batch(requests)) > 0
    for request in requests:
        greedy = peer.greedy(request)
        check(BY_NAME[name], [greedy], [reference.greedy(request)])
        check(BY_NAME[name], [peer.beam(request)], [reference.beam(request)])
        assert list(peer.stream(request)) == greedy


@pytest.mark.parametrize("kind", ["cached", "static"])
@pytest.mark.parametrize("context", [1, 12])
def test_a_peer_may_choose_on_the_device(loaded: Checkpoint, kind: str, context: int) -> None:
    """A peer gives the same words without a copy of the logits, as on a GPU."""
    requests = random_requests(loaded.config, 3, context)
    reference = BY_NAME[REFERENCE].create(loaded, 1)
    if kind == "cached":
        encode, decode = torch_cached.modules(loaded)
        block_specials(decode.model)
        peer: Any = CachedPeer(encode, decode, decode.empty_cache, 1)
        peer.on_host = False
    else:
        peer = StaticPeer(loaded, "cpu", build=lambda module: module)
    exact = BY_NAME["PyTorch eager"]
    for _ in range(2):  # a buffer that stays keeps nothing of the reply before
        check(exact, peer.batch(requests), reference.batch(requests))
        for request in requests:
            check(exact, [peer.greedy(request)], [reference.greedy(request)])
            check(exact, [peer.beam(request)], [reference.beam(request)])


def test_other_tokens_are_an_error_only_where_equal_ones_are_promised() -> None:
    right, wrong = [[7] * NEW_TOKENS], [[7] * (NEW_TOKENS - 1) + [8]]
    assert equal_share(wrong, right) == 1 - 1 / NEW_TOKENS
    assert check(BY_NAME["PyTorch int8"], wrong, right) < 1
    with pytest.raises(AssertionError, match="answers other tokens than engine eager"):
        check(BY_NAME["PyTorch eager"], wrong, right)
    with pytest.raises(AssertionError):
        check(BY_NAME["PyTorch int8"], [[7]], right)


def test_lossy_types_of_ours_promise_nothing() -> None:
    for name, contestant in BY_NAME.items():
        if name.startswith(OURS):
            assert (contestant.agreement == "lossy") == (LOSSY in name)
