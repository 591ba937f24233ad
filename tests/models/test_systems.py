"""The systems beside MIME and its ablations, against what their definitions say."""

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS, NEGATIVE, POSITIVE
from mime_fast.models import create_model, parameter_shapes
from mime_fast.models.base import EncoderMemory, ReplyModel, as_word_model, by_group, initialise
from mime_fast.models.mime import Mime, MimeMemory
from mime_fast.models.moel import Moel, MoelMemory
from mime_fast.systems import SYSTEMS
from mime_fast.systems.mime import ABLATIONS
from mime_fast.text.tokenizer import CLS, EOS, PAD, SYS, USR
from mime_fast.training.config import LossWeights
from mime_fast.training.objective import cvae_loss

SMALL = {"vocab_size": 20, "hidden_dim": 16, "key_dim": 8, "filter_dim": 6}
FORMS: list[dict[str, Any]] = [
    {"architecture": "mime"},
    *({name: False} for name in ABLATIONS),
    {"stochastic": False, "grouping": False, "share_emotion_embedding": False},
    {"architecture": "multi_tr", "num_layers": 2},
    {"architecture": "moel", "num_layers": 2},
    {"architecture": "moel", "top_listeners": 0, "mean_query": True},
]
TOKENS = torch.tensor([[CLS, 7, 8, 9, 10], [CLS, 9, 11, PAD, PAD], [CLS, 12, 7, 13, PAD]])
SPEAKERS = torch.tensor([[CLS, USR, SYS, USR, USR], [CLS, USR, USR, PAD, PAD], [CLS, 4, 5, 4, PAD]])
REPLY = torch.tensor([[8, 9, EOS], [7, EOS, PAD], [EOS, PAD, PAD]])
EMOTION = torch.tensor([POSITIVE[2], NEGATIVE[5], 0])
LABEL = torch.eye(len(EMOTIONS))[EMOTION]


def name(form: dict[str, Any]) -> str:
    return "-".join(f"{key}={value}" for key, value in form.items())


def build(seed: int = 0, **options: Any) -> ReplyModel:
    """Weights so large that whatever an option changes is seen."""
    own = {"latent_dim": 4} if options.get("architecture", "mime") == "mime" else {}
    torch.manual_seed(seed)
    model = as_word_model(create_model(ModelConfig.from_dict({**SMALL, **own, **options})))
    initialise(model)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def draw_noise(model: ReplyModel, rows: int = 3) -> Tensor:
    shape = rows, model.config.latents, model.config.noise_dim
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def run(
    model: ReplyModel, noise: Tensor | None = None, emotion: Tensor | None = None
) -> tuple[EncoderMemory, Tensor]:
    """The memory and the states of teacher forcing, (batch, length, dim)."""
    noise = draw_noise(model) if noise is None else noise
    memory = model.encode(TOKENS, SPEAKERS, noise, emotion=emotion)
    return memory, model.decode(torch.tensor([[3, 8, 9]] * 3), memory)


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_padding_and_neighbours_change_nothing(form: dict[str, Any]) -> None:
    model = build(**form)
    noise = draw_noise(model)
    memory, states = run(model, noise)
    with torch.no_grad():
        for row in range(3):
            length = int((TOKENS[row] != PAD).sum())
            part = slice(row, row + 1)
            alone = model.encode(TOKENS[part, :length], SPEAKERS[part, :length], noise[part])
            own = model.decode(torch.tensor([[3, 8, 9]]), alone)
            torch.testing.assert_close(own[0], states[row], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(alone.emotion_logits[0], memory.emotion_logits[row])


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_selected_rows_go_on_as_they_were(form: dict[str, Any]) -> None:
    model = build(**form)
    memory, states = run(model)
    order = torch.tensor([2, 0, 0])
    with torch.no_grad():
        again = model.decode(torch.tensor([[3, 8, 9]] * 3), memory.select(order))
    torch.testing.assert_close(again, states[order])


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_every_parameter_learns(form: dict[str, Any]) -> None:
    model = build(**form).train()
    emotion: Tensor | None = EMOTION
    if isinstance(model, Moel):  # a listener learns from those that hear it, one of a gold emotion
        model.config, emotion = model.config.replace(top_listeners=0), None
    memory, logits = model(TOKENS, SPEAKERS, emotion, REPLY, draw_noise(model))
    cvae_loss(memory, logits, REPLY, LABEL, LossWeights(), 1.0).total.backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_shapes_are_known_without_the_tensors(form: dict[str, Any]) -> None:
    model = build(**form, tie_embeddings=True)
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items() if n != "output.weight"}
    assert parameter_shapes(model.config) == shapes


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_what_reads_the_emotion_says_so(form: dict[str, Any]) -> None:
    model = build(**form)
    states = [
        run(model, emotion=torch.full((3,), emotion))[1] for emotion in (POSITIVE[0], NEGATIVE[0])
    ]
    assert torch.equal(*states) != model.config.reads_emotion


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_what_draws_says_so(form: dict[str, Any]) -> None:
    model = build(**form)
    states = [run(model, noise)[1] for noise in (draw_noise(model), 3 * draw_noise(model))]
    assert torch.equal(*states) != (model.config.latents > 0)


