"""Tiny checkpoints with random weights, in the paper's form and in the released code's."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from tokenizers import pre_tokenizers

from mime_fast import checkpoint
from mime_fast.config import ModelConfig
from mime_fast.models import parameter_shapes
from mime_fast.quantized import quantize_matrices
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.tokenizer import EOS, Tokenizer
from mime_fast.text.word_pieces import WordPieceTokenizer
from mime_fast.types import FloatArray

# The benchmarks are not installed; behind everything that is, their folder is found too.
sys.path.append(str(Path(__file__).resolve().parents[1]))
# Tiny models gain nothing from threads, and lose much where another process holds a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Triton's kernels run on the CPU, one program after the other.
os.environ.setdefault("TRITON_INTERPRET", "1")
# A shell's background jobs ignore Ctrl-C, and so would the processes that are tested with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine is no failure of the code. --hypothesis-profile=thorough tries ten times as many;
# brief is for what was run once already. sanitized is for an extension with sanitizers, which takes
# ten times as long: fuzz_engine tries hundreds of models with them.
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.register_profile("brief", deadline=None, max_examples=5)
settings.register_profile("sanitized", deadline=None, max_examples=2)
settings.register_profile("mime_fast", deadline=None, max_examples=20)
settings.load_profile("mime_fast")

# What takes half a minute begins first, so that no process waits for the last of it. A file begins
# in one process: two would each compile what its tests share.
LONGEST = (
    "test_compile.py",
    "test_the_stages_follow_one_another",
    "test_a_run_writes_a_model_and_goes_on_from_its_state",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name not in LONGEST and item.path.name not in LONGEST)


WORDS = (
    *("i", "am", "sorry", "to", "hear", "that", ".", "!", "?", "what", "happened", "you", "do"),
    *("n't", "it", "is", "good", ",", "oh", "no", "hope", "dog", "lost", "my", "yesterday"),
    *("the", "a", "of", "we", "have", "can", "not", ":", ")", "so", "was", "feel", "they"),
)
SHAPE = {"hidden_dim": 24, "key_dim": 8, "filter_dim": 10, "latent_dim": 12, "max_positions": 64}
BASE_SHAPE = {
    "hidden_dim": 24,
    "num_heads": 4,
    "filter_dim": 20,
    "num_layers": 2,
    "max_positions": 64,
    "latent_dim": 6,
    "refinement_filter_dim": 16,
    "decoder_dim": 24,
    "decoder_heads": 6,
    "decoder_kv_heads": 2,
    "decoder_filter_dim": 28,
    "decoder_layers": 2,
    "intents": 3,
}
AUTHORS_FORM = {
    "shared_response_encoder": False,
    "shared_log_variance": True,
    "num_layers": 2,
    "tie_embeddings": True,
    "mean_query": True,
}


@pytest.fixture(scope="session")
def words() -> tuple[str, ...]:
    return WORDS


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Tokenizer:
    return Tokenizer.from_words(WORDS)


@pytest.fixture(scope="session")
def tiny_config(tiny_tokenizer: Tokenizer) -> ModelConfig:
    return ModelConfig.from_dict({"vocab_size": tiny_tokenizer.vocab_size, **SHAPE})


@pytest.fixture(scope="session")
def authors_config(tiny_config: ModelConfig) -> ModelConfig:
    return tiny_config.replace(**AUTHORS_FORM)


@pytest.fixture(scope="session")
def random_tensors() -> Callable[[ModelConfig], dict[str, FloatArray]]:
    """Weights so large that replies differ from message to message."""

    def draw(config: ModelConfig) -> dict[str, FloatArray]:
        generator = np.random.default_rng(2)
        tensors = {}
        for name, shape in sorted(parameter_shapes(config).items()):  # whatever the code's order
            scale, centre = 0.5 if len(shape) > 1 else 0.3, float(name.endswith("norm.weight"))
            tensors[name] = generator.normal(centre, scale, shape).astype(np.float32)
        if "output.bias" in tensors:
            tensors["output.bias"][EOS] += 3  # so that replies end, each at another length
        return tensors

    return draw


@pytest.fixture(scope="session")
def save_tiny(
    tiny_tokenizer: Tokenizer, random_tensors: Callable[[ModelConfig], dict[str, FloatArray]]
) -> Callable[..., Path]:
    """Writes the random checkpoint of a config into a folder, some of its tensors changed."""

    def save(
        folder: Path, config: ModelConfig, changes: dict[str, FloatArray] | None = None
    ) -> Path:
        tensors = random_tensors(config) | (changes or {})
        checkpoint.save(folder, config, tiny_tokenizer, tensors, "# A tiny random model\n")
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_subwords() -> SubwordTokenizer:
    """The tokeniser of a tiny mime-base: letters, and the words of WORDS as subwords."""
    letters = "abcdefghijklmnopqrstuvwxyz.!?,:)'"
    context = [*letters, *(f"##{letter}" for letter in letters), *WORDS]
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        for start in ("\u0120", ""):
            letters_of = start + word
            for end in range(1, len(letters_of)):
                merges[letters_of[:end], letters_of[end]] = None
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)]
    reply = PieceTokenizer(list(dict.fromkeys(pieces)), list(merges))
    return SubwordTokenizer(WordPieceTokenizer(list(dict.fromkeys(context))), reply)


@pytest.fixture(scope="session")
def save_tiny_base(
    tiny_subwords: SubwordTokenizer,
    random_tensors: Callable[[ModelConfig], dict[str, FloatArray]],
) -> Callable[..., Path]:
    """Writes the random checkpoint of a tiny mime-base into a folder."""

    def save(folder: Path, **options: int) -> Path:
        sizes = {
            "vocab_size": tiny_subwords.vocab_size,
            "context_vocab_size": tiny_subwords.context_vocab_size,
        }
        config = ModelConfig.from_dict(
            {"architecture": "mime_base", **sizes, **BASE_SHAPE, **options}
        )
        tensors = quantize_matrices(random_tensors(config))
        checkpoint.save(folder, config, tiny_subwords, tensors, "# A tiny random mime-base\n")
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tmp_path_factory: pytest.TempPathFactory,
    save_tiny: Callable[..., Path],
    tiny_config: ModelConfig,
) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoints") / "paper", tiny_config)


@pytest.fixture(scope="session")
def authors_form(
    tmp_path_factory: pytest.TempPathFactory,
    save_tiny: Callable[..., Path],
    authors_config: ModelConfig,
) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoints") / "authors", authors_config)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system in memory with options such as size=1m or ro; skips where it may not."""
    mounted: list[Path] = []

    def call(options: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no file system can be mounted here: {error}")
        mounted.append(folder)
        return folder

    yield call
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
