"""The converter of the authors' checkpoints: what it keeps, and what it refuses."""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mime_fast import checkpoint
from mime_fast.config import ModelConfig
from mime_fast.convert import ConvertError, convert
from mime_fast.convert.forms import MIME, MULTI_TR, Form
from mime_fast.files import WriteError
from mime_fast.models import parameter_shapes
from mime_fast.text.tokenizer import SPECIAL_WORDS

CONFIG = ModelConfig(
    vocab_size=10,
    hidden_dim=4,
    num_heads=2,
    key_dim=6,
    filter_dim=5,
    num_layers=2,
    latent_dim=3,
    shared_log_variance=True,
    shared_response_encoder=False,
    objective="released",
)
WORDS = ["i", "hear", "."]
EMBEDDING, OUTPUT = "embedding.lut.weight", "generator.proj.weight"

State = dict[str, Tensor]


@pytest.fixture
def state() -> State:
    return random_state(MIME, CONFIG)


def random_state(form: Form, config: ModelConfig) -> State:
    """A state dict in the form that the authors' code of that system saves."""
    generator = torch.Generator().manual_seed(0)
    shapes = {form.name(n): s for n, s in parameter_shapes(config).items()}
    shapes |= {f"{name}.weight": (2, 4) for name in form.leftovers}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return tmp_path


def run(folder: Path, **options: Any) -> ModelConfig:
    return convert(folder / "model", folder / "out", folder / "words.txt", **options)


