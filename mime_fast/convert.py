"""The checkpoints that the authors of MIME publish, turned into a checkpoint directory.

Input: the torch file that their training writes (declare-lab/MIME at 7c34f3a), a dict whose `model`
is the state dict, or a bare state dict. Only tensors are read from it: code in it is never run.

A state dict does not show everything. `heads` and `mean_query` have to be given, and a model
that was trained with their `pointer_gen` cannot be told from one that was not: both hold
`generator.p_gen_linear`. Here it is always a model without; one with would generate worse words.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mime_fast import checkpoint
from mime_fast.checkpoint import CheckpointError
from mime_fast.config import ModelConfig
from mime_fast.text.tokenizer import SPECIAL_WORDS, Tokenizer
from mime_fast.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

# Our names to the authors', applied in this order.
RENAMES = (
    (r"^embedding\b", "embedding.lut"),
    (r"^emotion_embedding\b", "emoji_embedding"),
    (r"^emotion_classifier\b", "s_weight"),
    (r"^output\b", "generator.proj"),
    (r"^fusion\.gate\b", "cdecoder.fc1"),
    (r"^fusion\.output\b", "cdecoder.fc2"),
    (r"^response_emotions\b", "vae_sampler"),
    (r"\b(prior|posterior)\.(positive|negative)_mean\b", r"mu_\1_\2"),
    (r"\b(prior|posterior)\.(positive|negative)_log_variance\b", r"logvar_\1_\2"),
    (r"\b(positive|negative)_mixture\b", r"Dense_z_prior_\1"),
    (r"\bprior_hidden\b", "h_prior"),
    (r"\bposterior_positive_hidden\b", "h_posterior_postive"),  # their spelling
    (r"\bposterior_negative_hidden\b", "h_posterior_negative"),
    (r"^context_encoder\b", "encoder"),
    (r"^response_encoder\b", "emotion_input_encoder_1.enc"),
    (r"^non_mimicking_response_encoder\b", "emotion_input_encoder_2.enc"),
    (r"^decoder\.layers\b", "decoder.dec"),
    (r"\blayers\b", "enc"),
    (r"\bcross_attention_norm\b", "layer_norm_mha_enc"),
    (r"^(decoder\..*)\battention_norm\b", r"\1layer_norm_mha_dec"),
    (r"\battention_norm\b", "layer_norm_mha"),
    (r"\bfeed_forward_norm\b", "layer_norm_ffn"),
    (r"\.norm\b", ".layer_norm"),
    (r"\b(layer_norm\w*)\.weight$", r"\1.gamma"),
    (r"\b(layer_norm\w*)\.bias$", r"\1.beta"),
    (r"\battention\.(query|key|value|output)\b", r"attention.\1_linear"),
    (r"\bcross_attention\.(query|key|value|output)\b", r"cross_attention.\1_linear"),
    (r"\bcross_attention\b", "multi_head_attention_enc_dec"),
    (r"^(decoder\..*)\battention\b", r"\1multi_head_attention_dec"),
    (r"\battention\b", "multi_head_attention"),
    (r"\bfeed_forward\b", "positionwise_feed_forward"),
    (r"\binner\b", "layers.0.conv"),
    (r"\bouter\b", "layers.1.conv"),
    (r"\bprojection\b", "embedding_proj"),
)

# In every state dict of theirs, and never used (pointer_gen aside): they get no gradient.
LEFTOVERS = (
    "decoder_key",
    "e_weight",
    "generator.p_gen_linear",
    "vae_sampler.Dense_z_posterior_negative",
    "vae_sampler.Dense_z_posterior_positive",
    "vae_sampler.logvar_posterior_negative",
    "vae_sampler.logvar_prior_negative",
)

# Options of theirs that build another model, by the names that give them away.
UNSUPPORTED = (
    (r"cdecoder\.(?!fc[12]\.)", "emo_combine=att"),
    (r"emotion_input_encoder_[12]\.enc\.dec\.", "emo_input=cross_att"),
    (r"(encoder|emotion_input_encoder_[12]\.enc)\.enc\.(?!\d+\.)", "universal"),
)

# Options that the shape of a tensor shows: our name of it, and the axis.
SIZES = {
    "vocab_size": ("embedding.weight", 0),
    "hidden_dim": ("embedding.weight", 1),
    "key_dim": ("context_encoder.layers.0.attention.query.weight", 0),
    "filter_dim": ("context_encoder.layers.0.feed_forward.inner.bias", 0),
    "latent_dim": ("response_emotions.prior.positive_mean.bias", 0),
}

# Where the released code departs from the paper, see ModelConfig.
AUTHORS_FORM = {
    "shared_log_variance": True,
    "shared_response_encoder": False,
    "objective": "released",
}


class ConvertError(CheckpointError):
    """A file that cannot be converted; the message names the value and the remedy."""


def convert(
    source: str | Path,
    out: str | Path,
    vocabulary: str | Path,
    *,
    heads: int = 2,
    mean_query: bool = False,
) -> ModelConfig:
    """Convert an authors' checkpoint file to a checkpoint directory, in float32.

    Args:
        source: the authors' torch file. The sizes and weight sharing are read off its tensors.
        out: the directory to write; it must not exist, or be empty.
        vocabulary: the authors' words, UTF-8, one a line in the order of their ids. The seven
            special words UNK PAD EOS SOS USR SYS CLS may come first; ids start at 7 without them.
        heads: the authors' --heads.
        mean_query: whether it was trained with the authors' --mean_query.

    Returns:
        The converted model's config.

    Raises:
        ConvertError: an input is missing, damaged, of another model, or does not fit the others.
            Nothing is written then.
        ModuleNotFoundError: torch is not installed.
    """
    source, out = Path(source), Path(out)
    _check_output(out)
    words = read_vocabulary(Path(vocabulary))
    state = _read_state(source)
    config = _infer_config(state, source, heads=heads, mean_query=mean_query)
    _check_names_and_shapes(state, config, source)
    _check_vocabulary_size(words, config, Path(vocabulary))
    tokenizer = _tokenizer(words, Path(vocabulary))

    tensors = {name: _array(state, name, source) for name in checkpoint.parameter_shapes(config)}
    if np.array_equal(tensors["embedding.weight"], tensors["output.weight"]):
        config = config.replace(tie_embeddings=True)
        del tensors["output.weight"]
    checkpoint.save(out, config, tokenizer, tensors, _card(source, config))
    return config


def authors_name(name: str) -> str:
    """The authors' name of one of our modules or parameters."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def read_vocabulary(path: Path) -> list[str]:
    """The ordinary words of a vocabulary file in the order of their ids, which start at 7."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConvertError(
            f"no vocabulary at {path} ({error.strerror}); expected a text file, one word a line"
        ) from error
    except UnicodeDecodeError as error:
        raise ConvertError(f"{path} is not UTF-8 ({error}); save it as UTF-8 text") from error
    words = text.removesuffix("\n").split("\n") if text else []
    first: dict[str, int] = {}
    for number, word in enumerate(words, 1):
        if word in first:
            raise ConvertError(
                f"line {number} of {path} repeats {word!r} of line {first[word]}; "
                "every word has one id: list it once"
            )
        first[word] = number
    has_specials = tuple(words[: len(SPECIAL_WORDS)]) == SPECIAL_WORDS
    return words[len(SPECIAL_WORDS) :] if has_specials else words


def _tokenizer(words: list[str], path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_words(words)
    except ValueError as error:
        specials = " ".join(SPECIAL_WORDS)
        raise ConvertError(
            f"{path}: {error}; list the words only, or {specials} first and then the words"
        ) from error


def _check_output(out: Path) -> None:
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise ConvertError(f"{out} exists already; name a new directory, or remove it first")


def _read_state(source: Path) -> dict[str, "Tensor"]:
    """The state dict of a file. Only torch's restricted unpickler ever sees it."""
    try:
        import torch  # noqa: PLC0415 - optional, and slow to import
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "convert needs torch; install the extra: pip install 'mime-fast[train]'"
        ) from error
    if not source.is_file():
        raise ConvertError(f"no file at {source}; expected a checkpoint of the authors' code")
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to lead to
        raise ConvertError(_refusal(source, error)) from error
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not state:
        raise ConvertError(f"{source} holds no state dict, neither under 'model' nor by itself")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ConvertError(
                f"{source} holds no state dict: {name!r} is of type {type(tensor).__name__}, not "
                "a tensor; expected a dict of tensors, under 'model' or by itself"
            )
        if tensor.is_nested:
            raise ConvertError(f"{source}: {name} is a nested tensor; expected plain numbers")
    return state


