"""POST /tokenize: the tokens that the model would read of a message or a conversation."""

from __future__ import annotations

import asyncio

import msgspec

from mime_fast.read_message import takes_long
from mime_fast.server.call import Call
from mime_fast.server.endpoint import Answer, json_answer
from mime_fast.server.errors import ApiError, renamed, to_api_error
from mime_fast.server.openai.messages import ChatMessage, Turns, to_turns
from mime_fast.server.openai.parts import check_model
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.message import check_turns


class TokenizeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A prompt, or messages."""

    prompt: str | None = None
    messages: list[ChatMessage] | None = None
    model: str | None = None
    return_token_strs: bool = False


class Tokens(msgspec.Struct):
    """The tokens, the first of which stands for the whole context (CLS)."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | None = None


DECODER = msgspec.json.Decoder(TokenizeRequest)


async def tokenize(call: Call) -> Answer:
    """Tokenise what a reply would be made of; too long a context is cut as for a reply."""
    request = await call.read(DECODER)
    check_model(request.model, call.state)
    if (request.prompt is None) == (request.messages is None):
        raise ApiError(400, "give either prompt or messages", "prompt")
    tokenizer, longest = call.state.generator.tokenizer, call.state.longest
    most, messages = call.state.options.max_turns, request.messages or []
    if len(messages) > most:
        raise ApiError(400, f"messages must be at most {most}, got {len(messages)}", "messages")
    prompt = request.prompt
    given = to_turns(messages) if prompt is None else Turns([prompt], ["prompt"])

    def read() -> list[int]:
        return encode_dialogue(tokenizer, check_turns(given.texts), longest).tokens

    try:
        ids = await asyncio.to_thread(read) if takes_long(given.texts) else read()
    except ValueError as error:
        raise renamed(to_api_error(error), {}, given.turn_names) from error
    words = None
    if request.return_token_strs:
        known = tokenizer.context_words
        words = [known[index] for index in ids]
    return json_answer(Tokens(len(ids), longest, ids, words))
