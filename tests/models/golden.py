"""The authors' numbers, and what reads them (see goldens/README.md)."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mime_fast.checkpoint import Checkpoint
from mime_fast.config import ModelConfig
from mime_fast.convert.forms import MIME, MOEL
from mime_fast.engines.eager import load_word_model
from mime_fast.models.base import ReplyModel
from mime_fast.text.tokenizer import PAD
from mime_fast.types import Dialogue, FloatArray

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
MIME_CASES = {
    "a_default_tiny": TINY,
    "b_hop2_heads4_ws_tiny": TINY.replace(num_layers=2, num_heads=4, tie_embeddings=True),
    "h_mean_query_tiny": TINY.replace(mean_query=True),
}
TINY_MOEL = ModelConfig(
    vocab_size=60,
    architecture="moel",
    hidden_dim=24,
    key_dim=8,
    filter_dim=10,
    objective="released",
    top_listeners=0,
)
MOEL_CASES = {"e_moel_tiny": TINY_MOEL, "f_moel_top5_tiny": TINY_MOEL.replace(top_listeners=5)}
CASES = {**MIME_CASES, **MOEL_CASES}
FORMS = {"mime": MIME, "moel": MOEL}
EXAMPLES = range(5)
STEPS = 51  # of the authors' greedy decoding, which goes on behind the end
TOLERANCE = 2e-5  # absolute, float32; the worst is 1.0e-5, of a log-probability of MoEL
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

    def names(self, ours: str) -> str:
        """The authors' name of one of our parameters or modules."""
        return FORMS[self.expected.architecture].name(ours)

    def model(self, *, padding_leak: bool) -> ReplyModel:
        config = self.checkpoint.config.replace(padding_leak=padding_leak)
        return load_word_model(dataclasses.replace(self.checkpoint, config=config))

    def dialogues(self) -> list[Dialogue]:
        rows = zip(self.arrays["enc_batch"], self.arrays["mask_input"], strict=True)
        return [Dialogue(t[t != PAD].tolist(), s[s != PAD].tolist()) for t, s in rows]

    def noise(self) -> FloatArray:
        """(examples, latents, latent)."""
        config = self.expected
        if not config.latents:
            return np.zeros((len(EXAMPLES), 0, config.latent_dim), np.float32)
        groups = [[self.arrays[f"ex{i}_eps_{group}"][0] for group in "pn"] for i in EXAMPLES]
        return np.array(groups, np.float32)

    def batch_noise(self, prefix: str) -> Tensor:
        """The same of the padded batch, (examples, latents, latent); prefix: eval, train0, ..."""
        config = self.expected
        if not config.latents:
            return torch.zeros(len(EXAMPLES), 0, config.latent_dim)
        return torch.stack([self.tensor(f"{prefix}_{group}") for group in "pn"], 1)


def assert_close(ours: dict[str, Any], golden: Golden, tolerance: float = TOLERANCE) -> None:
    """Absolute deviation of every named array; all that are too large are shown."""
    found = {}
    for name, array in ours.items():
        theirs = golden.arrays[name]
        assert np.shape(array) == theirs.shape, name
        found[name] = float(np.abs(np.asarray(array) - theirs).max())
    assert not {name: deviation for name, deviation in found.items() if not deviation <= tolerance}
