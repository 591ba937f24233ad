"""The model, the engines and training against the authors' numbers (see goldens/README.md)."""

import dataclasses
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from torch import Tensor
from torch.nn import functional

from mime_fast import checkpoint
from mime_fast.checkpoint import Checkpoint
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.convert import authors_name, convert
from mime_fast.emotions import POSITIVE
from mime_fast.engines import create_engine, layers
from mime_fast.engines.base import Encoded, Engine
from mime_fast.engines.eager import EagerEngine, load_model
from mime_fast.models.layers import MASKED, Attention
from mime_fast.models.mime import Groups, Memory, Mime, shift_right
from mime_fast.search import BeamSearch, Sampler, Search, decode
from mime_fast.search.constraints import Constraints
from mime_fast.search.hypothesis import log_softmax
from mime_fast.text.tokenizer import EOS, PAD, SOS, SPECIAL_WORDS
from mime_fast.training.objective import Loss, released_loss, standard_normal_divergence
from mime_fast.types import Dialogue, FloatArray, IntArray

GOLDENS = Path(__file__).with_name("goldens")
TINY = ModelConfig(
    vocab_size=60,
    hidden_dim=24,
    key_dim=8,
    filter_dim=10,
    shared_log_variance=True,
    shared_response_encoder=False,
    objective="released",
)
CASES = {
    "a_default_tiny": TINY,
    "b_hop2_heads4_ws_tiny": TINY.replace(num_layers=2, num_heads=4, tie_embeddings=True),
    "h_mean_query_tiny": TINY.replace(mean_query=True),
}
EXAMPLES = range(5)
STEPS = 51  # of the authors' greedy decoding, which goes on behind the end
TOLERANCE = 1e-5  # absolute, float32; the worst is 7e-6, of a log-probability
RELATIVE = 1e-5  # of losses; the worst is 1e-6
SCORE_TOLERANCE = 1e-4  # absolute, of sums of 51 log-probabilities; the worst is 3e-5
GRADIENT_TOLERANCE = 1e-4  # of the norm; the worst is 1.2e-5
UPDATE_TOLERANCE = 5e-3  # of the norm; the worst is 1.4e-3: steps of 3e-7 in numbers of about 1


@dataclass(frozen=True)
class Golden:
    """One case: the authors' numbers, and their checkpoint after its conversion."""

    expected: ModelConfig
    arrays: dict[str, NDArray[Any]]
    checkpoint: Checkpoint

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def below(self, kind: str) -> dict[str, NDArray[Any]]:
        prefix = f"{kind}/"
        return {name.removeprefix(prefix): a for name, a in self.arrays.items() if prefix in name}

    def model(self, *, padding_leak: bool) -> Mime:
        config = self.checkpoint.config.replace(padding_leak=padding_leak)
        return load_model(dataclasses.replace(self.checkpoint, config=config))

    def dialogues(self) -> list[Dialogue]:
        rows = zip(self.arrays["enc_batch"], self.arrays["mask_input"], strict=True)
        return [Dialogue(t[t != PAD].tolist(), s[s != PAD].tolist()) for t, s in rows]

    def noise(self) -> FloatArray:
        groups = [[self.arrays[f"ex{i}_eps_{group}"][0] for group in "pn"] for i in EXAMPLES]
        return np.array(groups, np.float32)  # (examples, 2, latent)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices are tiny: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=CASES)
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    arrays = load_arrays(
        lzma.decompress((GOLDENS / f"{request.param}.safetensors.xz").read_bytes())
    )
    folder = tmp_path_factory.mktemp(request.param)
    state = {
        n.removeprefix("state/"): torch.from_numpy(a) for n, a in arrays.items() if "state/" in n
    }
    torch.save({"iter": 9, "current_loss": 1.0, "model": state}, folder / "model_9")
    expected = CASES[request.param]
    words = [f"w{index}" for index in range(len(SPECIAL_WORDS), expected.vocab_size)]
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    convert(
        folder / "model_9",
        folder / "checkpoint",
        folder / "words.txt",
        heads=expected.num_heads,
        mean_query=expected.mean_query,
    )
    return Golden(expected, arrays, checkpoint.load(folder / "checkpoint"))


@pytest.fixture(params=["eager", "native"])
def engine(request: pytest.FixtureRequest, golden: Golden) -> Engine:
    return create_engine(golden.checkpoint, engine=request.param)


