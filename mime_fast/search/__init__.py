"""The loop over decoding steps, and the hypotheses; the searches themselves are in csrc/search."""

from mime_fast.search.decode import Search, StepDecoding, decode

__all__ = ["Search", "StepDecoding", "decode"]
