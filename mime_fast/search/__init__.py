"""Hypotheses, the rules of words and text, and the choice of a search."""

from mime_fast.search.strategy import Search, new_search

__all__ = ["Search", "new_search"]
