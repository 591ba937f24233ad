"""What all configs share: a mapping to and from, without dropping a key."""

from __future__ import annotations

import dataclasses
from typing import Any, Self


class Config:
    """A frozen dataclass of options; a subclass checks them."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a mapping; an unknown key is a ValueError that names it."""
        cls._check_known(values)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """A mapping that from_dict turns back into an equal config."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def replace(self, **changes: Any) -> Self:
        """A copy with some options changed; an unknown one is a ValueError that names it."""
        self._check_known(changes)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    @classmethod
    def _check_known(cls, values: dict[str, Any]) -> None:
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"unknown {cls.__name__} option {', '.join(map(repr, unknown))}; "
                f"known: {', '.join(sorted(known))}"
            )


def require(condition: bool, message: str) -> None:
    """Raise ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)
