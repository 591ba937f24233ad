"""Messages of a file or of standard input, one a line: text, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

CHUNK = 2**16  # bytes that are read at once, or fewer: a line of a pipe is answered when it comes
LONGEST_LINE = 2**24  # bytes; a line without an end must not fill the memory
BOM = b"\xef\xbb\xbf"


class InputFormat(StrEnum):
    """What the lines of a file are."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class Message(NamedTuple):
    """Turns to answer, and the place that they come from."""

    turns: list[str | bytes]
    where: str = ""  # "file:3: ", or empty
    facts: dict[str, Any] = {}  # noqa: RUF012 - never written to; the output repeats them


class ByteStream(Protocol):
    """What lines are read from: BufferedReader, or a part of one."""

    def read1(self, most: int, /) -> bytes:
        """At most so many bytes, as soon as there are some; none: the end."""


Check = Callable[[list[str | bytes]], None]


def read_arguments(texts: Sequence[str], history: Sequence[str], check: Check) -> list[Message]:
    """The messages of a command line, all checked; "-" is one that standard input holds."""
    if texts.count("-") > 1:
        raise ValueError("only one message can be -: standard input is read once")
    several = len(texts) > 1
    messages = []
    for number, text in enumerate(texts, 1):
        where = f"message {number} of {len(texts)}: " if several else ""
        turns: list[str | bytes] = [*history, _read_stdin() if text == "-" else text]
        try:
            check(turns)
        except ValueError as error:
            raise ValueError(f"{where}{error}") from error
        messages.append(Message(turns, where))
    return messages


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed; give the message as an argument")
    return sys.stdin.buffer.read()


class MessageFile:
    """The lines of a file; "-" is standard input.

    A line is text, a JSON string, a JSON list of turns, or a JSON object. The object has `message`,
    and perhaps `history` (turns before it) and `id` (repeated in the output).

    form: AUTO reads a line as JSON if it begins with { or [, or is a JSON string.
    check: called with the turns.
    """

    first_line = 1  # its number, for errors

    def __init__(self, path: str, form: InputFormat, history: Sequence[str], check: Check) -> None:
        self.path, self.form, self.history, self.check = path, form, history, check
        self.name = "<stdin>" if path == "-" else path

    def count(self) -> int | None:
        """Check every line before work begins; None: it is a stream, which is read only once."""
        if self.path == "-" or not Path(self.path).is_file():
            return None
        return sum(len(messages) for messages in self.batches(CHUNK))

    def batches(self, most: int) -> Iterator[list[Message]]:
        """The messages, at most so many together; ValueError names the first line that is wrong.

        It is raised when the messages before that line were taken.
        """
        number = self.first_line - 1
        with self._errors_named(), self._open() as stream:
            for lines in _lines(stream, self.name, self.first_line):
                ready: list[Message] = []
                wrong: ValueError | None = None
                for line in lines:
                    number += 1
                    try:
                        ready.append(self._message(line, number))
                    except (ValueError, TypeError, RecursionError) as error:
                        wrong = ValueError(f"{self.name}:{number}: {error}")
                        break
                for start in range(0, len(ready), most):
                    yield ready[start : start + most]
                if wrong is not None:
                    raise wrong

    def _open(self) -> AbstractContextManager[ByteStream]:
        if self.path == "-":
            if sys.stdin is None:
                raise ValueError("standard input is closed; name a file with --file")
            stream: Any = sys.stdin.buffer
            return nullcontext(stream)
        return Path(self.path).open("rb")

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                f"--file {self.path} cannot be read ({error.strerror}); name another"
            ) from error

    def _message(self, line: bytes, number: int) -> Message:
        raw = line.removeprefix(BOM if number == 1 else b"").removesuffix(b"\r")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"not valid UTF-8: {error}; write UTF-8 text") from None
        history, message, facts = _parse(text, self.form)
        if history and self.history:
            raise ValueError("the line has a history, and --history was given; leave one of them")
        turns: list[str | bytes] = [*(history or self.history), message]
        self.check(turns)
        return Message(turns, f"{self.name}:{number}: ", facts)


def _lines(stream: ByteStream, name: str, number: int) -> Iterator[list[bytes]]:
    """The lines of what can be read without waiting, as often as there is something.

    number: that of the first line, for errors.
    """
    rest = b""
    while chunk := stream.read1(CHUNK):
        first, *others = chunk.split(b"\n")
        rest += first
        if len(rest) > LONGEST_LINE:
            raise too_long(name, number)
        if others:
            yield [rest, *others[:-1]]
            number += len(others)
            rest = others[-1]
    if rest:
        yield [rest]


def too_long(name: str, number: int) -> ValueError:
    """The error of a line that has more bytes than LONGEST_LINE."""
    return ValueError(f"{name}:{number}: longer than {LONGEST_LINE} bytes; shorten it")


def _parse(text: str, form: InputFormat) -> tuple[list[str], str, dict[str, Any]]:
    """Turns before, message and facts of a line."""
    begin = text.lstrip()[:1]
    is_auto = form is InputFormat.AUTO
    if form is InputFormat.TEXT or (is_auto and begin not in ("{", "[", '"')):
        return [], text, {}
    try:
        value = json.loads(text)
    except ValueError as error:
        if is_auto and begin == '"':
            return [], text, {}
        hint = "; for plain text give --input-format text" if is_auto else ""
        raise ValueError(f"not valid JSON ({error}){hint}") from None
    return _turns(value)


def _turns(value: Any) -> tuple[list[str], str, dict[str, Any]]:
    record = value
    if isinstance(value, str):
        record = {"message": value}
    elif isinstance(value, list) and value:
        record = {"history": value[:-1], "message": value[-1]}
    if not isinstance(record, dict) or "message" not in record:
        raise ValueError(
            "expected a JSON string, a list of turns, or an object with `message` and perhaps "
            f"`history` and `id`, got {json.dumps(value):.80}"
        )
    if unknown := sorted(set(record) - {"message", "history", "id"}):
        raise ValueError(
            f"unknown key {', '.join(map(repr, unknown))}; known: history, id, message"
        )
    history, message = record.get("history", []), record["message"]
    if not isinstance(history, list) or not all(isinstance(t, str) for t in [*history, message]):
        raise ValueError("`message` must be a string and `history` a list of strings")
    return history, message, {"id": record["id"]} if "id" in record else {}