def _refusal(source: Path, error: Exception) -> str:
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return (
            f"{source} asks for {wanted[1]}, which is code, not a tensor. It was not run: such a "
            "file is never loaded. Save the tensors alone: torch.save(model.state_dict(), path)"
        )
    return f"{source} is not a whole torch file ({type(error).__name__}); download it again"


def _infer_config(
    state: Mapping[str, "Tensor"], source: Path, *, heads: int, mean_query: bool
) -> ModelConfig:
    _check_supported(state, source)
    sizes = {option: _size(state, *where, source) for option, where in SIZES.items()}
    _check_heads(heads, sizes["key_dim"])
    layers = 1
    while any(name.startswith(f"encoder.enc.{layers}.") for name in state):
        layers += 1
    given = {"num_heads": heads, "num_layers": layers, "mean_query": mean_query}
    try:
        return ModelConfig.from_dict({**AUTHORS_FORM, **sizes, **given})
    except ValueError as error:
        raise ConvertError(f"{source}: {error}; it is not a model that can be served") from error


def _check_supported(state: Mapping[str, "Tensor"], source: Path) -> None:
    for pattern, option in UNSUPPORTED:
        for name in state:
            if re.match(pattern, name):
                raise ConvertError(
                    f"{source} was trained with {option}, as {name} shows; this is not supported: "
                    "only the paper's model is (emo_input=self_att, emo_combine=gate)"
                )


