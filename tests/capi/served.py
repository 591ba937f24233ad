"""A service of libmime_fast through ctypes, as a program of C sees it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_char_p, c_double, c_int, c_size_t, c_void_p
from typing import Any, NamedTuple, Self

from tests.capi.library import LibraryError, Loaded, Texts, texts


class ServiceOptions(ctypes.Structure):
    """mime_fast_service_options of mime_fast.h."""

    _fields_ = (("size", c_size_t), ("max_running", c_size_t), ("max_waiting", c_size_t))


def declare(c: ctypes.CDLL) -> None:
    """Set the types of the functions of services and events."""
    c.mime_fast_service_create.argtypes = [c_void_p, c_void_p, c_void_p]
    c.mime_fast_service_submit.argtypes = [
        *(c_void_p, Texts, c_size_t, c_void_p, c_int, c_double, c_void_p)
    ]
    c.mime_fast_service_cancel.argtypes = [c_void_p, ctypes.c_uint64]
    c.mime_fast_service_next.argtypes = [c_void_p, c_void_p]
    for name in ("destroy", "running", "waiting", "file_descriptor"):
        getattr(c, f"mime_fast_service_{name}").argtypes = [c_void_p]
    for name in ("running", "waiting"):
        getattr(c, f"mime_fast_service_{name}").restype = c_size_t
    for name in ("destroy", "ticket", "kind", "piece", "take_response", "status", "error"):
        getattr(c, f"mime_fast_event_{name}").argtypes = [c_void_p]
    c.mime_fast_event_ticket.restype = ctypes.c_uint64
    c.mime_fast_event_take_response.restype = c_void_p
    for name in ("piece", "error"):
        getattr(c, f"mime_fast_event_{name}").restype = c_char_p


KINDS = ("piece", "done", "expired", "failed")  # mime_fast_kind


class Event(NamedTuple):
    """An event of a service; facts: those of its response, or None."""

    ticket: int
    kind: str
    piece: str
    facts: dict[str, Any] | None
    error: LibraryError | None


class ServedTexts:
    """A service of the library."""

    def __init__(self, loaded: Loaded, **given: int) -> None:
        """Starts it; given: fields of ServiceOptions."""
        self._loaded, self._service, self._c = loaded, c_void_p(), loaded.library.c
        declare(self._c)
        options = ServiceOptions()
        self._c.mime_fast_service_options_init_sized(
            byref(options), c_size_t(ctypes.sizeof(options))
        )
        for name, value in given.items():
            setattr(options, name, value)
        loaded.library.check(
            self._c.mime_fast_service_create(loaded.generator, byref(options), byref(self._service))
        )

    def close(self) -> None:
        """End the thread."""
        self._c.mime_fast_service_destroy(self._service)
        self._service = c_void_p()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, *turns: str, streams: int = False, max_wait: float = 0, **given: Any) -> int:
        """The ticket of a request."""
        library, ticket = self._loaded.library, ctypes.c_uint64()
        options = library.options(**given)
        library.check(
            self._c.mime_fast_service_submit(
                *(self._service, texts(turns), len(turns), byref(options)),
                *(streams, max_wait, byref(ticket)),
            )
        )
        return ticket.value

    def cancel(self, ticket: int) -> None:
        """Drop a request."""
        self._loaded.library.check(self._c.mime_fast_service_cancel(self._service, ticket))

    @property
    def running(self) -> int:
        """How many requests are answered."""
        return int(self._c.mime_fast_service_running(self._service))

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return int(self._c.mime_fast_service_waiting(self._service))

    def fileno(self) -> int:
        """What select waits for."""
        return int(self._c.mime_fast_service_file_descriptor(self._service))

    def events(self) -> Iterator[Event]:
        """The events that there are now."""
        while True:
            event = c_void_p()
            self._loaded.library.check(self._c.mime_fast_service_next(self._service, byref(event)))
            if event.value is None:
                return
            yield self._read(event)

    def _read(self, event: c_void_p) -> Event:
        c = self._c
        response = c_void_p(c.mime_fast_event_take_response(event))
        again = c.mime_fast_event_take_response(event)
        assert again is None, "a response is handed out once"
        status = c.mime_fast_event_status(event)
        error = LibraryError(status, c.mime_fast_event_error(event).decode()) if status else None
        found = Event(
            c.mime_fast_event_ticket(event),
            KINDS[c.mime_fast_event_kind(event)],
            c.mime_fast_event_piece(event).decode(),
            self._loaded.facts(response) if response.value else None,
            error,
        )
        c.mime_fast_event_destroy(event)
        return found