def assert_close(ours: dict[str, Any], golden: Golden, tolerance: float = TOLERANCE) -> None:
    """Absolute deviation of every named array; all that are too large are shown."""
    found = {}
    for name, array in ours.items():
        theirs = golden.arrays[name]
        assert np.shape(array) == theirs.shape, name
        found[name] = float(np.abs(np.asarray(array) - theirs).max())
    assert not {name: deviation for name, deviation in found.items() if not deviation <= tolerance}


def test_conversion_reads_the_options_off_the_tensors(golden: Golden) -> None:
    assert golden.checkpoint.config == golden.expected
    assert golden.checkpoint.tokenizer.words[:9] == [*SPECIAL_WORDS, "w7", "w8"]


# The padded batch in evaluation mode, teacher forcing, with the authors' leak of padding.


@dataclass
class Record:
    """What every module was given and gave, by our name of it."""

    inputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def watch(self, model: Mime) -> None:
        for name, module in model.named_modules():
            module.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Callable[[Any, tuple[Any, ...], Any], None]:
        def hook(module: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
            self.inputs[name], self.outputs[name] = inputs, output

        return hook


@dataclass(frozen=True)
class Evaluation:
    record: Record
    model: Mime
    memory: Memory
    log_probs: Tensor  # (examples, reply length, vocabulary)
    loss: Loss


@pytest.fixture(scope="module")
def evaluation(golden: Golden) -> Evaluation:
    model, record = golden.model(padding_leak=True), Record()
    record.watch(model)
    reply, emotion = golden.tensor("dec_batch"), golden.tensor("emotion_label")
    with torch.no_grad():
        memory = model.encode(
            golden.tensor("enc_batch"),
            golden.tensor("mask_input"),
            Groups(golden.tensor("eval_eps_p"), golden.tensor("eval_eps_n")),
            emotion=emotion,
            reply=reply,
        )
        logits = model.output(model.decode(shift_right(reply), memory))
        loss = released_loss(memory, logits[reply != PAD], reply, emotion)
    return Evaluation(record, model, memory, logits.log_softmax(-1), loss)


def test_intermediates_of_the_padded_batch(golden: Golden, evaluation: Evaluation) -> None:
    inputs, outputs, memory = evaluation.record.inputs, evaluation.record.outputs, evaluation.memory
    dim = golden.expected.hidden_dim
    other = "non_mimicking_response_encoder"
    ours = {
        "eval_encoder_outputs": outputs["context_encoder"],
        "eval_q_h": inputs["emotion_classifier"][0],
        "eval_s_weight_out": outputs["emotion_classifier"],
        "eval_emotion_logits": memory.emotion_logits,
        "eval_mu_p": memory.prior.positive.mean,
        "eval_mu_n": memory.prior.negative.mean,
        "eval_logvar_p": memory.prior.negative.log_variance,
        "eval_E_prob_p": memory.mixture.positive,
        "eval_E_prob_n": memory.mixture.negative,
        "eval_emotions_mimic": inputs["response_encoder"][0][:, 0, dim:],
        "eval_emotions_non_mimic": inputs[other][0][:, 0, dim:],
        "eval_m_out": outputs["response_encoder"],
        "eval_m_tilde_out": outputs[other],
        "eval_v": memory.fused,
        "eval_decoder_out": outputs["decoder"],
        "eval_logp": evaluation.log_probs,
    }
    separately = {
        "eval_attn_dist",
        "eval_eps_p",
        "eval_eps_n",
        *evaluation_sums(evaluation, golden),
    }
    wanted = {name for name in golden.arrays if name.startswith("eval_")}
    assert ours.keys() | separately == wanted
    assert_close(ours, golden)


def test_cross_attention_of_the_last_layer(golden: Golden, evaluation: Evaluation) -> None:
    name = f"decoder.layers.{golden.expected.num_layers - 1}.cross_attention"
    queries, keys, blocked = evaluation.record.inputs[name]
    attention = evaluation.model.get_submodule(name)
    assert isinstance(attention, Attention)
    with torch.no_grad():
        query, key = (
            attention._split(attention.query(queries)),
            attention._split(attention.key(keys)),
        )
        logits = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
        average = logits.masked_fill(blocked[:, None], MASKED).mean(1)
    theirs = golden.tensor("eval_attn_dist")
    assert torch.equal(theirs < MASKED / 2, average < MASKED / 2)
    seen = theirs > MASKED / 2
    assert (average - theirs)[seen].abs().max() < TOLERANCE


def test_every_traced_module(golden: Golden, evaluation: Evaluation) -> None:
    outputs = evaluation.record.outputs
    ours = {f"trace/{authors_name(name)}/0": output for name, output in outputs.items()}
    traced = golden.below("trace")
    assert len(traced) > 20
    assert_close({f"trace/{name}": ours[f"trace/{name}"] for name in traced}, golden)


def evaluation_sums(evaluation: Evaluation, golden: Golden) -> dict[str, list[Tensor]]:
    loss = evaluation.loss
    positive, negative = standard_normal_divergence(evaluation.memory.prior)
    predicted = evaluation.memory.emotion_logits.argmax(-1)
    accuracy = (predicted == golden.tensor("emotion_label")).double().mean()
    return {
        "eval_loss_label_smoothing_sum": [loss.response],
        "eval_kl_pos": [positive],
        "eval_kl_neg": [negative],
        "eval_returned_lossppl_ppl_ce_acc": [loss.nll, loss.nll.exp(), loss.emotion, accuracy],
    }


def test_sums_of_the_padded_batch(golden: Golden, evaluation: Evaluation) -> None:
    for name, numbers in evaluation_sums(evaluation, golden).items():
        theirs = np.atleast_1d(golden.arrays[name]).tolist()
        assert [float(number) for number in numbers] == pytest.approx(theirs, rel=RELATIVE), name


# Each example alone and unpadded, on either engine.


def watch_encoders(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Input and output of every encoder stack that runs from now on, (length, width) each."""
    seen: list[tuple[Any, Any]] = []
    if isinstance(engine, EagerEngine):
        model = engine.model
        for encoder in (model.context_encoder, model.response_encoder):
            encoder.register_forward_hook(lambda _, x, y: seen.append((x[0][0], y[0])))
        other = model.non_mimicking_response_encoder
        assert other is not None
        other.register_forward_hook(lambda _, x, y: seen.append((x[0][0], y[0])))
    else:
        original = layers.encoder

        def recorded(weights: Any, x: FloatArray, *rest: Any) -> FloatArray:
            output = original(weights, x, *rest)
            seen.append((x, output))
            return output

        monkeypatch.setattr(layers, "encoder", recorded)
    return seen


def fused_context(encoded: Encoded) -> Any:
    memory = encoded.memory
    return memory.fused[0] if isinstance(memory, Memory) else memory[0]


@pytest.mark.parametrize("example", EXAMPLES)
def test_encoding(
    golden: Golden, engine: Engine, example: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watch_encoders(engine, monkeypatch)
    noise = golden.noise()[example : example + 1]
    encoded = engine.encode([golden.dialogues()[example]], noise, None)
    (_, context), (mimic, mimicking), (opposed, non_mimicking) = seen
    dim = golden.expected.hidden_dim
    ours = {
        "encoder_outputs": context,
        "emotions_mimic": mimic[0, dim:],
        "emotions_non_mimic": opposed[0, dim:],
        "m_out": mimicking,
        "m_tilde_out": non_mimicking,
        "v": fused_context(encoded),
        "emotion_logits": encoded.emotion_logits[0],
        "E_prob_p": encoded.positive_mixture[0],
        "E_prob_n": encoded.negative_mixture[0],
    }
    if isinstance(encoded.memory, Memory):
        prior = encoded.memory.prior
        ours["mu_p"], ours["logvar_p"] = prior.positive.mean[0], prior.positive.log_variance[0]
        ours["mu_n"] = prior.negative.mean[0]
    assert_close({f"ex{example}_{name}": array[None] for name, array in ours.items()}, golden)
    predicted = int(golden.arrays[f"ex{example}_emo_pred"])
    assert int(encoded.emotion_logits[0].argmax()) == predicted
    assert bool(encoded.mimics_positive[0]) == (predicted in POSITIVE)


def decode_raw(
    golden: Golden, engine: Engine, choose: Callable[[int, FloatArray], IntArray], **options: Any
) -> FloatArray:
    """Logits (examples, steps, vocabulary) of all examples decoded as one batch.

    choose: the step and its logits (examples, vocabulary) -> each example's token.
    """
    encoded = engine.encode(golden.dialogues(), golden.noise(), options.get("emotion"))
    state = engine.start(encoded, list(EXAMPLES))
    tokens, steps = np.full(len(EXAMPLES), SOS), []
    for step in range(STEPS):
        steps.append(engine.step(state, tokens))
        tokens = choose(step, steps[-1])
    return np.stack(steps, 1)


def comparable(engine: Engine, ids: IntArray) -> int:
    """How many steps of a path to compare.

    The authors' model may say PAD and then masks it as a key. So does eager; native, for which PAD
    is never a word, does not, so only its steps up to the first PAD are theirs.
    """
    said = np.flatnonzero(ids == PAD)
    return int(said[0]) + 1 if len(said) and engine.name == "native" else len(ids)


def greedy_raw(golden: Golden, engine: Engine, emotion: int | None) -> FloatArray:
    return decode_raw(golden, engine, lambda _, logits: logits.argmax(-1), emotion=emotion)


def test_greedy_steps(golden: Golden, engine: Engine) -> None:
    logits = greedy_raw(golden, engine, None)
    for example, rows in enumerate(logits):
        assert_close({f"ex{example}_greedy_step_logp": log_softmax(rows)}, golden)
        ids = golden.arrays[f"ex{example}_greedy_raw_ids"]
        assert rows.argmax(-1).tolist() == ids.tolist()


def test_greedy_steps_with_a_given_polarity(golden: Golden, engine: Engine) -> None:
    """The authors' other sources of the polarity: the gold emotion, and VADER's score."""
    ids = {
        is_positive: greedy_raw(golden, engine, emotion).argmax(-1)
        for is_positive, emotion in ((True, 11), (False, 9))  # confident, afraid
    }
    for example in EXAMPLES:
        gold = int(golden.arrays["emotion_label"][example]) in POSITIVE
        vader = bool(golden.arrays["vader_compound"][example] > 0)
        for source, is_positive in (("gold", gold), ("vader", vader)):
            theirs = golden.arrays[f"ex{example}_greedy_raw_ids_{source}"]
            steps = comparable(engine, theirs)
            assert ids[is_positive][example, :steps].tolist() == theirs[:steps].tolist()


def run(golden: Golden, engine: Engine, make: Callable[[], Search]) -> list[Any]:
    """One search an example, decoded together until all have ended."""
    encoded = engine.encode(golden.dialogues(), golden.noise(), None)
    searches = [make() for _ in EXAMPLES]
    for _ in decode(engine, encoded, searches):
        pass
    return searches


def test_greedy_search(golden: Golden, engine: Engine) -> None:
    options = GenerationConfig(max_new_tokens=STEPS, min_new_tokens=0, return_scores=True)
    constraints = Constraints(options, blocked=())
    searches = run(golden, engine, lambda: Sampler(options, 0, engine.sampling, constraints))
    for example, search in enumerate(searches):
        ids = golden.arrays[f"ex{example}_greedy_raw_ids"].tolist()
        wanted = ids[: ids.index(EOS) + 1] if EOS in ids else ids
        (found,) = search.results()
        assert list(found.tokens) == wanted
        log_probs = golden.arrays[f"ex{example}_greedy_step_logp"].max(-1)[: len(wanted)]
        assert found.log_prob == pytest.approx(float(log_probs.sum()), abs=SCORE_TOLERANCE)


BEAM_ARRAYS = ("hyps", "scores", "steps", "prev_ks", "next_ys", "step_scores")


class RecordedBeam(BeamSearch):
    """Remembers each step's back pointers, tokens and scores."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parents: list[list[int]] = []
        self.tokens: list[list[int]] = []
        self.scores: list[list[float]] = []

    def advance(self, logits: FloatArray) -> tuple[list[int], list[int]]:
        parents, tokens = super().advance(logits)
        if parents:  # nothing in the last step: no row goes on
            self.parents.append(parents)
            self.tokens.append(tokens)
            self.scores.append([hypothesis.log_prob for hypothesis in self.live])
        return parents, tokens


def test_beam_search_of_the_authors(golden: Golden, engine: Engine) -> None:
    options = GenerationConfig(
        num_beams=5, num_return_sequences=5, min_new_tokens=0, length_penalty=0.0
    )
    constraints = Constraints(options, blocked=())
    searches = run(
        golden, engine, lambda: RecordedBeam(options, engine.sampling, constraints, freeze=False)
    )
    compared = 0
    for example, search in enumerate(searches):
        theirs = {name: golden.arrays[f"ex{example}_beam_{name}"] for name in BEAM_ARRAYS}
        if comparable(engine, theirs["next_ys"][1:].ravel()) == theirs["next_ys"][1:].size:
            assert_same_beam(search, theirs)
            compared += 1
    assert compared >= 3  # native: see `comparable`


def assert_same_beam(search: RecordedBeam, theirs: dict[str, NDArray[Any]]) -> None:
    found = search.results()
    assert [list(hypothesis.tokens) for hypothesis in found] == theirs["hyps"].tolist()
    scores = [hypothesis.score(0.0) for hypothesis in found]
    assert scores == pytest.approx(theirs["scores"].tolist(), abs=SCORE_TOLERANCE)
    steps = len(search.parents)
    assert steps == theirs["steps"] - 1
    assert search.parents == theirs["prev_ks"][:steps].tolist()
    assert search.tokens == theirs["next_ys"][1 : steps + 1].tolist()
    step_scores = theirs["step_scores"][1 : steps + 1].ravel().tolist()
    assert np.ravel(search.scores).tolist() == pytest.approx(step_scores, abs=SCORE_TOLERANCE)


def test_top_3_of_a_sampled_path(golden: Golden, engine: Engine) -> None:
    paths = np.array([golden.arrays[f"ex{example}_top3_sampled_ids"] for example in EXAMPLES])
    logits = decode_raw(golden, engine, lambda step, _: paths[:, step])
    for example, rows in enumerate(logits):
        scores, ids = engine.sampling.top_k(np.ascontiguousarray(rows), 3)
        steps = comparable(engine, paths[example])
        theirs = golden.arrays[f"ex{example}_top3_ids"]
        assert ids[:steps].tolist() == theirs[:steps].tolist()
        probabilities = np.exp(log_softmax(scores))
        off = np.abs(probabilities - golden.arrays[f"ex{example}_top3_probs"])[:steps]
        assert off.max() < TOLERANCE


# Padding without the leak: an example in a batch is the example alone.


def encode_rows(model: Mime, golden: Golden, rows: slice) -> tuple[Memory, Tensor]:
    """Memory and log-probabilities of some examples, padded to the longest of them."""
    tokens, reply = golden.tensor("enc_batch")[rows], golden.tensor("dec_batch")[rows]
    length, width = (int((t != PAD).sum(1).max()) for t in (tokens, reply))
    noise = Groups(golden.tensor("eval_eps_p")[rows], golden.tensor("eval_eps_n")[rows])
    speakers = golden.tensor("mask_input")[rows, :length]
    with torch.no_grad():
        memory = model.encode(tokens[:, :length], speakers, noise)
        states = model.decode(shift_right(reply[:, :width]), memory)
        return memory, model.output(states).log_softmax(-1)


def padding_deviation(golden: Golden, *, padding_leak: bool) -> float:
    """How far the batch is from its examples alone, anywhere that is not padding."""
    model = golden.model(padding_leak=padding_leak)
    batch, batch_log_probs = encode_rows(model, golden, slice(None))
    worst = 0.0
    for i in EXAMPLES:
        alone, log_probs = encode_rows(model, golden, slice(i, i + 1))
        pairs = [
            (alone.fused[0], batch.fused[i, : alone.fused.shape[1]]),
            (alone.emotion_logits[0], batch.emotion_logits[i]),
            (alone.mixture.positive[0], batch.mixture.positive[i]),
            (alone.mixture.negative[0], batch.mixture.negative[i]),
            (log_probs[0], batch_log_probs[i, : log_probs.shape[1]]),
        ]
        worst = max(worst, *(float((a - b).abs().max()) for a, b in pairs))
    return worst


def test_padding_changes_nothing(golden: Golden) -> None:
    assert padding_deviation(golden, padding_leak=False) < TOLERANCE


def test_the_leak_is_what_it_is_called(golden: Golden) -> None:
    assert padding_deviation(golden, padding_leak=True) > 0.01


# Three steps of the authors' training.


@dataclass(frozen=True)
class Training:
    """Three steps: losses, the first step's state, and what each step had changed by its end."""

    losses: list[Loss]
    memory: Memory
    logits: Tensor
    gradients: dict[str, Tensor]
    changes: list[dict[str, Tensor]]


@pytest.fixture(scope="module")
def training(golden: Golden) -> Training:
    model = golden.model(padding_leak=True).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, 0.98), eps=1e-9)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    steps, changes = [], []
    gradients: dict[str, Tensor] = {}
    for step in range(3):
        optimizer.param_groups[0]["lr"] = float(golden.arrays[f"train{step}_lr"])
        steps.append(train_step(golden, model, step))
        if not gradients:
            gradients = {
                n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None
            }
        optimizer.step()
        optimizer.zero_grad()
        now = dict(model.named_parameters())
        changes.append({name: now[name].detach() - old for name, old in before.items()})
    losses, memories, logits = zip(*steps, strict=True)
    return Training(list(losses), memories[0], logits[0].detach(), gradients, changes)


