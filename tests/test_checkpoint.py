"""The checkpoint directory: round trip, shapes, hostile files, and saving as a whole."""

import itertools
import json
import os
import re
import shutil
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch_file

from mime_fast import Generator, checkpoint, folders
from mime_fast.checkpoint_error import CheckpointError
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.engines import create_engine
from mime_fast.files import WriteError
from mime_fast.models import create_model, parameter_shapes
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.types import FloatArray

VARIANTS = [
    dict(
        zip(
            ("tie_embeddings", "shared_log_variance", "shared_response_encoder"), flags, strict=True
        )
    )
    for flags in itertools.product([False, True], repeat=3)
]
OTHERS: list[dict[str, Any]] = [
    {"num_layers": 3, "mean_query": True},
    {"objective": "released", "padding_leak": True},
    {"num_heads": 8, "hidden_dim": 17, "filter_dim": 3, "latent_dim": 5},
]
BROKEN_CONFIGS = [
    b"",
    b"{",
    b"[]",
    b"[1, 2]",
    b"null",
    b"5",
    b'"text"',
    b"{}",
    b"\xff\xfe{}",
    b"[" * 100_000,
    b'{"format": ' + b"1" * 5000 + b"}",
]
GARBAGE = [
    b"",
    b"\x00",
    bytes(8),
    bytes(1000),
    b"\xff" * 64,
    b"PK\x03\x04 a zip, as torch saves",
    b"\x80\x04\x95 a pickle",
    struct.pack("<Q", 2) + b"[]",
    struct.pack("<Q", 2**60) + b"{}",
    struct.pack("<Q", 9) + b'{"a": 1}\n',
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
]

# What save must notice before it touches the old checkpoint, and the error.
FAULTS = {
    "shape": r"output\.bias has shape \(3,\)",
    "missing": r"missing output\.bias",
    "NaN": r"output\.bias holds NaN or infinity",
    "int64": r"output\.bias is int64; convert it to float32 or float16",
    "overflow": r"output\.bias holds NaN or infinity",
    "words": r"tokenizer\.json holds 9 words",
    "card": "surrogates not allowed",  # the last file of all cannot be encoded
}

Changer = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


def edit_config(folder: Path, change: Changer) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def edit_tensors(folder: Path, change: Changer) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def read_in_python(folder: Path) -> None:
    assert checkpoint.load(folder).tensors


def read_in_cpp(folder: Path) -> None:
    create_engine(checkpoint.load(folder), engine="native")


def fails(
    folder: Path,
    message: str,
    readers: Sequence[Callable[[Path], None]] = (read_in_python, read_in_cpp),
) -> None:
    """Whether the tensors are read in Python or in C++."""
    for read in readers:
        with pytest.raises(CheckpointError, match=message) as caught:
            read(folder)
        assert "\n" not in str(caught.value)


def break_part(fault: str, parts: dict[str, Any]) -> None:
    bias = parts["tensors"].pop("output.bias")
    changed = {
        "shape": bias[:3],
        "NaN": np.full_like(bias, np.nan),
        "int64": bias.astype(np.int64),
        "overflow": np.full_like(bias, np.inf, np.float16),
    }
    if fault != "missing":
        parts["tensors"]["output.bias"] = changed.get(fault, bias)
    if fault == "words":
        parts["tokenizer"] = Tokenizer.from_words(["too", "few"])
    if fault == "card":
        parts["card"] = "\ud800"


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, litter and hidden files included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("stored", [np.float32, np.float16])
@pytest.mark.parametrize("form", ["tiny_config", "authors_config"])
def test_round_trip(
    tmp_path: Path,
    tiny_tokenizer: Tokenizer,
    random_tensors: Callable[[ModelConfig], dict[str, FloatArray]],
    request: pytest.FixtureRequest,
    form: str,
    stored: type[np.floating[Any]],
) -> None:
    config = request.getfixturevalue(form)
    tensors = {name: tensor.astype(stored) for name, tensor in random_tensors(config).items()}
    checkpoint.save(tmp_path / "deep" / "model", config, tiny_tokenizer, tensors, "# Card\n")
    loaded = checkpoint.load(str(tmp_path / "deep" / "model"))
    assert loaded.config == config
    assert loaded.tokenizer.words == tiny_tokenizer.words
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in loaded.tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, tensors[name].astype(np.float32))
    assert sorted(path.name for path in (tmp_path / "deep" / "model").iterdir()) == [
        *("README.md", "config.json", "model.safetensors", "tokenizer.json")
    ]
    assert (tmp_path / "deep" / "model" / "README.md").read_text() == "# Card\n"


