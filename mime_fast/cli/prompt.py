"""Reading messages: with line editing on a terminal (prompt_toolkit), as plain lines elsewhere.

prompt_toolkit and not readline: which readline Python has, GNU's or libedit without bracketed
paste, depends on how it was built.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

PROMPT = "you: "
LEAVE = "Ctrl-D or /quit leaves"
QUIET = 0.1  # seconds without input after which a paste is over
LONGEST = 5.0  # seconds that discarding input may take: a key may be held down
CHUNK = 65536  # bytes


class Reader(Protocol):
    """Reads a message; None: the end of the input."""

    is_terminal: bool

    def read(self) -> str | None:
        """Read a message."""
        ...


class PlainLines:
    """Each line is a message; bytes that are not UTF-8 arrive as lone surrogates."""

    is_terminal = False

    def read(self) -> str | None:
        """Read a line; without its newline at the end of the input, too."""
        print(PROMPT, end="", flush=True)
        raw = b"" if sys.stdin is None else sys.stdin.buffer.readline()
        if not raw.endswith(b"\n"):
            print()
        return raw.decode(errors="surrogateescape") if raw else None


class EditedLines:
    """Line editing and history, which is kept in memory alone: messages may be private.

    A bracketed paste is one message. Ctrl-C clears the line; twice on an empty line it leaves.
    """

    is_terminal = True

    def __init__(self) -> None:
        # A terminal may answer the question for the cursor's position after we have left.
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import InMemoryHistory
        from prompt_toolkit.output import create_output

        self.output = create_output(always_prefer_tty=True)  # stdout may be a pipe to tee
        self.session: PromptSession[str] = PromptSession(
            PROMPT,
            history=InMemoryHistory(),
            output=self.output,
            enable_suspend=True,
            reserve_space_for_menu=0,
        )

    def read(self) -> str | None:
        """Read a message. KeyboardInterrupt: Ctrl-C twice on an empty line."""
        warned = False
        while True:
            try:
                return self.session.prompt()
            except EOFError:
                return None
            except KeyboardInterrupt:
                is_empty = not self.session.default_buffer.text
                if is_empty and warned:
                    raise
                warned = is_empty
                if is_empty:
                    self.output.write(f"({LEAVE}; so does Ctrl-C once more)\n")
                    self.output.flush()


def create_reader() -> Reader:
    """Line editing where a person types and sees it, plain lines elsewhere.

    A dumb terminal is left to its own line editing, as in a shell of an editor.
    """
    shows = [stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr)]
    is_dumb = os.environ.get("TERM", "").lower() in ("", "dumb", "unknown")
    if sys.stdin is not None and sys.stdin.isatty() and any(shows) and not is_dumb:
        return EditedLines()
    return PlainLines()


@contextmanager
def clean_exit() -> Iterator[None]:
    """Leave the terminal to the shell as it was, on SIGTERM too.

    What is typed or pasted and was not read is discarded: the shell would run it.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        if sys.stdin is not None and sys.stdin.isatty():
            with suppress(OSError, termios.error):  # the terminal may be gone
                _discard(sys.stdin.fileno())
        signal.signal(signal.SIGTERM, before)


def _discard(terminal: int) -> None:
    if os.tcgetpgrp(terminal) != os.getpgrp():
        return  # the terminal is another job's
    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~(termios.ICANON | termios.ECHO)  # half a line counts, and is not shown
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        end = time.monotonic() + LONGEST
        while select.select([terminal], [], [], QUIET)[0] and time.monotonic() < end:
            if not os.read(terminal, CHUNK):
                break
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
