"""Self-attention of an encoder, the softmax computed online: no matrix of weights is stored."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_QUERIES = 16  # the least that tl.dot takes
BLOCK_KEYS = 32
LEAST_WIDTH = 16  # likewise


@triton.jit
def attention_kernel(
    packed, out, lengths, requests,
    qkv_batch, qkv_row, out_batch, out_row, key_dim, scale,
    WIDTH: tl.constexpr, BLOCK_WIDTH: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    batch, head, block = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    length = tl.load(lengths + batch % requests)
    if block * QUERIES >= length:
        return
    row = block * QUERIES + tl.arange(0, QUERIES)
    lane = tl.arange(0, BLOCK_WIDTH)
    base = packed + batch * qkv_batch + head * WIDTH
    real = (row[:, None] < length) & (lane[None, :] < WIDTH)
    query = tl.load(base + row[:, None] * qkv_row + lane[None, :], mask=real, other=0.0) * scale

    top = tl.full((QUERIES,), float("-inf"), tl.float32)
    total = tl.zeros((QUERIES,), tl.float32)
    mixed = tl.zeros((QUERIES, BLOCK_WIDTH), tl.float32)
    for start in range(0, length, KEYS):
        position = start + tl.arange(0, KEYS)
        inside = (position[:, None] < length) & (lane[None, :] < WIDTH)
        keys = base + key_dim + position[:, None] * qkv_row + lane[None, :]
        key = tl.load(keys, mask=inside, other=0.0)
        value = tl.load(keys + key_dim, mask=inside, other=0.0)
        logits = tl.dot(query, tl.trans(key), input_precision="ieee")
        logits = tl.where(position[None, :] < length, logits, float("-inf"))
        new_top = tl.maximum(top, tl.max(logits, 1))
        weights = tl.exp(logits - new_top[:, None])
        old = tl.exp(top - new_top)
        total = total * old + tl.sum(weights, 1)
        mixed = mixed * old[:, None] + tl.dot(weights, value, input_precision="ieee")
        top = new_top
    to = out + batch * out_batch + head * WIDTH + row[:, None] * out_row + lane[None, :]
    tl.store(to, mixed / total[:, None], mask=real)


def attention(qkv: Tensor, lengths: Tensor, heads: int) -> Tensor:
    """Attention of each sequence to itself.

    Args:
        qkv: float32 (batch, length, 3 * key_dim): queries, keys and values side by side, each with
            its heads side by side; batch is a multiple of the requests, whose roles follow each
            other.
        lengths: int32 (requests,), each from 1 to `length`.
        heads: how many; they divide key_dim.

    Returns: float32 (batch, length, key_dim); rows beyond a sequence's length are not written.
    """
    batch, length, three = qkv.shape
    key_dim = three // 3
    width = key_dim // heads
    out = torch.empty(batch, length, key_dim, device=qkv.device)
    attention_kernel[batch, heads, triton.cdiv(length, BLOCK_QUERIES)](
        packed=qkv, out=out, lengths=lengths, requests=len(lengths),
        qkv_batch=qkv.stride(0), qkv_row=qkv.stride(1),
        out_batch=out.stride(0), out_row=out.stride(1), key_dim=key_dim, scale=width**-0.5,
        WIDTH=width, BLOCK_WIDTH=max(LEAST_WIDTH, triton.next_power_of_2(width)),
        QUERIES=BLOCK_QUERIES, KEYS=BLOCK_KEYS,
    )  # fmt: skip
    return out
