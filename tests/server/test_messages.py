"""Messages of roles become turns."""

from __future__ import annotations

import pytest

from mime_fast.server.errors import ApiError
from mime_fast.server.openai.messages import ChatMessage, Part, to_turns

U, A, S = "user", "assistant", "system"


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ([(U, "a")], ["a"]),
        ([(S, "x"), (U, "a"), (S, "y"), (A, "b"), (U, "c")], ["a", "b", "c"]),
        ([(U, "a"), (U, "b")], ["a\nb"]),
        ([(U, "a"), (A, "b"), (A, "c"), (U, "d")], ["a", "b\nc", "d"]),
        ([(A, "hi"), (A, "ho"), (U, "a")], ["a"]),
        ([(U, "a"), (A, ""), (U, "b")], ["a\nb"]),
        ([(U, "a"), (A, None), (S, "x"), (U, "b")], ["a\nb"]),
        ([(U, ""), (U, "b")], ["b"]),
        ([(U, "")], [""]),
    ],
)
def test_turns(messages: list[tuple[str, str | None]], turns: list[str]) -> None:
    assert to_turns([ChatMessage(role, content) for role, content in messages]).texts == turns


def test_parts_of_text_are_joined() -> None:
    parts = [Part("text", "a"), Part("input_text", "b"), Part("output_text", None)]
    assert to_turns([ChatMessage(U, parts)]).texts == ["a\nb\n"]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([ChatMessage(S, "x")], "messages"),
        ([ChatMessage(U, "a"), ChatMessage(A, "b")], "messages"),
        ([ChatMessage(U, "a"), ChatMessage("tool", "b")], "messages[1].role"),
        ([ChatMessage(U, [Part("text", "a"), Part("image_url")])], "messages[0].content[1]"),
    ],
)
def test_what_is_no_dialogue(messages: list[ChatMessage], param: str) -> None:
    with pytest.raises(ApiError) as raised:
        to_turns(messages)
    assert (raised.value.status, raised.value.param) == (400, param)
