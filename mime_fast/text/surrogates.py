"""The one rule for surrogates: a pair is its character, a lone one is no text.

A caller's message with a lone surrogate is refused (message.py); the tokeniser, which never fails,
drops it like other invisible characters.
"""


def join_surrogates(text: str) -> str:
    """Replaces each pair, as UTF-16 has them, by its character; lone surrogates stay."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def drop_surrogates(text: str) -> str:
    """Joins pairs and drops lone surrogates."""
    if text.isascii():
        return text
    return join_surrogates(text).encode(errors="ignore").decode()