def refused(folder: Path, **options: Any) -> str:
    """The message of the refusal; nothing may have been written."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(ConvertError) as caught:
        run(folder, **options)
    assert sorted(folder.rglob("*")) == before
    return str(caught.value)


def refused_state(folder: Path, state: Any, **options: Any) -> str:
    torch.save({"model": state}, folder / "model")
    return refused(folder, **options)


# What is kept.


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("emotion_embedding.weight", "emoji_embedding.weight"),
        ("response_emotions.prior.negative_mean.bias", "vae_sampler.mu_prior_negative.bias"),
        (
            "response_emotions.posterior.positive_log_variance.weight",
            "vae_sampler.logvar_posterior_positive.weight",
        ),
        (
            "response_emotions.posterior_positive_hidden.weight",
            "vae_sampler.h_posterior_postive.weight",
        ),
        ("context_encoder.norm.bias", "encoder.layer_norm.beta"),
        (
            "non_mimicking_response_encoder.layers.1.feed_forward.outer.bias",
            "emotion_input_encoder_2.enc.enc.1.positionwise_feed_forward.layers.1.conv.bias",
        ),
        (
            "response_encoder.layers.0.attention_norm.weight",
            "emotion_input_encoder_1.enc.enc.0.layer_norm_mha.gamma",
        ),
        (
            "decoder.layers.0.cross_attention.output.weight",
            "decoder.dec.0.multi_head_attention_enc_dec.output_linear.weight",
        ),
        (
            "decoder.layers.0.attention.query.weight",
            "decoder.dec.0.multi_head_attention_dec.query_linear.weight",
        ),
        ("decoder.layers.0.cross_attention_norm.bias", "decoder.dec.0.layer_norm_mha_enc.beta"),
        ("fusion.output.bias", "cdecoder.fc2.bias"),
        ("output.weight", "generator.proj.weight"),
    ],
)
def test_names(ours: str, theirs: str) -> None:
    assert MIME.name(ours) == theirs


def as_training_writes(state: State) -> Any:
    ordered = OrderedDict(state)
    vars(ordered)["_metadata"] = OrderedDict({"": {"version": 1}})  # as state_dict() has it
    return {"iter": 11999, "optimizer": {"state": {}}, "current_loss": 37.5, "model": ordered}


def as_bare_state(state: State) -> Any:
    return state


@pytest.mark.parametrize("wrap", [as_training_writes, as_bare_state])
@pytest.mark.parametrize("is_zip", [True, False])  # False: what torch wrote in 2020
def test_every_tensor_arrives(
    folder: Path, state: State, wrap: Callable[[State], Any], is_zip: bool
) -> None:
    torch.save(wrap(state), folder / "model", _use_new_zipfile_serialization=is_zip)
    assert run(folder) == CONFIG
    loaded = checkpoint.load(folder / "out")
    assert loaded.config == CONFIG
    assert loaded.tokenizer.words == [*SPECIAL_WORDS, *WORDS]
    assert loaded.tensors.keys() == parameter_shapes(CONFIG).keys()
    for name, tensor in loaded.tensors.items():
        assert np.array_equal(tensor, state[MIME.name(name)].numpy()), name


def test_options_that_the_file_does_not_show(folder: Path, state: State) -> None:
    torch.save(state, folder / "model")
    wanted = CONFIG.replace(num_heads=3, mean_query=True)
    assert run(folder, heads=3, mean_query=True) == wanted
    assert checkpoint.load(folder / "out").config == wanted
    card = (folder / "out" / checkpoint.CARD).read_text(encoding="utf-8")
    assert "heads 3, mean_query True" in card


def test_shared_weights_are_found_and_stored_once(folder: Path, state: State) -> None:
    state[OUTPUT] = state[EMBEDDING]
    torch.save(state, folder / "model")
    assert run(folder) == CONFIG.replace(tie_embeddings=True)
    assert "output.weight" not in checkpoint.load(folder / "out").tensors


def test_leftovers_are_not_needed_and_not_read(folder: Path, state: State) -> None:
    state.pop("decoder_key.weight")
    state["e_weight.weight"] = torch.full((2,), float("nan"))
    torch.save(state, folder / "model")
    assert run(folder) == CONFIG


def test_other_float_types_become_float32(folder: Path, state: State) -> None:
    state[EMBEDDING] = state[EMBEDDING].half()
    state[OUTPUT] = torch.nn.Parameter(state[OUTPUT].double())
    torch.save(state, folder / "model")
    run(folder)
    assert checkpoint.load(folder / "out").tensors["embedding.weight"].dtype == np.float32


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_vocabulary_with_the_special_words(
    folder: Path, state: State, prefix: str, newline: str
) -> None:
    text = prefix + newline.join([*SPECIAL_WORDS, *WORDS])
    (folder / "words.txt").write_bytes(text.encode())
    torch.save(state, folder / "model")
    run(folder)
    assert checkpoint.load(folder / "out").tokenizer.words == [*SPECIAL_WORDS, *WORDS]


def test_an_empty_directory_is_a_place_to_write_to(folder: Path, state: State) -> None:
    (folder / "out").mkdir()
    torch.save(state, folder / "model")
    run(folder)
    assert checkpoint.load(folder / "out").config == CONFIG


# What is refused: files.


def test_missing_file(folder: Path) -> None:
    assert "no file at" in refused(folder)


def test_directory_for_a_file(folder: Path) -> None:
    (folder / "model").mkdir()
    assert "no file at" in refused(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"PK\x03\x04",
        b"version https://git-lfs",
        b"\x80\x02}q\x00.",
        bytes(range(256)),
    ],
)
def test_not_a_torch_file(folder: Path, content: bytes) -> None:
    (folder / "model").write_bytes(content)
    message = refused(folder)
    assert "is not a whole torch file" in message
    assert "download it again" in message


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_truncated_file(folder: Path, state: State, is_zip: bool, share: float) -> None:
    torch.save(state, folder / "model", _use_new_zipfile_serialization=is_zip)
    content = (folder / "model").read_bytes()
    (folder / "model").write_bytes(content[: int(len(content) * share)])
    assert "is not a whole torch file" in refused(folder)


class Bomb:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[[str], Any], argument: str) -> None:
        self.call = function, (argument,)

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return self.call


def save_zip(content: Any, path: Path) -> None:
    torch.save(content, path)


def save_legacy(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def save_pickle(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_pickle])
@pytest.mark.parametrize(
    ("function", "code", "named"),
    [(os.system, "touch {}", "system"), (eval, "open({!r}, 'w')", "eval")],
)
def test_code_in_a_file_is_never_run(
    folder: Path,
    state: State,
    save: Callable[[Any, Path], None],
    function: Callable[[str], Any],
    code: str,
    named: str,
) -> None:
    marker = folder / "ran"
    bomb = Bomb(function, code.format(str(marker)))
    save({"model": state if save is not save_pickle else {}, "optimizer": bomb}, folder / "model")
    message = refused(folder)
    assert not marker.exists()
    if save is not save_pickle:  # a plain pickle is not a torch file in the first place
        assert named in message
        assert "It was not run" in message


@pytest.mark.parametrize("content", [3, [], "model", {}, {"model": {}}, {"model": [1, 2]}])
def test_no_state_dict(folder: Path, content: Any) -> None:
    torch.save(content, folder / "model")
    assert "holds no state dict" in refused(folder)


@pytest.mark.parametrize("part", [3, [1, 2], torch.zeros(2)])
def test_a_module_without_a_state_dict_is_named(folder: Path, part: Any) -> None:
    torch.save({"encoder_state_dict": {}, "generator_dict": part}, folder / "model")
    message = refused(folder)
    assert "the state dict of generator is of type" in message
    assert type(part).__name__ in message


def test_a_module_that_is_missing_is_named(folder: Path) -> None:
    torch.save({"embedding_dict": {"lut.weight": torch.zeros(9, 4)}, "iter": 1}, folder / "model")
    assert "it is not a state dict of the authors' MIME, or not whole" in refused(folder)


@pytest.mark.parametrize(("name", "value"), [("iter", 12), (7, torch.zeros(2))])
def test_state_dict_of_something_else(folder: Path, state: State, name: Any, value: Any) -> None:
    message = refused_state(folder, state | {name: value})
    assert "holds no state dict" in message
    assert repr(name) in message


# What is refused: state dicts.


@pytest.mark.parametrize(
    "name",
    [
        EMBEDDING,
        OUTPUT,
        "encoder.enc.0.multi_head_attention.query_linear.weight",
        "encoder.enc.0.positionwise_feed_forward.layers.0.conv.bias",
        "vae_sampler.mu_prior_positive.bias",
        "decoder.dec.1.layer_norm_mha_enc.gamma",
        "emoji_embedding.weight",
    ],
)
def test_missing_tensor(folder: Path, state: State, name: str) -> None:
    del state[name]
    message = refused_state(folder, state)
    assert name in message
    assert "miss" in message


@pytest.mark.parametrize("name", ["decoder.dec.2.layer_norm_ffn.beta", "experts.0.weight"])
def test_unknown_tensor(folder: Path, state: State, name: str) -> None:
    assert f"unknown {name}" in refused_state(folder, state | {name: torch.zeros(4)})


@pytest.mark.parametrize(
    ("name", "shape"),
    [("emoji_embedding.weight", (31, 4)), ("s_weight.weight", (4,)), (OUTPUT, (9, 4))],
)
def test_wrong_shape(folder: Path, state: State, name: str, shape: tuple[int, ...]) -> None:
    message = refused_state(folder, state | {name: torch.zeros(shape)})
    assert f"{name} has shape {shape}, expected {tuple(state[name].shape)}" in message


@pytest.mark.parametrize("shape", [(), (10,)])
def test_embedding_that_is_no_matrix(folder: Path, state: State, shape: tuple[int, ...]) -> None:
    message = refused_state(folder, state | {EMBEDDING: torch.zeros(shape)})
    assert f"{EMBEDDING} has shape {shape}" in message


def test_sizes_that_no_model_has(folder: Path, state: State) -> None:
    message = refused_state(folder, state | {EMBEDDING: torch.zeros(10, 2)})
    assert "hidden_dim must be an integer in [4, 2**20], got 2" in message


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("cdecoder.dec.0.multi_head_attention_enc_dec.query_linear.weight", "emo_combine=att"),
        ("cdecoder.embedding_proj.weight", "emo_combine=att"),
        ("emotion_input_encoder_1.enc.dec.0.layer_norm_ffn.gamma", "emo_input=cross_att"),
        ("encoder.enc.multi_head_attention.query_linear.weight", "universal"),
        ("emotion_input_encoder_2.enc.enc.layer_norm_mha.gamma", "universal"),
    ],
)
def test_options_of_other_models(folder: Path, state: State, name: str, option: str) -> None:
    renamed = {n: t for n, t in state.items() if not n.startswith(name.partition(".")[0])}
    message = refused_state(folder, renamed | {name: torch.zeros(2)})
    assert option in message
    assert name in message
    assert "not supported" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", [EMBEDDING, OUTPUT, "cdecoder.fc1.bias"])
def test_not_finite(folder: Path, state: State, name: str, value: float) -> None:
    state[name].view(-1)[2] = value
    assert f"{name} holds NaN or infinity" in refused_state(folder, state)


def test_too_large_for_float32(folder: Path, state: State) -> None:
    state["s_weight.weight"] = torch.full((4, 4), 1e300, dtype=torch.float64)
    assert "s_weight.weight holds NaN or infinity" in refused_state(folder, state)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(4, 4, dtype=torch.int64),
        torch.zeros(4, 4, dtype=torch.complex64),
        torch.zeros(4, 4).to_sparse(),
        torch.zeros(4, 4, device="meta"),
        torch.zeros(1).expand(4, 4),  # 16 numbers in the space of one
    ],
    ids=["integers", "complex", "sparse", "meta", "expanded"],
)
def test_tensors_that_are_not_plain_numbers(folder: Path, state: State, tensor: Tensor) -> None:
    message = refused_state(folder, state | {"s_weight.weight": tensor})
    assert "s_weight.weight" in message
    assert "expected plain numbers" in message


@pytest.mark.parametrize("heads", [4, 5])
def test_heads_that_do_not_divide_the_key_width(folder: Path, state: State, heads: int) -> None:
    message = refused_state(folder, state, heads=heads)
    assert f"heads={heads} does not divide the key width 6" in message


@pytest.mark.parametrize("heads", [0, -2])
def test_heads_that_are_none(folder: Path, state: State, heads: int) -> None:
    assert f"heads must be at least 1, got {heads}" in refused_state(folder, state, heads=heads)


def test_files_may_have_any_name(folder: Path, state: State) -> None:
    source, out, words = (folder / os.fsdecode(name) for name in (b"m\xff", b"o\xff", b"w\xff"))
    torch.save({"model": state}, source)
    (folder / "words.txt").rename(words)
    config = convert(source, out, words)
    assert checkpoint.load(out).config == config
    assert "m\ufffd (SHA-256" in (out / "README.md").read_text(encoding="utf-8")


def test_a_disk_that_is_full_is_named(
    folder: Path, state: State, mount: Callable[..., Path]
) -> None:
    torch.save({"model": state}, folder / "model")
    disk = mount("size=16k")
    with pytest.raises(WriteError, match=r"out cannot be written \(.*No space left.*nothing is wr"):
        convert(folder / "model", disk / "out", folder / "words.txt")
    assert list(disk.iterdir()) == []


# What is refused: vocabularies and places to write to.


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"i\nhear\n", "makes 9 ids (7 special, 2 words), but the model in the file has 10"),
        (b"i\nhear\n.\n!\n", "makes 11 ids"),
        (b"", "makes 7 ids"),
        (b"UNK\nPAD\nEOS\nSOS\nUSR\nSYS\nCLS\n", "makes 7 ids"),
        (b"i\nhear\ni\n", "words.txt:3: repeats 'i' of line 1; every word has one id"),
        (b"i\nhear\n\n", ":3: a word must be non-empty"),
        (b"i\nhear you\n.\n", "'hear you'"),
        (b"i\nhear\nPAD\n", "'PAD'"),
        (b"i\nhear\xff\n.\n", "is not UTF-8"),
    ],
)
def test_vocabulary_that_does_not_fit(
    folder: Path, state: State, content: bytes, named: str
) -> None:
    (folder / "words.txt").write_bytes(content)
    message = refused_state(folder, state)
    assert named in message
    assert "words.txt" in message


def test_missing_vocabulary(folder: Path, state: State) -> None:
    (folder / "words.txt").unlink()
    assert "no vocabulary at" in refused_state(folder, state)


def test_existing_checkpoint_is_not_replaced(folder: Path, state: State) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "config.json").write_text("{}", encoding="utf-8")
    assert "exists already; name a new directory" in refused_state(folder, state)
    assert (folder / "out" / "config.json").read_text(encoding="utf-8") == "{}"


def test_existing_file_is_not_replaced(folder: Path, state: State) -> None:
    (folder / "out").write_text("mine", encoding="utf-8")
    assert "exists already" in refused_state(folder, state)


def test_link_to_nowhere_is_not_replaced(folder: Path, state: State) -> None:
    (folder / "out").symlink_to(folder / "nowhere")
    assert "exists already" in refused_state(folder, state)


# torch is optional.


def test_without_torch(folder: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(state, folder / "model")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mime-fast\[train\]'"):
        run(folder)


def test_importing_it_does_not_import_torch() -> None:
    check = "import sys, mime_fast.convert; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_multitask_transformer_is_told_by_its_names(folder: Path, layers: int) -> None:
    config = ModelConfig(
        vocab_size=10,
        architecture="multi_tr",
        hidden_dim=4,
        num_heads=2,
        key_dim=6,
        filter_dim=5,
        num_layers=layers,
        objective="released",
    )
    state = random_state(MULTI_TR, config)
    torch.save({"model": state}, folder / "model")
    assert run(folder) == config
    tensors = checkpoint.load(folder / "out").tensors
    theirs = state["decoder_key.weight"].numpy()
    np.testing.assert_array_equal(tensors["emotion_classifier.weight"], theirs)


def test_listeners_of_a_system_without_any_are_refused(folder: Path, state: State) -> None:
    message = refused_state(folder, state, top_listeners=3)
    assert "is of MIME, which has no listeners; leave out top_listeners=3" in message