def train_step(golden: Golden, model: Mime, step: int) -> tuple[Loss, Memory, Tensor]:
    """Forward and backward."""
    reply, emotion = golden.tensor("dec_batch"), golden.tensor("emotion_label")
    noise = [golden.tensor(f"train{step}_eps_prior_{group}") for group in "pn"]
    memory, logits = model(
        golden.tensor("enc_batch"), golden.tensor("mask_input"), emotion, reply, Groups(*noise)
    )
    loss = released_loss(memory, logits, reply, emotion)
    loss.total.backward()
    return Loss(*(value.detach() for value in loss)), memory, logits


@pytest.mark.parametrize("step", range(3))
def test_training_losses(golden: Golden, training: Training, step: int) -> None:
    loss = training.losses[step]
    divergence = golden.arrays[f"train{step}_kl_pos"] + golden.arrays[f"train{step}_kl_neg"]
    nll, perplexity, classification, _ = golden.arrays[f"train{step}_returned_lossppl_ppl_ce_acc"]
    pairs = {
        "total": (loss.total, golden.arrays[f"train{step}_total_loss"]),
        "response": (loss.response, golden.arrays[f"train{step}_loss_label_smoothing_sum"]),
        "divergence": (loss.divergence, divergence),
        "emotion": (loss.emotion, classification),
        "nll": (loss.nll, nll),
        "perplexity": (loss.nll.exp(), perplexity),
    }
    for name, (ours, theirs) in pairs.items():
        assert float(ours) == pytest.approx(float(theirs), rel=RELATIVE), name