def test_tensors_that_are_not_contiguous_are_saved_as_they_look(
    tmp_path: Path, save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    shape = parameter_shapes(tiny_config)["fusion.output.weight"]
    turned = np.arange(np.prod(shape), dtype=np.float32).reshape(shape[::-1]).T
    folder = save_tiny(tmp_path / "model", tiny_config, {"fusion.output.weight": turned})
    np.testing.assert_array_equal(checkpoint.load(folder).tensors["fusion.output.weight"], turned)


@pytest.mark.parametrize("changes", [*VARIANTS, *OTHERS], ids=str)
def test_parameter_shapes_are_those_of_the_model(
    tiny_config: ModelConfig, changes: dict[str, Any]
) -> None:
    config = tiny_config.replace(**changes)
    state = create_model(config).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if config.tie_embeddings:
        assert shapes.pop("output.weight") == shapes["embedding.weight"]
    assert parameter_shapes(config) == shapes


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", r"no checkpoint directory at .*nowhere; expected a folder")


def test_a_file_is_no_checkpoint_folder(tiny_checkpoint: Path) -> None:
    fails(tiny_checkpoint / "config.json", r"no checkpoint directory at .*config\.json; expected")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    fails(folder, rf"lacks {name}; copy the whole directory again")


def test_all_missing_files_are_named(tmp_path: Path) -> None:
    fails(tmp_path, r"lacks config\.json, model\.safetensors, tokenizer\.json; copy")


def test_the_card_may_be_missing(folder: Path) -> None:
    (folder / "README.md").unlink()
    assert checkpoint.load(folder).tensors


@pytest.mark.parametrize("content", BROKEN_CONFIGS, ids=lambda content: repr(content[:12]))
def test_a_broken_config_is_named(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    fails(folder, r"config\.json is not a checkpoint's config.*; copy it again")


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_format_version_is_refused(folder: Path, version: object) -> None:
    edit_config(folder, lambda values: values.update(format=version))
    fails(folder, rf"config\.json is of format {re.escape(repr(version))}, .*reads format 1; use")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, r"config\.json: unknown ModelConfig option 'colour'; known: "),
        (
            {"hidden_dim": "24"},
            r"config\.json: hidden_dim must be an integer in .4, 2\*\*20., got '24'",
        ),
        ({"architecture": "cem"}, r"config\.json: architecture must be one of mime, .*, got 'cem'"),
        ({"architecture": "cem", "relations": 5}, r"config\.json: architecture must be .* 'cem'"),
        ({"tie_embeddings": None}, r"config\.json: tie_embeddings must be true or false, got None"),
    ],
)
def test_a_config_out_of_range_is_named(
    folder: Path, changes: dict[str, object], message: str
) -> None:
    edit_config(folder, lambda values: values.update(changes))
    fails(folder, message)


def test_a_config_without_a_vocabulary_size_is_named(folder: Path) -> None:
    edit_config(folder, lambda values: values.pop("vocab_size"))
    fails(folder, r"config\.json: .*vocab_size")


