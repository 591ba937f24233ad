"""Grave messages, and replies that are too cheerful or careless for them."""
