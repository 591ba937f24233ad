from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mime_fast.config import ModelConfig
from mime_fast.emotions import POSITIVE as POSITIVE_IDS
from mime_fast.models.crossing import CrossDecoder, DecoderConfig, copy_layers
from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.models.mime_base import Context, MimeBase, MimeBaseMemory, draw_intent
from mime_fast.systems.mime_base import SHAPE
from mime_fast.text.special import CLS, EOS, PAD, SOS, SYS, USR

CONFIG = ModelConfig(
    architecture="mime_base",
    context_vocab_size=40,
    vocab_size=50,
    max_positions=32,
    hidden_dim=24,
    num_heads=4,
    filter_dim=32,
    num_layers=2,
    refinement_filter_dim=16,
    decoder_dim=32,
    decoder_heads=4,
    decoder_kv_heads=2,
    decoder_filter_dim=40,
    decoder_layers=2,
    latent_dim=5,
    intents=3,
)
TOKENS = torch.tensor([[CLS, 7, 8, 9, EOS], [CLS, 11, EOS, PAD, PAD]])
SPEAKERS = torch.tensor([[CLS, USR, SYS, USR, USR], [CLS, USR, USR, PAD, PAD]])
REAL = TOKENS != PAD
REPLY = torch.tensor([[SOS, 15, 16, 17], [SOS, 9, 8, PAD]])
POSITIVE = torch.tensor([True, False])


@pytest.fixture
def model() -> MimeBase:
    torch.manual_seed(0)
    return MimeBase(CONFIG).eval()


def compose(model: MimeBase, context: Context, **changes: Tensor) -> MimeBaseMemory:
    rows = len(context.query)
    given = {
        "noise": torch.zeros(rows, 2, CONFIG.latent_dim),
        "positive": POSITIVE[:rows],
        "intent": torch.eye(CONFIG.intents)[:rows],
    }
    return model.compose(context, context.prior, **{**given, **changes})


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_batch(model: MimeBase) -> None:
    both = compose(model, model.read(TOKENS, SPEAKERS, REAL))
    alone = compose(
        model,
        model.read(TOKENS[1:, :3], SPEAKERS[1:, :3], REAL[1:, :3]),
        positive=POSITIVE[1:],
        intent=torch.eye(CONFIG.intents)[1:2],
    )
    together = model.decode(REPLY, both)[1:]
    assert torch.allclose(together, model.decode(REPLY[1:], alone), atol=1e-5)


@torch.inference_mode()
def test_a_prefix_does_not_depend_on_what_follows(model: MimeBase) -> None:
    memory = compose(model, model.read(TOKENS, SPEAKERS, REAL))
    whole = model.decode(REPLY, memory)
    for end in range(1, REPLY.shape[1]):
        assert torch.allclose(model.decode(REPLY[:, :end], memory), whole[:, :end], atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"noise": torch.ones(2, 2, CONFIG.latent_dim)},
        {"positive": ~POSITIVE},
        {"intent": torch.eye(CONFIG.intents)[1:]},
    ],
)
@torch.inference_mode()
def test_noise_polarity_and_intent_reach_the_reply(
    model: MimeBase, change: dict[str, Tensor]
) -> None:
    context = model.read(TOKENS, SPEAKERS, REAL)
    usual = model.decode(REPLY, compose(model, context))
    other = model.decode(REPLY, compose(model, context, **change))
    assert (usual - other).abs().amax((1, 2)).min() > 1e-4


@torch.inference_mode()
def test_mimicry_swaps_the_groups(model: MimeBase) -> None:
    context = model.read(TOKENS, SPEAKERS, REAL)
    mixture = compose(model, context).mixture
    mimicked, opposed = model._mimic(mixture, POSITIVE)
    again, others = model._mimic(mixture, ~POSITIVE)
    assert torch.equal(mimicked, others)
    assert torch.equal(opposed, again)
    assert torch.allclose(mixture.positive.sum(-1), torch.ones(2))


