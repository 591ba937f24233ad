"""Services of libmime_fast: each reply is that of respond, whatever else runs."""

from __future__ import annotations

import os
import select
import threading
from typing import Any

import pytest

from mime_fast.bundled import folder_of
from tests.capi.library import Library, LibraryError, Loaded
from tests.capi.served import Event, ServedTexts

MESSAGES = ("I lost my dog yesterday.", "I got the job!!", "hi", "My sister is ill & I am afraid.")
OPTIONS: tuple[dict[str, Any], ...] = (
    {"do_sample": 0},
    {},  # the checkpoint's: the best of four samples
    {"num_beams": 3, "num_return_sequences": 2, "logprobs": 2},
    {"do_sample": 1, "temperature": 0.8, "stop": ["."], "num_return_sequences": 2},
    {"do_sample": 0, "avoid_cheer": 0, "emotion": "joyful"},
    {"do_sample": 0, "bad_words": ["sorry", "dog"], "min_new_tokens": 5},
)


@pytest.fixture(scope="module")
def loaded(library: Library) -> Loaded:
    return library.load(folder_of("mime-small"), threads=1)


def wait_for(service: ServedTexts, tickets: set[int]) -> dict[int, list[Event]]:
    """The events of these requests, until all have ended."""
    found: dict[int, list[Event]] = {ticket: [] for ticket in tickets}
    left = set(tickets)
    while left:
        assert select.select([service], [], [], 60)[0], "no event comes"
        for event in service.events():
            found[event.ticket].append(event)
            if event.kind != "piece":
                left.remove(event.ticket)
    return found


def without_times(facts: dict[str, Any] | None) -> dict[str, Any]:
    assert facts is not None
    return {name: value for name, value in facts.items() if not name.endswith("milliseconds")}


def test_replies_are_those_of_respond(loaded: Loaded) -> None:
    with ServedTexts(loaded) as service:
        asked = {}
        for number in range(24):
            message, options = MESSAGES[number % 4], OPTIONS[number % 6] | {"seed": number}
            ticket = service.submit(message, streams=number % 2, **options)
            asked[ticket] = message, options
        assert len(asked) == 24
        found = wait_for(service, set(asked))
    for ticket, (message, options) in asked.items():
        *pieces, last = found[ticket]
        assert last.kind == "done"
        expected = loaded.respond(message, **options)
        assert without_times(last.facts) == without_times(expected)
        joined = "".join(event.piece for event in found[ticket])
        assert joined in ({""} if ticket % 2 else {expected["text"]})
        assert all(event.kind == "piece" and event.piece for event in pieces)


def test_a_history_and_a_crisis(loaded: Loaded) -> None:
    history = ("I lost my dog.", "Oh no! What happened?", "He ran away.")
    with ServedTexts(loaded) as service:
        tickets = [
            service.submit(*history, seed=1),
            service.submit("I want to kill myself.", streams=True, seed=1),
        ]
        found = wait_for(service, set(tickets))
    (reply,), (fixed,) = (found[ticket] for ticket in tickets)
    assert without_times(reply.facts) == without_times(loaded.respond(*history, seed=1))
    assert fixed.facts
    assert (fixed.facts["finish_reason"], fixed.facts["text"]) == ("crisis", fixed.piece)


def test_what_is_refused(loaded: Loaded) -> None:
    with ServedTexts(loaded) as service:
        for turns, options, error in (
            (("hi", "hello"), {}, "odd number of turns"),
            (("hi",), {"top_p": 2.0}, r"top_p must be in \(0, 1\]"),
            (("hi",), {"streams": 2}, "streams must be 0 or 1, got 2"),
            (("hi",), {"max_wait": -1.0}, "max_wait must be above 0 seconds, got -1"),
            (("hi",), {"max_wait": float("nan")}, "max_wait must be above 0 seconds, got nan"),
        ):
            with pytest.raises(LibraryError, match=error) as caught:
                service.submit(*turns, **options)
            assert caught.value.status == "invalid_argument"
        assert not list(service.events())
    with pytest.raises(LibraryError, match="max_running must be at least 1, got 0"):
        ServedTexts(loaded, max_running=0)
    with pytest.raises(LibraryError, match="mime_fast_service_options_init"):
        ServedTexts(loaded, size=0)


LONG = {"do_sample": 0, "min_new_tokens": 900, "max_new_tokens": 900}


def test_a_full_queue_and_a_request_that_waits_for_too_long(loaded: Loaded) -> None:
    with ServedTexts(loaded, max_running=1, max_waiting=1) as service:
        running = service.submit("hi", **LONG)
        patient = service.submit("hi")
        with pytest.raises(LibraryError, match="raise max_waiting") as caught:
            service.submit("hi")
        assert caught.value.status == "queue_full"
        assert (service.running, service.waiting) == (1, 1)
        service.cancel(patient)
        late = service.submit("hi", max_wait=0.001)
        assert [event.kind for event in wait_for(service, {late})[late]] == ["expired"]
        service.cancel(running)
        ticket = service.submit("hi", do_sample=0, seed=1)
        (event,) = wait_for(service, {ticket})[ticket]
        assert event.facts
        assert event.facts["text"] == loaded.respond("hi", do_sample=0, seed=1)["text"]


def test_no_event_of_what_was_cancelled(loaded: Loaded) -> None:
    with ServedTexts(loaded) as service:
        cancelled = service.submit("hi", streams=True, stop=["zzyzx"], **LONG)
        assert select.select([service], [], [], 60)[0]
        service.cancel(cancelled)
        service.cancel(10**9)  # which there is not
        ticket = service.submit("hi", do_sample=0)
        assert list(wait_for(service, {ticket})) == [ticket]
        assert not list(service.events())


def test_it_ends_while_requests_run(loaded: Loaded) -> None:
    service = ServedTexts(loaded)
    for _ in range(40):
        service.submit("hi", **LONG)
    service.close()


def test_a_child_of_fork_has_no_service(loaded: Loaded) -> None:
    with ServedTexts(loaded) as service:
        ticket = service.submit("hi", do_sample=0, seed=1)
        child = os.fork()
        if child == 0:  # which must not return to pytest
            try:
                os._exit(0 if refuses(service) else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert [event.kind for event in wait_for(service, {ticket})[ticket]] == ["done"]


def refuses(service: ServedTexts) -> bool:
    """Whether a service says that it is closed, and ends."""
    statuses = []
    for call in (lambda: service.submit("hi"), lambda: list(service.events())):
        try:
            call()
        except LibraryError as error:
            statuses.append(error.status)
    service.cancel(1)
    found = statuses, service.running, service.waiting
    service.close()
    return found == (["service_closed"] * 2, 0, 0)


def test_threads_submit_and_take_events(loaded: Loaded) -> None:
    expected = loaded.respond("I am sad.", do_sample=0, seed=5)["text"]
    done: list[str] = []
    with ServedTexts(loaded) as service:

        def client() -> None:
            for _ in range(10):
                service.submit("I am sad.", do_sample=0, seed=5)

        def reader() -> None:
            while len(done) < 40:
                select.select([service], [], [], 0.05)
                done.extend(event.facts["text"] for event in service.events() if event.facts)

        threads = [threading.Thread(target=each) for each in [client] * 4 + [reader] * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert done == [expected] * 40