def test_every_system_is_tested() -> None:
    tested = {form.get("architecture", "mime") for form in FORMS}
    assert tested | {"mime_base"} == SYSTEMS.keys()  # which test_mime_base.py tests


# MIME's ablations.


def mime_memory(model: ReplyModel, **options: Any) -> MimeMemory:
    memory, _ = run(model, **options)
    assert isinstance(memory, MimeMemory)
    return memory


def same_weights(ablated: ReplyModel, whole: ReplyModel) -> None:
    own = ablated.state_dict()
    own.update({n: t for n, t in whole.state_dict().items() if n in own})
    ablated.load_state_dict(own)


def test_without_mimicry_the_positive_group_comes_first() -> None:
    whole, ablated = build(), build(seed=1, mimicry=False)
    assert whole.state_dict().keys() == ablated.state_dict().keys()
    same_weights(ablated, whole)
    everyone_positive = mime_memory(whole, emotion=torch.full((3,), POSITIVE[0]))
    torch.testing.assert_close(
        mime_memory(ablated, emotion=EMOTION).context, everyone_positive.context
    )


def test_without_grouping_one_distribution_spans_all_emotions() -> None:
    model = build(grouping=False)
    assert isinstance(model, Mime)
    assert not model.config.mimicry
    dim, emotions = SMALL["hidden_dim"], len(EMOTIONS)
    assert model.fusion.gate.weight.shape == (dim, dim)
    assert model.response_emotions.positive_mixture.weight.shape == (emotions, 4)
    memory = mime_memory(model)
    assert memory.mixture is not None
    shares = torch.cat(list(memory.mixture), -1)
    torch.testing.assert_close(shares.sum(-1), torch.ones(3))

    with torch.no_grad():  # v = fc2(sigmoid(fc1(M)) * M), M refined by d E
        real = TOKENS != PAD
        context = model.encode_context(TOKENS, SPEAKERS, real)
        _, (prior,) = model.response_emotions.infer_prior(context[:, 0])
        z = prior.mean + draw_noise(model)[:, 0] * (prior.log_variance / 2).exp()
        d = model.response_emotions.positive_mixture(z).softmax(-1)
        e = (d @ model.emotion_embedding.weight)[:, None].expand_as(context)
        refined = model.response_encoder(torch.cat([context, e], -1), real)
        v = model.fusion.output(model.fusion.gate(refined).sigmoid() * refined)
    torch.testing.assert_close(memory.context, v)


def test_without_stochasticity_z_is_the_mean() -> None:
    whole, ablated = build(), build(seed=1, stochastic=False)
    assert not any("posterior" in n or "log_variance" in n for n in ablated.state_dict())
    same_weights(ablated, whole)
    means = mime_memory(whole, noise=torch.zeros_like(draw_noise(whole)))
    torch.testing.assert_close(mime_memory(ablated).context, means.context)


def test_an_embedding_of_its_own_leaves_the_mixture_its_own() -> None:
    model = build(share_emotion_embedding=False)
    assert isinstance(model, Mime)
    before = mime_memory(model, emotion=EMOTION)
    with torch.no_grad():
        model.emotion_embedding.weight += 1
    after = mime_memory(model, emotion=EMOTION)
    assert torch.equal(before.emotion_logits, after.emotion_logits)
    assert not torch.allclose(before.context, after.context)


