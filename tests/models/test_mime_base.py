from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mime_fast.models.crossing import Decoder, DecoderConfig, copy_layers
from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.models.mime_base import Context, MimeBase, MimeBaseConfig, ReplyMemory

CONFIG = MimeBaseConfig(
    word_pieces=40,
    pieces=50,
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
TOKENS = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 3, 0, 0]])
TYPES = torch.zeros_like(TOKENS)
REAL = TOKENS != 0
REPLY = torch.tensor([[2, 5, 6, 7], [2, 9, 8, 1]])
POSITIVE = torch.tensor([True, False])


@pytest.fixture
def model() -> MimeBase:
    torch.manual_seed(0)
    return MimeBase(CONFIG).eval()


def compose(model: MimeBase, context: Context, **changes: Tensor) -> ReplyMemory:
    rows = len(context.query)
    given = {
        "noise": torch.zeros(rows, 2, CONFIG.latent_dim),
        "positive": POSITIVE[:rows],
        "intent": torch.eye(CONFIG.intents)[:rows],
    }
    return model.compose(context, context.prior, **{**given, **changes})


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_batch(model: MimeBase) -> None:
    both = compose(model, model.read(TOKENS, TYPES, REAL))
    alone = compose(
        model,
        model.read(TOKENS[1:, :3], TYPES[1:, :3], REAL[1:, :3]),
        positive=POSITIVE[1:],
        intent=torch.eye(CONFIG.intents)[1:2],
    )
    together = model.decode(REPLY, both)[1:]
    assert torch.allclose(together, model.decode(REPLY[1:], alone), atol=1e-5)


@torch.inference_mode()
def test_a_prefix_does_not_depend_on_what_follows(model: MimeBase) -> None:
    memory = compose(model, model.read(TOKENS, TYPES, REAL))
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
    context = model.read(TOKENS, TYPES, REAL)
    usual = model.decode(REPLY, compose(model, context))
    other = model.decode(REPLY, compose(model, context, **change))
    assert (usual - other).abs().amax((1, 2)).min() > 1e-4


@torch.inference_mode()
def test_mimicry_swaps_the_groups(model: MimeBase) -> None:
    context = model.read(TOKENS, TYPES, REAL)
    mixture = compose(model, context).mixture
    mimicked, opposed = model._mimic(mixture, POSITIVE)
    again, others = model._mimic(mixture, ~POSITIVE)
    assert torch.equal(mimicked, others)
    assert torch.equal(opposed, again)
    assert torch.allclose(mixture.positive.sum(-1), torch.ones(2))


def test_every_parameter_learns(model: MimeBase) -> None:
    context = model.read(TOKENS, TYPES, REAL)
    evidence = model.reply_evidence(REPLY, REPLY != 0)
    posterior = model.response_emotions.infer_posterior(context.query, evidence)
    memory = compose(model, replace(context, prior=posterior))
    found = [model.logits(model.decode(REPLY, memory)), context.emotion_logits]
    found += [context.intent_logits, *(part for latent in context.prior for part in latent)]
    found += [part for latent in posterior for part in latent]
    sum(tensor.square().sum() for tensor in found).backward()  # type: ignore[union-attr]
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.inference_mode()
def test_a_decoder_starts_from_layers_of_a_language_model() -> None:
    shape = {"hidden_dim": 32, "num_heads": 4, "num_kv_heads": 2, "filter_dim": 40}
    llama = Llama(LlamaConfig(vocab_size=50, num_layers=3, **shape)).eval()
    decoder = Decoder(DecoderConfig(vocab_size=50, num_layers=2, memory_dim=24, **shape)).eval()
    copy_layers(decoder, llama.state_dict(), [0, 2])
    for name, parameter in decoder.named_parameters():
        if "cross_attention.output" in name:
            torch.nn.init.zeros_(parameter)
    llama.layers = torch.nn.ModuleList([llama.layers[0], llama.layers[2]])
    memory = torch.randn(2, 5, 24)
    states = decoder(REPLY, torch.zeros(2, 32), memory, REAL)
    assert torch.allclose(states, llama(REPLY), atol=1e-6)


def test_the_default_shape_fits_what_it_starts_from() -> None:
    with torch.device("meta"):
        model = MimeBase(MimeBaseConfig(word_pieces=30_522, pieces=12_723, max_positions=512))
    assert dataclasses.asdict(model.config)["decoder_layers"] == 4
    sizes = {
        name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
    }
    assert sizes["context_encoder"] == 22_565_376  # as MiniLM's card has it, less its pooler
