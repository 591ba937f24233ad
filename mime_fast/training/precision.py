"""The number format of matrix products on each device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """bfloat16 where it is fast: on a CPU without it, products take 7 times as long."""
    if device.type == "cuda":
        with torch.autocast("cuda", torch.bfloat16):
            yield
        return
    fast = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    with torch.autocast("cpu", torch.bfloat16, enabled=fast), _plain_attention():
        yield


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention as plain products, in the format of its inputs.

    On a CPU with fast products of bfloat16 it takes a third of the time of the fused kernel.
    """
    switches = torch.backends.cuda  # they hold for CPUs too
    before = switches.fp16_bf16_reduction_math_sdp_allowed()
    switches.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        switches.allow_fp16_bf16_reduction_math_sdp(before)
