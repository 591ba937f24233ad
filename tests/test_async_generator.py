"""AsyncGenerator: the replies of Generator, for many requests of an event loop."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mime_fast import AsyncGenerator, GenerationConfig, Generator
from mime_fast.service import DeadlineExceeded, DraftCount, QueueFull, ServiceClosed
from mime_fast.types import Response, Timings, TokenEvent

PATIENCE = 120  # seconds until a test has failed
MESSAGES = ["I lost my dog.", "we won!", "I am so tired of it all", "she left me yesterday."]
HISTORY = ["I lost my dog.", "oh no, what happened?", "it was good"]
CASES: list[dict[str, Any]] = [
    {},
    {"num_beams": 4, "num_return_sequences": 2},
    {"do_sample": True, "num_return_sequences": 3, "return_scores": True},
    {"do_sample": True, "top_k": 9, "max_new_tokens": 30},
    {"do_sample": True, "mbr_samples": 6},
    {"emotion": "proud", "repetition_penalty": 1.3, "min_new_tokens": 9},
    {"stop": ("sorry", "dog"), "no_repeat_ngram_size": 2},
    {"stop": ("you",), "num_beams": 3},
    {"logprobs": 2, "max_new_tokens": 8},
    {"stochastic_emotion": False, "bad_words": ("dog",), "speculation": False},
]
CRISIS = "I want to kill myself"
SLOW = "k.i.l.t. m.e. " * 2000
# Kinds of text that kept the event loop waiting.
LONG: list[str | list[str]] = [SLOW, "\ufdfa" * 1500, ["I can't sleep. " * 2000] * 5]


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await coroutine

    return asyncio.run(limited())


def timeless(response: Response | None) -> Response | None:
    return None if response is None else replace(response, timings=Timings(0, 0, 0))


def comparable(events: list[TokenEvent]) -> TokenEvent:
    """All events as one: where a piece ends is a matter of time."""
    scores = [event.score for event in events]
    scored = [event.logprobs for event in events]
    return replace(
        events[-1],
        text="".join(event.text for event in events),
        tokens=[token for event in events for token in event.tokens],
        score=None if None in scores else round(sum(filter(None, scores)), 4),
        logprobs=None if None in scored else [each for some in scored for each in some or ()],
        response=timeless(events[-1].response),
    )


async def collect(events: AsyncIterator[TokenEvent]) -> list[TokenEvent]:
    return [event async for event in events]


@pytest.fixture(scope="module")
def generators(tiny_checkpoint: Path) -> dict[str, Generator]:
    return {name: Generator(tiny_checkpoint, engine=name) for name in ("native", "eager")}


@pytest.fixture(params=["native", "eager"])
def generator(request: pytest.FixtureRequest, generators: dict[str, Generator]) -> Generator:
    return generators[request.param]


@pytest.fixture
def native(generators: dict[str, Generator]) -> Generator:
    return generators["native"]


@pytest.fixture
def long(generator: Generator) -> dict[str, Any]:
    """Options of a reply that takes a while."""
    beams = 300 if generator.engine.name == "native" else 20
    return {"num_beams": beams, "min_new_tokens": 60, "max_new_tokens": 60, "seed": 1}


def test_requests_of_different_options_get_the_replies_of_each_alone(generator: Generator) -> None:
    requests = [
        (message, options | {"seed": seed})
        for seed, options in enumerate(CASES)
        for message in (MESSAGES[seed % 4], HISTORY)
    ]

    async def ask() -> list[Response]:
        async with AsyncGenerator(generator) as replies:
            return await asyncio.gather(
                *(replies.respond(message, **options) for message, options in requests)
            )

    for (message, options), found in zip(requests, run(ask()), strict=True):
        assert timeless(found) == timeless(generator.respond(message, **options)), options


def test_streams_have_the_events_of_the_generator(generator: Generator) -> None:
    async def ask() -> list[list[TokenEvent]]:
        async with AsyncGenerator(generator) as replies:
            streams = [replies.stream(HISTORY, **options, seed=5) for options in CASES]
            return await asyncio.gather(*map(collect, streams))

    for options, found in zip(CASES, run(ask()), strict=True):
        expected = list(generator.stream(HISTORY, **options, seed=5))
        assert comparable(found) == comparable(expected), options


@pytest.mark.parametrize("on_crisis", ["reply", "flag", "off"])
def test_a_crisis_gets_what_the_generator_says(generator: Generator, on_crisis: str) -> None:
    config = GenerationConfig(on_crisis=on_crisis, seed=1)

    async def ask() -> tuple[Response, list[TokenEvent]]:
        async with AsyncGenerator(generator) as replies:
            events = replies.stream(CRISIS, config)
            return await replies.respond(CRISIS, config), await collect(events)

    response, events = run(ask())
    assert timeless(response) == timeless(generator.respond(CRISIS, config))
    assert comparable(events) == comparable(list(generator.stream(CRISIS, config)))
    assert (response.finish_reason == "crisis") == (on_crisis == "reply")


def test_timings_are_those_of_the_request(generator: Generator) -> None:
    async def ask() -> Response:
        async with AsyncGenerator(generator) as replies:
            return await replies.respond("we won!", seed=1)

    timings = run(ask()).timings
    assert timings.tokens > 0
    assert 0 < timings.encode_ms < 1e5
    assert 0 < timings.decode_ms < 1e5


async def longest_stall(awaitable: Awaitable[Any]) -> tuple[Any, float]:
    """What it returns, and for how many seconds at most the event loop did nothing else."""
    task, longest, last = asyncio.ensure_future(awaitable), 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return await task, longest


@pytest.mark.parametrize("message", LONG, ids=lambda message: ascii(message)[:12])
def test_the_loop_goes_on_while_a_long_message_is_read(
    native: Generator, message: str | list[str]
) -> None:
    options: dict[str, Any] = {"seed": 1, "max_new_tokens": 3}
    native.respond(CRISIS + "\u2026")  # the first texts build tables
    started = time.perf_counter()
    expected = native.respond(message, **options)
    seconds = time.perf_counter() - started

    async def ask() -> list[tuple[Any, float]]:
        async with AsyncGenerator(native) as replies:
            return [
                await longest_stall(replies.respond(message, **options)),
                await longest_stall(collect(replies.stream(message, **options))),
            ]

    stalls = []
    for _ in range(3):  # other processes may stall it too
        (response, stall), (events, stream_stall) = run(ask())
        assert timeless(response) == timeless(events[-1].response) == timeless(expected)
        stalls.append(max(stall, stream_stall))
    assert min(stalls) < seconds / 2, (stalls, seconds)  # a tenth of it; all, if read in the loop


def test_what_is_wrong_with_a_long_message_is_raised(native: Generator) -> None:
    async def ask() -> None:
        async with AsyncGenerator(native) as replies:
            with pytest.raises(ValueError, match="top_p must be in"):
                replies.stream(LONG[0], top_p=2)
            for message, error in (("x" * 100_001, "100001 characters"), (" " * 5000, "is empty")):
                with pytest.raises(ValueError, match=error):
                    await replies.respond(message)
                events = replies.stream(message)
                with pytest.raises(ValueError, match=error):
                    await anext(events)
            assert replies.waiting == 0
            await replies.drain()  # nothing is left of them

    run(ask())


def test_long_messages_wait_drain_and_end_as_others(native: Generator) -> None:
    async def ask() -> None:
        replies = AsyncGenerator(native, max_waiting=2)
        options: dict[str, Any] = {"max_new_tokens": 2}
        first = asyncio.create_task(replies.respond(SLOW, **options))
        late = asyncio.create_task(replies.respond(SLOW, **options, deadline=1e-3))
        await asyncio.sleep(0)
        assert replies.waiting == 2
        with pytest.raises(QueueFull, match="2 long messages wait to be read, as many as may"):
            await replies.respond(SLOW, **options)
        with pytest.raises(DeadlineExceeded):
            await late
        gone = asyncio.create_task(replies.respond(SLOW, **options))
        await asyncio.sleep(0)
        gone.cancel()
        await replies.drain()
        assert first.done()
        assert (await first).finish_reason == "length"
        with pytest.raises(ServiceClosed):
            await replies.respond(SLOW, **options)
        assert replies.waiting == 0
        await replies.aclose()

    run(ask())


def test_closing_ends_what_is_read(native: Generator) -> None:
    async def ask() -> None:
        replies = AsyncGenerator(native)
        reading = [asyncio.create_task(replies.respond(SLOW)) for _ in range(2)]
        await asyncio.sleep(0)
        await replies.aclose()
        for found in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(found, ServiceClosed)

    run(ask())


def test_what_is_wrong_is_refused_before_it_waits(native: Generator) -> None:
    replies = AsyncGenerator(native)
    with pytest.raises(ValueError, match="top_p must be in"):
        replies.stream("hello", top_p=2)
    for deadline in (-1, 0, float("nan"), "x", True, [1]):
        got = re.escape(repr(deadline))
        error = rf"deadline must be above 0 seconds, got {got}; give a number, or None for any time"
        with pytest.raises(ValueError, match=error):
            replies.stream("hello", deadline=deadline)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="holds no word"):
        run(replies.respond("\u200b"))
    with pytest.raises(ValueError, match="unknown GenerationConfig option 'top_q'"):
        run(replies.respond("hello", top_q=1))
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        replies.__reduce__()
    run(replies.aclose())


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_running": 0}, "max_running must be at least 1, got 0"),
        ({"max_waiting": -1}, "max_waiting must be at least 0, got -1"),
        ({"max_wait_seconds": 0}, "max_wait_seconds must be above 0 seconds, got 0"),
    ],
)
def test_limits_are_checked(native: Generator, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AsyncGenerator(native, **limits)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - nothing else says that it holds
        await asyncio.sleep(0)


async def begin(replies: AsyncGenerator, **options: Any) -> asyncio.Task[Response]:
    """A request that runs."""
    task = asyncio.create_task(replies.respond("I lost my dog", **options))
    await until(lambda: replies.running)
    return task


async def fill(
    replies: AsyncGenerator, **options: Any
) -> tuple[asyncio.Task[Response], asyncio.Task[Response]]:
    """A request that runs, and one that waits."""
    first = await begin(replies, **options)
    second = asyncio.create_task(replies.respond("we won!", seed=1))
    await until(lambda: replies.waiting)
    return first, second


def test_more_than_may_wait_are_refused(generator: Generator, long: dict[str, Any]) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator, max_running=1, max_waiting=1) as replies:
            first, second = await fill(replies, **long)
            with pytest.raises(QueueFull, match=r"1 requests run and 1 wait.*raise max_waiting"):
                await replies.respond("we won!")
            with pytest.raises(QueueFull):
                await collect(replies.stream("we won!"))
            assert (await second).text == generator.respond("we won!", seed=1).text
            assert (await first).text == generator.respond("I lost my dog", **long).text
            assert (replies.running, replies.waiting) == (0, 0)

    run(ask())


def test_what_would_be_refused_is_not_read(generator: Generator, long: dict[str, Any]) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator, max_running=1, max_waiting=1) as replies:
            first, second = await fill(replies, **long)
            for wrong in ("", 7):
                with pytest.raises(QueueFull):
                    await replies.respond(wrong)  # type: ignore[arg-type]
                with pytest.raises(QueueFull):
                    replies.stream(wrong)  # type: ignore[arg-type]
            await asyncio.gather(first, second)
            with pytest.raises(ValueError, match="empty"):
                await replies.respond("")

    run(ask())


def test_a_loop_that_is_behind_gets_one_long_piece(native: Generator) -> None:
    async def ask() -> list[TokenEvent]:
        async with AsyncGenerator(native) as replies:
            events = replies.stream("I lost my dog", min_new_tokens=40, max_new_tokens=40, seed=1)
            first = await anext(events)
            await asyncio.to_thread(lambda: None)  # the thread of the engine has its turn
            while replies.running:  # the loop does nothing else meanwhile
                time.sleep(0.001)  # noqa: ASYNC251 - it is to be behind
            return [first, *[event async for event in events]]

    events = run(ask())
    assert len(events[-1].tokens) > 20
    options: dict[str, Any] = {"min_new_tokens": 40, "max_new_tokens": 40, "seed": 1}
    assert comparable(events) == comparable(list(native.stream("I lost my dog", **options)))


def test_a_deadline_is_the_time_that_a_request_may_wait(
    generator: Generator, long: dict[str, Any]
) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator, max_running=1, max_wait_seconds=60) as replies:
            first = await begin(replies, **long)
            with pytest.raises(DeadlineExceeded, match="its deadline"):
                await replies.respond("we won!", deadline=1e-3)
            with pytest.raises(DeadlineExceeded):
                await collect(replies.stream("we won!", deadline=2e-3))
            waits = asyncio.create_task(replies.respond("we won!", seed=1, deadline=90))
            await asyncio.sleep(0)
            assert (await first).finish_reason
            assert (await waits).text == generator.respond("we won!", seed=1).text
        async with AsyncGenerator(generator, max_running=1, max_wait_seconds=1e-3) as replies:
            slow = replies.respond("I lost my dog", **long, deadline=90)
            others = (replies.respond("we won!", deadline=90) for _ in range(9))
            found = await asyncio.gather(slow, *others, return_exceptions=True)
            # On a busy machine the slow one may have waited for too long, too.
            kinds = {type(each) for each in found}
            assert DeadlineExceeded in kinds
            assert kinds <= {Response, DeadlineExceeded}

    run(ask())


def test_a_cancelled_request_makes_room(generator: Generator, long: dict[str, Any]) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator, max_running=1) as replies:
            running = await begin(replies, **long)
            waiting = asyncio.create_task(replies.respond("we won!"))
            next_one = asyncio.create_task(replies.respond("we won!", seed=1))
            await until(lambda: replies.waiting == 2)
            waiting.cancel()
            running.cancel()
            assert (await next_one).text == generator.respond("we won!", seed=1).text
            for task in (running, waiting):
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert (replies.running, replies.waiting) == (0, 0)

    run(ask())


def test_a_stream_that_is_closed_leaves(generator: Generator) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator, max_running=1) as replies:
            options: dict[str, Any] = {"min_new_tokens": 60, "max_new_tokens": 60, "seed": 1}
            events = replies.stream("I lost my dog", **options)
            async for event in events:
                assert event.tokens
                break
            await events.aclose()  # type: ignore[attr-defined] # it is an async generator
            never_begun = replies.stream("I lost my dog")
            assert (await replies.respond("we won!", seed=1)).text
            del never_begun
            assert (replies.running, replies.waiting) == (0, 0)

    run(ask())


def test_drain_answers_those_that_came(generator: Generator, long: dict[str, Any]) -> None:
    async def ask() -> None:
        replies = AsyncGenerator(generator, max_running=1)
        first = await begin(replies, **long)
        second = asyncio.create_task(replies.respond("we won!", seed=1))
        await asyncio.sleep(0)
        drained = asyncio.create_task(replies.drain())
        await asyncio.sleep(0)
        with pytest.raises(ServiceClosed, match="it is being drained"):
            await replies.respond("we won!")
        await drained
        assert first.done()
        assert (await second).text == generator.respond("we won!", seed=1).text
        assert replies.alive
        await replies.drain()
        await replies.aclose()

    run(ask())


def test_after_aclose_nobody_is_answered(generator: Generator, long: dict[str, Any]) -> None:
    async def ask() -> None:
        replies = AsyncGenerator(generator, max_running=1)
        alive = [replies.alive]
        first = await begin(replies, **long)
        second = asyncio.create_task(replies.respond("we won!"))
        await asyncio.sleep(0)
        await replies.aclose()
        assert [*alive, replies.alive] == [True, False]
        for task in (first, second):
            with pytest.raises(ServiceClosed, match="it was closed; make a new AsyncGenerator"):
                await task
        with pytest.raises(ServiceClosed, match="takes no requests"):
            await replies.respond("we won!")
        await replies.aclose()
        await replies.drain()

    run(ask())


def test_one_event_loop_after_the_other(generator: Generator, long: dict[str, Any]) -> None:
    replies = AsyncGenerator(generator)
    expected = generator.respond("we won!", seed=1).text

    async def give_up() -> None:
        await begin(replies, **long)

    for _ in range(2):
        run(give_up())
        assert run(replies.respond("we won!", seed=1)).text == expected
    run(replies.aclose())


def test_a_loop_that_was_closed_in_the_middle(generator: Generator, long: dict[str, Any]) -> None:
    """Its requests are dropped; that they are collected later changes nothing."""
    replies = AsyncGenerator(generator, max_running=1)
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(replies.respond("I lost my dog", **long)) for _ in range(2)]
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    expected = generator.respond("we won!", seed=1).text
    assert run(replies.respond("we won!", seed=1)).text == expected
    for task in tasks:
        task.get_coro().close()
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    assert run(replies.respond("we won!", seed=1)).text == expected
    run(replies.drain())
    run(replies.aclose())


def test_two_event_loops_at_once_are_refused(native: Generator) -> None:
    async def ask() -> None:
        async with AsyncGenerator(native) as replies:
            options = {"num_beams": 300, "min_new_tokens": 60, "max_new_tokens": 60}
            first = await begin(replies, **options)
            with pytest.raises(RuntimeError, match="make one for each loop"):
                await asyncio.to_thread(asyncio.run, replies.respond("we won!"))
            first.cancel()

    run(ask())


def test_warmup_takes_its_options(generator: Generator) -> None:
    async def ask() -> None:
        async with AsyncGenerator(generator) as replies:
            await replies.warmup(lengths=(4,), num_beams=2, max_new_tokens=3)
            with pytest.raises(ValueError, match="batch_sizes must be at least 1"):
                await replies.warmup(batch_sizes=(0,))

    run(ask())


def test_under_load_with_cancellations(
    native: Generator, record_property: Callable[[str, object], None]
) -> None:
    """240 requests of mixed options, 24 at a time; one in six is given up at some time."""
    choice = np.random.default_rng(3)
    requests = [
        (MESSAGES[choice.integers(4)], CASES[number % len(CASES)] | {"seed": number})
        for number in range(240)
    ]
    expected = [timeless(native.respond(message, **options)) for message, options in requests]

    async def ask(replies: AsyncGenerator, number: int) -> Response | None:
        message, options = requests[number]
        task = asyncio.create_task(replies.respond(message, **options))
        if number % 6 == 0:
            await asyncio.sleep(choice.uniform(0, 0.02))
            task.cancel()
        elif number % 3 == 0:
            task.cancel()
            events = await collect(replies.stream(message, **options))
            response = events[-1].response
            assert response is not None
            assert "".join(event.text for event in events) == response.text
            return response
        try:
            return await task
        except asyncio.CancelledError:
            return None

    async def ask_all() -> list[Response | None]:
        async with AsyncGenerator(native, max_running=24) as replies:
            found = await asyncio.gather(*(ask(replies, number) for number in range(240)))
            assert (replies.running, replies.waiting) == (0, 0)
            return found

    found = [timeless(response) for response in run(ask_all())]
    answered = [number for number, response in enumerate(found) if response is not None]
    assert [found[number] for number in answered] == [expected[number] for number in answered]
    assert len(answered) >= 240 * 5 // 6
    record_property("answered", len(answered))


def test_the_bundled_checkpoint_with_drafts() -> None:
    """Greedy replies, half of them drafted, beside beams and samples that come and go."""
    generator = Generator("mime-small")
    messages = ["I lost my dog yesterday.", "I got the job!", "My sister is visiting.", CRISIS]
    options: list[dict[str, Any]] = [
        {},
        {"do_sample": False},
        {"do_sample": False, "speculation": False},
        {"num_beams": 5},
        {"do_sample": True, "top_p": 0.9},
        {"do_sample": True, "best_of": 4},
        {"stop": ("!",)},
    ]
    requests = [
        (message, each | {"seed": seed})
        for seed, each in enumerate(options)
        for message in messages
    ]
    expected = [timeless(generator.respond(message, **each)) for message, each in requests]

    async def ask() -> list[Response]:
        async with AsyncGenerator(generator, max_running=4) as replies:
            alone = [await replies.respond(message, **each) for message, each in requests[:4]]
            together = await asyncio.gather(
                *(replies.respond(message, **each) for message, each in requests[4:])
            )
            assert 0 < replies.drafts.accepted <= replies.drafts.drafted
            return alone + together

    assert [timeless(response) for response in run(ask())] == expected


def test_no_drafts_are_counted_where_there_are_none(generator: Generator) -> None:
    async def ask() -> DraftCount:
        async with AsyncGenerator(generator) as replies:
            await replies.respond(MESSAGES[0])
            return replies.drafts

    assert run(ask()) == DraftCount(0, 0)
