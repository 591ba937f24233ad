"""One request on its way: its body, the reply to it, and what is counted of both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import msgspec
from starlette.types import Receive, Scope

from mime_fast import _C
from mime_fast.async_generator import AsyncGenerator, ServiceClosed
from mime_fast.config import GenerationConfig
from mime_fast.read_message import takes_long
from mime_fast.server.body import check_media_type, decode, read_body
from mime_fast.server.disconnect import UntilGone
from mime_fast.server.errors import renamed, to_api_error
from mime_fast.server.generation import allowed_options
from mime_fast.server.state import ServerState
from mime_fast.text.message import check_turns
from mime_fast.types import Response, TokenEvent

T = TypeVar("T")
STOPPED = "the server is being stopped; ask another one, or later"


@dataclass(frozen=True)
class Ask:
    """What the model is asked. names, turn_names: what the client calls options and turns."""

    turns: str | Sequence[str]
    options: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    turn_names: Sequence[str] = ()

    @property
    def listed_turns(self) -> Sequence[str]:
        """The turns, as a list where there is one, too."""
        return [self.turns] if isinstance(self.turns, str) else self.turns


def _check_turns(asks: Sequence[Ask]) -> None:
    """ApiError names the first turn that no reply can be made to."""
    for ask in asks:
        try:
            check_turns(ask.turns)
        except (ValueError, TypeError) as error:
            raise renamed(to_api_error(error), ask.names, ask.turn_names) from error


@dataclass
class Call:
    """A request. texts: what may be logged, if the operator wants texts logged."""

    state: ServerState
    scope: Scope
    receive: Receive
    started: float = field(default_factory=time.perf_counter)
    tokens: int = 0
    answered: list[tuple[Response, float]] = field(default_factory=list)  # and its seconds
    texts: list[Any] = field(default_factory=list)

    async def read(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body, decoded."""
        options = self.state.options
        check_media_type(self.scope)
        body = await read_body(
            self.scope, self.receive, options.max_body_bytes, options.request_seconds
        )
        return decode(body, decoder)

    async def respond(self, ask: Ask) -> Response:
        """The whole reply; ClientGone: nobody waits for it any more."""
        async with UntilGone(self.scope, self.receive):
            return await self._respond(ask)

    async def check_all(self, asks: Sequence[Ask]) -> None:
        """ApiError where one of several turns is wrong, before the first is answered.

        Those of a single ask are checked when its reply begins.
        """
        if len(asks) == 1:
            return
        if takes_long([turn for ask in asks for turn in ask.listed_turns]):
            await asyncio.to_thread(_check_turns, asks)
        else:
            _check_turns(asks)

    async def respond_all(self, asks: Sequence[Ask]) -> list[Response]:
        """The replies to several messages of the same options; if one fails, all do.

        As many run side by side as the engine takes at once, so that none of them fills the queue.
        """
        if len(asks) == 1:
            return [await self.respond(asks[0])]
        tasks = []
        try:
            permits = asyncio.Semaphore(self._most_at_once(asks[0]))
            async with UntilGone(self.scope, self.receive), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._respond_with(permits, ask)) for ask in asks]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    def _most_at_once(self, ask: Ask) -> int:
        """How many requests like this one run at once when no other does."""
        state = self.state
        try:
            options = allowed_options(ask.options, state.defaults, state.options)
        except (ValueError, TypeError) as error:
            raise renamed(to_api_error(error), ask.names, ask.turn_names) from error
        rows = min(state.options.max_running, _C.DecodingSession.shared_rows)
        return max(1, rows // _C.DecodingSession.rows_of(options))

    async def _respond_with(self, permits: asyncio.Semaphore, ask: Ask) -> Response:
        async with permits:
            return await self._respond(ask)

    async def _respond(self, ask: Ask) -> Response:
        try:
            service, options = self._begin(ask)
            response = await service.respond(ask.turns, options)
        except (ValueError, TypeError) as error:
            raise renamed(to_api_error(error), ask.names, ask.turn_names) from error
        self._end(response)
        return response

    async def stream(self, ask: Ask) -> AsyncIterator[TokenEvent]:
        """The reply, piece by piece."""
        metrics, last, first = self.state.metrics, self.started, True
        try:
            service, options = self._begin(ask)
            events = service.stream(ask.turns, options)
            async with aclosing(cast("Any", events)):
                async for event in events:
                    now = time.perf_counter()
                    if first:
                        metrics.first_token.observe(now - last)
                    elif event.tokens:
                        metrics.inter_token.observe((now - last) / len(event.tokens))
                    last, first = now, False
                    if event.response is not None:
                        self._end(event.response)
                    yield event
        except (ValueError, TypeError) as error:
            raise renamed(to_api_error(error), ask.names, ask.turn_names) from error

    def _begin(self, ask: Ask) -> tuple[AsyncGenerator, GenerationConfig]:
        state = self.state
        options = allowed_options(ask.options, state.defaults, state.options)
        if state.options.log_texts:
            self.texts.append(ask.turns)
        if state.service is None or state.draining:
            raise ServiceClosed(STOPPED)
        return state.service, options

    def _end(self, response: Response) -> None:
        self.answered.append((response, time.perf_counter() - self.started))

    def count(self) -> None:
        """Count the replies, once they are sent: the client does not wait for it."""
        for response, seconds in self.answered:
            self.state.took(seconds)
            self.state.metrics.answered(response, seconds)
            self.tokens += sum(len(each.tokens) for each in response.candidates)
            if self.state.options.log_texts:
                self.texts.append([each.text for each in response.candidates])
