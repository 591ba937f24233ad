"""The JSON of /v1/responses."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mime_fast.server.generation import GenerationFields
from mime_fast.server.openai.messages import Part
from mime_fast.server.openai.parts import MimeResult, TokenLogprobPart

WITH_LOGPROBS = "message.output_text.logprobs"
PLAIN_TEXT = {"type": "text"}
VERBOSITIES = (None, "low", "medium", "high")
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "previous_response_id": (),
    "conversation": (),
    "background": (False,),
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "include": ([], [WITH_LOGPROBS]),
    "prompt": (),
    "truncation": ("auto", "disabled"),
    "moderation": (),
    "context_management": ([],),
}


class InputMessage(msgspec.Struct, gc=False):
    """An item of the input; only messages are read."""

    role: str = ""
    content: str | list[Part] | None = None
    type: str = "message"


class ResponseRequest(GenerationFields, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's options, and every option of GenerationConfig."""

    input: str | list[InputMessage]
    model: str | None = None
    stream: bool | None = None
    stream_options: dict[str, bool] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    top_logprobs: int | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    text: dict[str, Any] | None = None
    include: list[str] | None = None
    prompt: Any = None
    truncation: str | None = None
    moderation: Any = None
    context_management: list[Any] | None = None
    # They change nothing here.
    store: bool | None = None
    metadata: dict[str, str] | None = None
    max_tool_calls: int | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Any = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Any = None


class OutputText(msgspec.Struct):
    """The text of a reply."""

    text: str
    logprobs: list[TokenLogprobPart] = []
    annotations: list[Any] = []
    type: str = "output_text"


class OutputMessage(msgspec.Struct):
    """One of the replies."""

    id: str
    status: str
    content: list[OutputText]
    role: str = "assistant"
    type: str = "message"


class InputTokens(msgspec.Struct, frozen=True):
    """None is ever cached."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokens(msgspec.Struct, frozen=True):
    """MIME does not reason in words."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct):
    """Numbers of tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: InputTokens = InputTokens()
    output_tokens_details: OutputTokens = OutputTokens()


class Incomplete(msgspec.Struct):
    """Why a reply ended early."""

    reason: str = "max_output_tokens"


class ResponseObject(msgspec.Struct, kw_only=True):
    """The answer; `mime` is ours."""

    id: str
    object: str = "response"
    created_at: int
    completed_at: int | None = None
    status: str
    model: str
    output: list[OutputMessage]
    usage: ResponseUsage | None = None
    incomplete_details: Incomplete | None = None
    error: None = None
    instructions: str | None
    metadata: dict[str, str]
    temperature: float | None
    top_p: float | None
    max_output_tokens: int | None
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: bool = False
    text: dict[str, Any] = msgspec.field(default_factory=lambda: {"format": PLAIN_TEXT})
    tool_choice: Literal["none"] = "none"
    tools: list[Any] = []
    truncation: str = "auto"
    mime: MimeResult | None = None
