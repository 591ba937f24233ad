"""OpenAI's options of a request: which have an effect, and which are refused."""

from __future__ import annotations

from typing import Any

from mime_fast.server.errors import ApiError
from mime_fast.server.generation import affordable_tokens, choose_decoding, given_options
from mime_fast.server.state import ServerState

Refusable = dict[str, tuple[Any, ...]]


def refuse(request: Any, neutral: Refusable) -> None:
    """ApiError where an option has a value that MIME could only ignore.

    neutral: the values with which an option changes nothing.
    """
    for name, values in neutral.items():
        value = getattr(request, name)
        if value is not None and value not in values:
            hint = f"; leave it out, or send {values[0]!r}" if values else "; leave it out"
            raise ApiError(400, f"{name} is not supported by this model{hint}", name)


def to_options(
    request: Any, limits: dict[str, int | None], n: int | None, state: ServerState
) -> tuple[dict[str, Any], dict[str, str]]:
    """Options of a reply, and what the client calls them, ours -> the client's.

    limits: the names by which it gave a limit of tokens, and the limit. One above the checkpoint's
    positions limits nothing.
    """
    options, longest = given_options(request), state.longest
    names: dict[str, str] = {}
    for name, limit in limits.items():
        if limit is None:
            continue
        most = min(limit, longest)
        if options.get("max_new_tokens", most) != most:
            given = names.get("max_new_tokens", "max_new_tokens")
            raise ApiError(400, f"{name} and {given} differ; give one of them", name)
        options["max_new_tokens"], names["max_new_tokens"] = most, name
    if n is not None:
        options["num_return_sequences"], names["num_return_sequences"] = n, "n"
    choose_decoding(options, state.defaults)
    if "max_new_tokens" in names:
        _limit_tokens(options, max(limit or 0 for limit in limits.values()), state)
    return options, names


def _limit_tokens(options: dict[str, Any], limit: int, state: ServerState) -> None:
    """Make the client's limit one that the server gives, where it limits nothing.

    The least tokens of the server's defaults give way to any limit; the client's own do not.
    """
    if limit > state.longest:
        most = min(state.longest, affordable_tokens(options, state.defaults, state.options))
        least = min(state.longest, options.get("min_new_tokens", 0))
        options["max_new_tokens"] = most if least <= most else limit
    if 0 < options["max_new_tokens"] < state.defaults.min_new_tokens:
        options.setdefault("min_new_tokens", options["max_new_tokens"])
