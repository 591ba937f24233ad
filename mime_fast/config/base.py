"""What all configs share: a mapping to and from, without dropping a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import Any, Self

from mime_fast.options import check_options


class Config:
    """A frozen dataclass of options, which are checked when one is made."""

    def __post_init__(self) -> None:
        self._check()

    def _check(self, names: Container[str] | None = None) -> None:
        """Check options by themselves (`names`; None: all), and those that go together."""
        check_options(self, names)
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Raise ValueError if options do not go together."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a mapping; an unknown key is a ValueError that names it."""
        cls._check_known(values)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """A mapping that from_dict turns back into an equal config."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def replace(self, **changes: Any) -> Self:
        """A copy with some options changed; an unknown one is a ValueError that names it.

        Each call of a Generator makes one: only what changes is checked by itself.
        """
        self._check_known(changes)
        changed = object.__new__(type(self))
        vars(changed).update({**vars(self), **changes})
        changed._check(changes)
        return changed

    @classmethod
    def _check_known(cls, values: dict[str, Any]) -> None:
        known: dict[str, Any] = cls.__dataclass_fields__  # type: ignore[attr-defined]
        if unknown := sorted(values.keys() - known):
            raise ValueError(
                f"unknown {cls.__name__} option {', '.join(map(repr, unknown))}; "
                f"known: {', '.join(sorted(known))}"
            )


def require(condition: bool, message: str) -> None:
    """Raise ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)
