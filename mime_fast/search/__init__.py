"""How a reply is chosen: constraints on logits, sampling, beam search, and the loop over steps."""

from mime_fast.search.beam import BeamSearch
from mime_fast.search.decode import Search, decode
from mime_fast.search.sampler import Sampler

__all__ = ["BeamSearch", "Sampler", "Search", "decode"]