def test_files_of_two_checkpoints_are_told_apart(folder: Path) -> None:
    Tokenizer.from_words(["only", "three", "words"]).save(folder / "tokenizer.json")
    fails(
        folder,
        r"model: tokenizer\.json holds 10 words but config\.json says vocab_size \d+; .*take",
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"model": 3}'])
def test_a_broken_tokenizer_is_named(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a mime_fast tokenizer: .*copy"):
        checkpoint.load(folder)


@pytest.mark.parametrize("part", ["size", "header", "data"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_weights_are_refused(folder: Path, part: str, share: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    data = 8 + struct.unpack("<Q", content[:8])[0]
    start, end = {"size": (0, 8), "header": (8, data), "data": (data, len(content))}[part]
    path.write_bytes(content[: start + int(share * (end - start))])
    fails(folder, r"safetensors(: is empty| is not a whole safetensors file .*); copy it again")


def test_weights_that_lack_one_byte_or_have_one_more_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for changed in (content[:-1], content + b"\0"):
        path.write_bytes(changed)
        fails(folder, r"model\.safetensors is not a whole safetensors file .*; copy it again")


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:12]))
def test_weights_that_are_garbage_are_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    fails(folder, r"safetensors(: is empty| is not a whole safetensors file .*); copy it again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("fusion.gate.bias"), r"missing fusion\.gate\.bias"),
        (lambda t: t.update(extra=np.zeros(1, np.float32)), r"unknown extra"),
        (
            lambda t: t.update({"output.bias": np.zeros(3, np.float32)}),
            r"output\.bias has shape \(3,\), expected \(\d+,\)",
        ),
        (
            lambda t: t.update({"output.weight": t["output.weight"].T.copy()}),
            r"output\.weight has shape \(24, \d+\), expected \(\d+, 24\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(folder: Path, change: Changer, message: str) -> None:
    edit_tensors(folder, change)
    fails(folder, rf"model\.safetensors: .*same checkpoint.*{message}")


def test_a_long_list_of_problems_is_cut(folder: Path) -> None:
    edit_tensors(folder, lambda t: t.update({f"extra.{i}": np.zeros(1) for i in range(12)}))
    fails(folder, r"unknown (\S+; unknown ){7}\S+; and 4 more$")
    edit_tensors(folder, lambda tensors: tensors.clear())
    fails(folder, r"missing (\S+; missing ){7}\S+; and \d+ more$", [read_in_python])
    fails(folder, r"missing embedding\.weight$", [read_in_cpp])  # which stops there


def test_the_tensors_of_another_system_are_refused(folder: Path) -> None:
    edit_config(folder, lambda values: values.update(mimicry=False, shared_log_variance=True))
    fails(folder, r"same checkpoint: .*unknown \S*negative_log_variance\.bias")


def test_what_only_training_needs_may_be_missing_where_nothing_is_trained(folder: Path) -> None:
    name = "response_emotions.posterior.positive_mean.weight"
    edit_tensors(folder, lambda tensors: tensors.pop(name))
    fails(folder, rf"missing {re.escape(name)}", [read_in_python])
    read_in_cpp(folder)


@pytest.mark.parametrize("field", ["hidden_dim", "key_dim", "filter_dim", "latent_dim"])
def test_a_config_of_huge_sizes_exhausts_nothing(folder: Path, field: str) -> None:
    edit_config(folder, lambda values: values.update({field: 2**20}))
    fails(folder, r"has shape .*, expected .*1048576", [read_in_cpp])


def test_tied_embeddings_have_no_second_matrix(folder: Path) -> None:
    edit_config(folder, lambda values: values.update(tie_embeddings=True))
    fails(folder, r"unknown output\.weight")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("stored", [np.float32, np.float16])
def test_a_tensor_that_is_not_finite_is_named(
    folder: Path, value: float, stored: type[np.floating[Any]]
) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["decoder.norm.bias"] = tensors["decoder.norm.bias"].astype(stored)
        tensors["decoder.norm.bias"][3] = value

    edit_tensors(folder, spoil)
    fails(
        folder, r"model\.safetensors: decoder\.norm\.bias holds NaN or infinity; train or convert"
    )


@pytest.mark.parametrize(
    ("stored", "name"),
    [(np.int32, "I32"), (np.uint8, "U8"), (np.float64, "F64"), (np.bool_, "BOOL")],
)
def test_a_tensor_of_another_type_is_named(
    folder: Path, stored: type[np.generic], name: str
) -> None:
    def convert(tensors: dict[str, Any]) -> None:
        tensors["output.bias"] = tensors["output.bias"].astype(stored)

    edit_tensors(folder, convert)
    fails(folder, rf"model\.safetensors: output\.bias is stored as {name}; store it as F32 or F16")


def test_bfloat16_is_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = {name: torch.from_numpy(tensor) for name, tensor in load_file(path).items()}
    tensors["output.bias"] = tensors["output.bias"].bfloat16()
    save_torch_file(tensors, path)
    fails(folder, r"output\.bias is stored as BF16; store it as F32 or F16")


def test_saving_replaces_the_old_checkpoint_as_a_whole(
    folder: Path, save_tiny: Callable[..., Path], authors_config: ModelConfig
) -> None:
    save_tiny(folder, authors_config)
    assert checkpoint.load(folder).config == authors_config
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert len(list(folder.iterdir())) == 4


def test_saving_follows_a_link(
    folder: Path, save_tiny: Callable[..., Path], authors_config: ModelConfig
) -> None:
    link = folder.with_name("latest")
    link.symlink_to(folder)
    save_tiny(link, authors_config)
    assert link.is_symlink()
    assert checkpoint.load(folder).config == authors_config
    assert sorted(path.name for path in folder.parent.iterdir()) == ["latest", "model"]


def test_saving_never_removes_a_folder_that_is_no_checkpoint(
    tmp_path: Path, save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    before = snapshot(tmp_path)
    with pytest.raises(CheckpointError, match=r"home is no checkpoint; name another"):
        save_tiny(tmp_path / "home", tiny_config)
    assert snapshot(tmp_path) == before


def test_saving_never_replaces_a_file(
    tmp_path: Path, save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    (tmp_path / "model").write_text("a file")
    before = snapshot(tmp_path)
    with pytest.raises(CheckpointError, match=r"model is no checkpoint; name another"):
        save_tiny(tmp_path / "model", tiny_config)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_save_that_fails_changes_nothing(
    tmp_path: Path,
    folder: Path,
    tiny_config: ModelConfig,
    tiny_tokenizer: Tokenizer,
    random_tensors: Callable[[ModelConfig], dict[str, FloatArray]],
    fault: str,
    *,
    existing: bool,
) -> None:
    tensors = random_tensors(tiny_config)
    parts: dict[str, Any] = {"tokenizer": tiny_tokenizer, "tensors": tensors, "card": "# Card"}
    break_part(fault, parts)
    target = folder if existing else tmp_path / "new"
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match=FAULTS[fault]):
        checkpoint.save(target, tiny_config, **parts)
    assert snapshot(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failure_while_replacing_restores_the_old_checkpoint(
    folder: Path,
    save_tiny: Callable[..., Path],
    authors_config: ModelConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = snapshot(folder.parent)
    replace = os.replace

    def refuse_new(source: Path, target: Path) -> None:
        if (source / "config.json").is_file() and json.loads((source / "config.json").read_text())[
            "mean_query"
        ]:
            raise OSError("no space left on device")
        replace(source, target)

    monkeypatch.setattr(folders, "_exchange", lambda *_: False)  # as on an older system
    monkeypatch.setattr(os, "replace", refuse_new)
    with pytest.raises(OSError, match="no space left"):
        save_tiny(folder, authors_config)
    assert snapshot(folder.parent) == before


def test_a_reader_never_misses_a_checkpoint_that_is_being_replaced(
    folder: Path, save_tiny: Callable[..., Path], authors_config: ModelConfig
) -> None:
    missed, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            if not (folder / "config.json").exists():
                missed.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        save_tiny(folder, authors_config)
    done.set()
    reader.join()
    assert not missed


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_byte_order_mark_changes_nothing(folder: Path, tiny_checkpoint: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    loaded, plain = checkpoint.load(folder), checkpoint.load(tiny_checkpoint)
    assert loaded.config == plain.config
    assert loaded.tokenizer.words == plain.tokenizer.words


STRANGE = [b"caf\xe9", b"\xff\xfe", "dog \U0001f415".encode(), b"line\nfeed", b"%s {}"]


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("engine", ["native", "eager"])
def test_a_folder_may_have_any_name(
    tmp_path: Path, tiny_checkpoint: Path, name: bytes, engine: str
) -> None:
    folder = tmp_path / os.fsdecode(name)
    shutil.copytree(tiny_checkpoint, folder)
    reply = Generator(folder, engine=engine).respond("I lost my dog", seed=1).text
    assert reply == Generator(tiny_checkpoint, engine=engine).respond("I lost my dog", seed=1).text
    again = checkpoint.load(folder)
    checkpoint.save(folder, again.config, again.tokenizer, again.tensors, "# Card")
    assert checkpoint.load(folder).config == again.config


@pytest.mark.parametrize("name", STRANGE)
def test_an_error_of_the_weights_names_a_folder_of_any_name(
    tmp_path: Path, tiny_checkpoint: Path, name: bytes
) -> None:
    folder = tmp_path / os.fsdecode(name)
    shutil.copytree(tiny_checkpoint, folder)
    os.truncate(folder / "model.safetensors", 100)
    for engine in ("native", "eager"):
        with pytest.raises(CheckpointError, match=re.escape(str(folder))):
            Generator(folder, engine=engine)
    shutil.copy(tiny_checkpoint / "model.safetensors", folder)
    (folder / "drafts.safetensors").write_bytes(b"no table")
    with pytest.raises(CheckpointError, match=re.escape(str(folder))):
        Generator(folder)


def test_a_full_disk_keeps_the_old_checkpoint(
    mount: Callable[..., Path], save_tiny: Callable[..., Path], tiny_config: ModelConfig
) -> None:
    disk = mount("size=400k")
    folder = save_tiny(disk / "model", tiny_config)
    before = snapshot(disk)
    with pytest.raises(WriteError, match=r"model cannot be written \(.*No space left.*as it was"):
        save_tiny(folder, tiny_config.replace(latent_dim=400))
    assert snapshot(disk) == before
    with pytest.raises(WriteError, match=r"\(.*No space left.*, nothing is written; free space"):
        save_tiny(disk / "new", tiny_config.replace(latent_dim=400))
    assert snapshot(disk) == before


def with_defaults(folder: Path, **options: object) -> None:
    (folder / checkpoint.GENERATION).write_text(json.dumps(options), encoding="utf-8")


def test_a_checkpoint_may_have_its_own_defaults(folder: Path) -> None:
    assert checkpoint.load(folder).generation == GenerationConfig()
    with_defaults(folder, num_beams=3, stop=["."])
    assert checkpoint.load(folder).generation == GenerationConfig(num_beams=3, stop=(".",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 3}, "generation_config.json: unknown GenerationConfig option 'beams'"),
        ({"num_beams": 0}, "generation_config.json: num_beams must be"),
        ({"do_sample": True, "best_of": 2}, "best_of=2, which needs relevance.safetensors"),
    ],
    ids=str,
)
def test_defaults_that_do_not_fit_are_refused(
    folder: Path, options: dict[str, object], message: str
) -> None:
    with_defaults(folder, **options)
    with pytest.raises(CheckpointError, match=message):
        Generator(folder)


@pytest.mark.parametrize("name", [checkpoint.GENERATION, checkpoint.CONFIG])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"expected a JSON object, got \[\]"),
        ("null", "expected a JSON object, got None"),
        ("5", "expected a JSON object, got 5"),
        ('"x"', "expected a JSON object, got 'x'"),
        ('{"seed": 1, "seed": 2}', "'seed' is there twice; keep one of the two"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "Expecting"),
    ],
)
def test_options_that_are_no_object_are_refused(
    folder: Path, name: str, text: str, message: str
) -> None:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"{name}.*{message}.*copy it again"):
        Generator(folder)


@pytest.mark.parametrize("name", [checkpoint.GENERATION, checkpoint.RELEVANCE])
def test_a_folder_in_the_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    with pytest.raises(CheckpointError, match=rf"{name} cannot be read \(.*\); copy the whole"):
        Generator(folder)


@pytest.mark.parametrize("name", [checkpoint.GENERATION, checkpoint.CONFIG, checkpoint.TOKENIZER])
def test_a_file_that_cannot_be_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("/proc/self/mem")  # reading its beginning is an error
    with pytest.raises(CheckpointError, match=rf"{name} cannot be read \(Input/output error\)"):
        Generator(folder)