def test_every_parameter_learns(model: MimeBase) -> None:
    context = model.read(TOKENS, SPEAKERS, REAL)
    evidence = model.reply_evidence(REPLY, REPLY != PAD)
    posterior = model.response_emotions.infer_posterior(context.query, evidence)
    memory = compose(model, replace(context, prior=posterior))
    found = [model.project(model.decode(REPLY, memory)), context.emotion_logits]
    found += [context.intent_logits, *(part for latent in context.prior for part in latent)]
    found += [part for latent in posterior for part in latent]
    torch.stack([tensor.square().sum() for tensor in found]).sum().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.inference_mode()
def test_a_decoder_starts_from_layers_of_a_language_model() -> None:
    shape = {"hidden_dim": 32, "num_heads": 4, "num_kv_heads": 2, "filter_dim": 40}
    llama = Llama(LlamaConfig(vocab_size=50, num_layers=3, **shape)).eval()
    decoder = CrossDecoder(
        DecoderConfig(vocab_size=50, num_layers=2, memory_dim=24, **shape)
    ).eval()
    copy_layers(decoder, llama.state_dict(), [0, 2])
    for name, parameter in decoder.named_parameters():
        if "cross_attention.output" in name:
            torch.nn.init.zeros_(parameter)
    llama.layers = torch.nn.ModuleList([llama.layers[0], llama.layers[2]])
    memory = torch.randn(2, 5, 24)
    states = decoder(REPLY, torch.zeros(2, 32), memory, REAL)
    assert torch.allclose(states, llama(REPLY), atol=1e-6)


def test_the_default_shape_fits_what_it_starts_from() -> None:
    shape = {**SHAPE, "context_vocab_size": 30_522, "max_positions": 512}
    with torch.device("meta"):
        model = MimeBase(ModelConfig(architecture="mime_base", vocab_size=12_723, **shape))
    sizes = {
        name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
    }
    assert sizes["context_encoder"] == 22_565_376  # as MiniLM's card has it, less its pooler


@torch.inference_mode()
def test_encode_draws_mixtures_and_intent_from_the_noise(model: MimeBase) -> None:
    noise = torch.randn(2, CONFIG.latents, CONFIG.noise_dim)
    found = model.encode(TOKENS, SPEAKERS, noise)
    context = model.read(TOKENS, SPEAKERS, REAL)
    recognised = torch.isin(context.emotion_logits.argmax(-1), model.positive_ids)
    expected = compose(
        model,
        context,
        noise=noise[:, :2, : CONFIG.latent_dim],
        positive=recognised,
        intent=draw_intent(context.intent_logits, noise[:, 2, : CONFIG.intents]),
    )
    assert torch.equal(found.context, expected.context)
    assert torch.equal(found.conditioning, expected.conditioning)
    forced = model.encode(TOKENS, SPEAKERS, noise, emotion=torch.tensor([POSITIVE_IDS[0]] * 2))
    assert forced.mimics_positive.all()


@torch.inference_mode()
def test_rows_can_be_selected_and_joined(model: MimeBase) -> None:
    noise = torch.randn(2, CONFIG.latents, CONFIG.noise_dim)
    both = model.encode(TOKENS, SPEAKERS, noise)
    short = model.encode(TOKENS[1:, :3], SPEAKERS[1:, :3], noise[1:])
    joined = type(both).join([short, both.select(torch.tensor([0]))])
    expected = model.decode(REPLY[:1].expand(2, -1), both.select(torch.tensor([1, 0])))
    assert torch.allclose(model.decode(REPLY[:1].expand(2, -1), joined), expected, atol=1e-5)


def test_intents_are_drawn_as_often_as_they_are_likely() -> None:
    shares = torch.tensor([0.6, 0.3, 0.1])
    logits = shares.log().expand(20_000, 3)
    drawn = draw_intent(logits, torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(drawn.mean(0), shares, atol=0.015)
    assert draw_intent(logits[:1], torch.zeros(1, 3)).argmax() == 0


def test_heads_that_do_not_fit_are_named() -> None:
    for name in ("decoder_heads", "decoder_kv_heads", "num_heads"):
        with pytest.raises(ValueError, match=rf"must be a multiple of .*{name}"):
            CONFIG.replace(**{name: 7})