def _size(state: Mapping[str, "Tensor"], name: str, axis: int, source: Path) -> int:
    theirs = authors_name(name)
    if theirs not in state:
        raise ConvertError(
            f"{source} misses {theirs}: it is not a state dict of the authors' MIME, or not whole"
        )
    shape = tuple(state[theirs].shape)
    if len(shape) <= axis:
        raise ConvertError(f"{source}: {theirs} has shape {shape}, expected {axis + 1} axes")
    return shape[axis]


def _check_heads(heads: int, key_dim: int) -> None:
    if heads < 1:
        raise ConvertError(f"heads must be at least 1, got {heads}")
    if key_dim % heads:
        raise ConvertError(
            f"heads={heads} does not divide the key width {key_dim} of the file. The authors' code "
            "lowers its --depth to a multiple of its --heads, so the file shows the lowered width: "
            "give the --heads that it was trained with"
        )


def _check_names_and_shapes(
    state: Mapping[str, "Tensor"], config: ModelConfig, source: Path
) -> None:
    found = {
        name: tuple(tensor.shape)
        for name, tensor in state.items()
        if name.rpartition(".")[0] not in LEFTOVERS
    }
    shapes = checkpoint.parameter_shapes(config)
    expected = {authors_name(name): shape for name, shape in shapes.items()}
    try:
        checkpoint.check_tensors(found, expected)
    except CheckpointError as error:
        raise ConvertError(
            f"{source} is not a state dict of the authors' MIME as released: {error}"
        ) from error


def _check_vocabulary_size(words: list[str], config: ModelConfig, vocabulary: Path) -> None:
    special = len(SPECIAL_WORDS)
    size = special + len(words)
    if size != config.vocab_size:
        raise ConvertError(
            f"{vocabulary} makes {size} ids ({special} special, {len(words)} words), but the model "
            f"in the file has {config.vocab_size}; give the vocabulary that it was trained with"
        )


def _array(state: Mapping[str, "Tensor"], name: str, source: Path) -> FloatArray:
    """One of our parameters as float32."""
    theirs = authors_name(name)
    tensor = state[theirs].detach()
    problem = _storage_problem(tensor)
    if problem:
        raise ConvertError(f"{source}: {theirs} {problem}; expected plain numbers in float32")
    array: FloatArray = tensor.float().numpy()
    if not np.isfinite(array).all():
        raise ConvertError(f"{source}: {theirs} holds NaN or infinity; take another checkpoint")
    return array


def _storage_problem(tensor: "Tensor") -> str:
    if str(tensor.layout) != "torch.strided" or tensor.device.type != "cpu":
        return f"is stored as {tensor.layout} on {tensor.device}"
    if not tensor.is_floating_point():
        return f"is of type {tensor.dtype}"
    # A few bytes can pose as gigabytes by stride 0.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"claims {tensor.numel()} numbers and holds fewer"
    return ""


def _card(source: Path, config: ModelConfig) -> str:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return (
        f"# A MIME checkpoint\n\nConverted by `mime-fast convert` from {source.name} "
        f"(SHA-256 {digest}), a file of the authors' code (declare-lab/MIME). "
        "Whoever published that file set the terms of its weights.\n\n"
        "The file does not show these options, so they are as they were given: "
        f"heads {config.num_heads}, mean_query {config.mean_query}; pointer_gen was taken as off.\n"
    )
