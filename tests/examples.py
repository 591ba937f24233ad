"""How many examples hypothesis tries, by the profile: see conftest.py."""

from hypothesis import settings


def examples(times: int) -> settings:
    """Try `times` as many examples as other tests do: for quick tests."""
    return settings(max_examples=times * settings().max_examples)