# MoEL.


def moel(**options: Any) -> Moel:
    model = build(architecture="moel", **options)
    assert isinstance(model, Moel)
    return model


@pytest.mark.parametrize("count", [1, 5, 32])
def test_the_likeliest_listeners_share_the_weight(count: int) -> None:
    logits = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    weights = moel(top_listeners=count).listener_weights(logits)
    assert (weights > 0).sum(-1).tolist() == [count] * 4
    kept = logits.where(weights > 0, -torch.inf)
    torch.testing.assert_close(weights, kept.softmax(-1))
    assert logits.where(weights > 0, -9).topk(count).indices.tolist() == (
        logits.topk(count).indices.tolist()
    )


def test_of_equally_likely_listeners_the_first_speak() -> None:
    weights = moel(top_listeners=3).listener_weights(torch.zeros(2, 32))  # as in the native engine
    assert weights.nonzero()[:, 1].tolist() == [0, 1, 2] * 2


def test_all_listeners_speak_where_none_is_left_out() -> None:
    logits = torch.randn(4, 32)
    torch.testing.assert_close(moel(top_listeners=0).listener_weights(logits), logits.softmax(-1))


@pytest.mark.parametrize("top_listeners", [0, 1, 5])
def test_the_mixture_is_the_weighted_sum_of_all_listeners(top_listeners: int) -> None:
    model = moel(top_listeners=top_listeners)
    memory, _ = run(model)
    assert isinstance(memory, MoelMemory)
    decoder, blocked = model.decoder, torch.ones(3, 4, 4, dtype=torch.bool).triu(1)
    x, unseen = torch.randn(3, 4, SMALL["hidden_dim"]), ~memory.real[:, None]
    with torch.no_grad():
        mixed = decoder.mix(x, memory.listeners, blocked, memory.context, unseen)
        expected = decoder.shared_listener(x, blocked, memory.context, unseen)
        for i, listener in enumerate(decoder.listeners):
            heard = listener(x, blocked, memory.context, unseen)
            expected = expected + memory.listeners[:, i, None, None] * heard
    torch.testing.assert_close(mixed, expected, atol=1e-4, rtol=1e-4)


def test_a_given_emotion_is_heard_alone() -> None:
    memory, _ = run(moel(), emotion=EMOTION)
    assert isinstance(memory, MoelMemory)
    assert memory.listeners.argmax(-1).tolist() == EMOTION.tolist()
    assert memory.listeners.max(-1).values.tolist() == [1, 1, 1]
    assert (memory.listeners > 0).sum() == 3
    assert memory.mixture is not None
    groups = by_group(memory.listeners)
    assert torch.equal(memory.mixture.positive, groups.positive)
    assert torch.equal(memory.mixture.negative, groups.negative)


def test_gold_weights_are_shown_less_and_less() -> None:
    model = moel()
    torch.manual_seed(0)
    shares = [
        sum(model.show_emotion(EMOTION, progress) is not None for _ in range(2000)) / 2000
        for progress in (0.0, 0.4, 1.0)
    ]
    assert shares[0] == 1
    assert shares[1] == pytest.approx(0.368, abs=0.04)
    assert shares[2] == pytest.approx(0.082, abs=0.03)


def test_gold_emotions_teach_their_listeners_alone() -> None:
    model = moel().train()
    model.config = model.config.replace(top_listeners=0)
    memory, logits = model(TOKENS, SPEAKERS, EMOTION, REPLY, draw_noise(model))
    cvae_loss(memory, logits, REPLY, LABEL, LossWeights(), 1.0).total.backward()
    taught = {
        place
        for place, listener in enumerate(model.decoder.listeners)
        if any(p.grad is not None and p.grad.any() for p in listener.parameters())
    }
    assert taught == set(EMOTION.tolist())


def test_a_memory_is_not_changed_by_selecting() -> None:
    memory, _ = run(moel())
    before = copy.deepcopy(memory)
    memory.select(torch.tensor([1]))
    for field in dataclasses.fields(memory):
        found, wanted = getattr(memory, field.name), getattr(before, field.name)
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
