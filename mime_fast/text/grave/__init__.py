"""Grave messages, and replies that are too cheerful for them."""