def test_training_posterior_and_log_probabilities(golden: Golden, training: Training) -> None:
    posterior = training.memory.posterior
    assert posterior is not None
    ours = {
        "train0_post_mu_p": posterior.positive.mean,
        "train0_post_mu_n": posterior.negative.mean,
        "train0_post_logvar_p": posterior.negative.log_variance,
    }
    assert_close({name: value.detach() for name, value in ours.items()}, golden)
    theirs = golden.tensor("train0_logp")[golden.tensor("dec_batch") != PAD]
    deviation = (functional.log_softmax(training.logits, -1) - theirs).abs().max()
    assert deviation < TOLERANCE


def deviations(ours: dict[str, Tensor], theirs: dict[str, NDArray[Any]]) -> dict[str, float]:
    """By name, the norm of the difference over the authors' norm."""
    relative = {}
    for name, tensor in ours.items():
        golden = torch.from_numpy(theirs[authors_name(name)])
        relative[name] = float((tensor - golden).norm() / golden.norm().clamp(min=1e-12))
    return relative


def test_gradients(golden: Golden, training: Training) -> None:
    theirs = golden.below("gradient")
    assert {authors_name(name) for name in training.gradients} == theirs.keys()
    relative = deviations(training.gradients, theirs)
    assert not {name: d for name, d in relative.items() if not d < GRADIENT_TOLERANCE}


def test_updates_of_three_steps(golden: Golden, training: Training) -> None:
    relative = deviations(training.changes[-1], golden.below("update"))
    assert relative.keys() == dict(golden.model(padding_leak=True).named_parameters()).keys()
    assert not {name: d for name, d in relative.items() if not d < UPDATE_TOLERANCE}


@pytest.mark.parametrize("steps", [0, 2])
def test_fewer_steps_fail_the_test_of_the_updates(
    golden: Golden, training: Training, steps: int
) -> None:
    changes = training.changes[steps - 1]
    changes = changes if steps else {name: torch.zeros_like(c) for name, c in changes.items()}
    relative = deviations(changes, golden.below("update"))
    assert min(relative.values()) > 10 * UPDATE_TOLERANCE
