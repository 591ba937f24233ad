"""Figures of replies, of recognition and of likelihood, with their intervals and tests."""
