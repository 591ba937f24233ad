"""How a reply is chosen: constraints on logits, sampling, beam search, and the loop over steps."""

from mime_fast.search.beam import BeamSearch
from mime_fast.search.decode import Search, StepDecoding, decode
from mime_fast.search.sampler import Sampler

__all__ = ["BeamSearch", "Sampler", "Search", "StepDecoding", "decode"]
