"""How many examples hypothesis tries, by the profile: see conftest.py."""

from hypothesis import settings


def examples(times: int) -> settings:
    """So many times those of other tests: for quick ones that see much."""
    return settings(max_examples=times * settings().max_examples)
