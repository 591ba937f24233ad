from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import pre_tokenizers

from mime_fast.config import ModelConfig
from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.models.mime_base import MimeBase
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer
from mime_fast.training.config import LearnConfig, ReplyWeights
from mime_fast.training.language_model.conversations import encode_conversation
from mime_fast.training.language_model.dialogue_model import DialogueModel
from mime_fast.training.replies.distill import (
    KEPT,
    Taught,
    load_turns,
    record,
    save_turns,
    teach,
)
from mime_fast.training.replies.frozen import FrozenStates, placed
from mime_fast.training.replies.learn import LearnReplies, reply_costs
from mime_fast.training.replies.pairs import UNKNOWN, Pair, PairEncoder, collate
from mime_fast.training.stage import StageRun

PIECES = PieceTokenizer(sorted(pre_tokenizers.ByteLevel.alphabet()), [])
LETTERS = [*"abcdefghijklmnopqrstuvwxyz.", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
WORDS = WordPieceTokenizer(LETTERS)
TALK = {5: ["my cat is lost", "oh no", "yes", "i am sorry"], 16: ["i won", "great", "yes", "wow"]}


def tiny_model() -> MimeBase:
    torch.manual_seed(0)
    shape = ModelConfig(
        architecture="mime_base",
        vocab_size=PIECES.vocab_size,
        context_vocab_size=WORDS.vocab_size,
        max_positions=64,
        hidden_dim=24,
        num_heads=4,
        filter_dim=32,
        num_layers=1,
        refinement_filter_dim=16,
        decoder_dim=32,
        decoder_heads=4,
        decoder_kv_heads=2,
        decoder_filter_dim=40,
        decoder_layers=1,
        latent_dim=4,
        intents=2,
    )
    model = MimeBase(shape)
    torch.nn.init.normal_(model.decoder.embedding.weight, std=0.1)
    return model


def tiny_teacher() -> DialogueModel:
    torch.manual_seed(1)
    shape = {"hidden_dim": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1}
    return DialogueModel(Llama(LlamaConfig(PIECES.vocab_size, filter_dim=16, **shape))).eval()


def pairs_of_each() -> list[list[Pair]]:
    encoder = PairEncoder(SubwordTokenizer(WORDS, PIECES))
    return [encoder.pairs(turns, emotion) for emotion, turns in TALK.items()]


@pytest.fixture(scope="module")
def taught() -> tuple[list[Pair], Taught]:
    rows = [encode_conversation(PIECES, turns, emotion) for emotion, turns in TALK.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)  # float32 is exact
        recorded = record(tiny_teacher(), rows)
    pairs, found = teach(pairs_of_each(), dict(enumerate(recorded)))
    labelled = [dataclasses.replace(pair, intent=number % 2) for number, pair in enumerate(pairs)]
    return labelled, found


@torch.inference_mode()
def test_a_pair_is_taught_what_the_teacher_says_of_its_reply(
    taught: tuple[list[Pair], Taught],
) -> None:
    pairs, found = taught
    pair, teacher = pairs[1], tiny_teacher()
    ids = encode_conversation(PIECES, TALK[5], 5).ids
    logits = teacher.llama.logits(teacher.llama(torch.tensor([ids[:-1]])))[0]
    best = logits[-len(pair.reply) :].topk(KEPT)
    read, shares, known = found.of(
        torch.tensor([pair.taught]), torch.ones(1, len(pair.reply), dtype=torch.bool)
    )
    assert known.all()
    assert torch.equal(read, best.indices)
    assert torch.allclose(shares, best.values.softmax(-1), atol=1e-3)


def test_a_turn_that_was_not_recorded_teaches_nothing() -> None:
    (recorded,) = record(tiny_teacher(), [encode_conversation(PIECES, TALK[16], 16)])
    pairs, _ = teach(pairs_of_each(), {1: recorded})
    assert [pair.taught == UNKNOWN for pair in pairs] == [True, True, False, False]


def test_recorded_turns_come_back_for_the_same_data(tmp_path: Path) -> None:
    rows = [encode_conversation(PIECES, turns, emotion) for emotion, turns in TALK.items()]
    recorded = record(tiny_teacher(), rows)
    save_turns(tmp_path / "taught", recorded, "these data")
    loaded = load_turns(tmp_path / "taught", "these data")
    assert [sorted(loaded[number]) for number in (0, 1)] == [[1, 3], [1, 3]]
    for number, turns in enumerate(recorded):
        for turn, (ids, shares) in turns.items():
            assert torch.equal(loaded[number][turn][0], ids)
            assert torch.equal(loaded[number][turn][1], shares)
    with pytest.raises(ValueError, match="not recorded of these data"):
        load_turns(tmp_path / "taught", "other data")


class Silent:
    def step(self, step: int, total: int, losses: dict[str, float]) -> None:
        assert {"emotion", "intent"} <= set(losses)
        assert set(losses) <= {"reply", "emotion", "divergence", "mixture", "intent"}

    def validation(self, step: int, figures: dict[str, float]) -> None:
        assert figures["step"] == step


def learned(pairs: list[Pair], folder: Path, **options: Any) -> tuple[MimeBase, dict[str, float]]:
    """A model after some steps, and its figures."""
    config = LearnConfig(
        epochs=60, tokens=200, learning_rate=1e-2, warmup_steps=4, validate_every=60, **options
    )
    stage = LearnReplies(tiny_model(), pairs, pairs, config)
    figures = StageRun(stage, folder / "state.safetensors", config, Silent()).run()[-1]
    return stage.model.eval(), figures


def changed(model: MimeBase) -> set[str]:
    """The parts of a model that are not as they were."""
    before = tiny_model().state_dict()
    return {
        name.split(".")[0]
        for name, tensor in model.state_dict().items()
        if not torch.equal(tensor, before[name])
    }


def test_a_frozen_encoder_stays_and_the_rest_learns(
    taught: tuple[list[Pair], Taught], tmp_path: Path
) -> None:
    model, figures = learned(taught[0], tmp_path, encoder_rate=0.0)
    assert "context_encoder" not in changed(model)
    assert {"decoder", "emotion_classifier", "refinement"} <= changed(model)
    assert figures["emotion_accuracy"] == 1


def test_without_the_reply_s_loss_only_what_recognises_learns(
    taught: tuple[list[Pair], Taught], tmp_path: Path
) -> None:
    model, figures = learned(taught[0], tmp_path, weights=ReplyWeights(reply=0.0))
    recognising = {"context_encoder", "emotion_classifier", "emotion_embedding"}
    assert changed(model) == {*recognising, "intent_classifier"}
    assert figures["emotion_accuracy"] == 1


@torch.inference_mode()
def test_frozen_states_are_those_of_the_encoder(taught: tuple[list[Pair], Taught]) -> None:
    model, pairs = tiny_model().eval(), placed(taught[0])
    frozen = FrozenStates(model, pairs)
    for few in (pairs, pairs[2:], [pairs[1], pairs[0]]):
        batch = collate(few)
        states = model.encode_context(batch.tokens, batch.speakers, batch.real)
        assert torch.allclose(frozen.of(batch)[batch.real], states[batch.real], atol=5e-3)


@pytest.mark.parametrize("has_teacher", [True, False])
def test_it_learns_replies_and_emotions(
    taught: tuple[list[Pair], Taught], tmp_path: Path, has_teacher: bool
) -> None:
    pairs, found = taught
    config = LearnConfig(
        epochs=60, tokens=200, learning_rate=1e-2, warmup_steps=4, validate_every=60
    )
    stage = LearnReplies(tiny_model(), pairs, pairs, config, found if has_teacher else None)
    stage.model.eval()
    with torch.inference_mode():
        before = stage.validate()
    after = StageRun(stage, tmp_path / "state.safetensors", config, Silent()).run()[-1]
    assert after["perplexity"] < before["perplexity"] / 3
    assert after["emotion_accuracy"] == 1


@torch.inference_mode()
def test_a_reply_s_cost_does_not_depend_on_its_batch(
    taught: tuple[list[Pair], Taught],
) -> None:
    model = tiny_model().eval()
    together, _ = reply_costs(model, collate(taught[0]))
    alone = [reply_costs(model, collate([pair]))[0].item() for pair in taught[0]]
    assert together.tolist() == pytest.approx(alone, rel=1e-4)
