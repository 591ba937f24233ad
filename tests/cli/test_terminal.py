"""`mime-fast chat` in a pseudo-terminal, as a person types, pastes, interrupts and leaves."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from mime_fast import Generator

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
HOME, END, DELETE, BACKSPACE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"
CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"
PASTE = "\x1b[200~{}\x1b[201~"
PASTE_OFF = "\x1b[?2004l"  # written where a line ends
CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[^\[])|\r")


class Terminal:
    """A conversation in a pseudo-terminal."""

    def __init__(self, child: "pexpect.spawn[str]", generator: Generator) -> None:
        self.child, self.generator = child, generator
        self.turns: list[str] = []

    @property
    def shown(self) -> str:
        """What came before the last thing that was expected, without escape sequences."""
        return CONTROL.sub("", str(self.child.before))

    def type(self, *keys: str) -> None:
        """Press keys, as a person does: not before the last ones were read."""
        for key in keys:
            self.child.send(key)
            time.sleep(0.02)

    def prompt(self) -> None:
        self.child.expect_exact("you:")

    def next_prompt(self) -> None:
        """Wait until a line ends and the next begins: each key writes the prompt again."""
        self.child.expect_exact(PASTE_OFF)
        self.prompt()

    def expect_reply(self, message: str) -> None:
        """The reply is the one to this message, after the earlier ones."""
        reply = self.generator.respond([*self.turns, message], seed=7).text
        self.child.expect_exact("mime:")
        self.child.expect("you feel")
        assert self.shown.split("\n")[0].strip() == reply
        self.turns += [message, reply]
        self.prompt()

    def expect_end(self, status: int = 0) -> str:
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == status, self.shown
        return self.shown


Start = Callable[..., Terminal]


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


@pytest.fixture
def start(tiny_checkpoint: Path, generator: Generator) -> Iterator[Start]:
    """Starts a chat in a pseudo-terminal, and waits for its prompt."""
    children = []

    def call(
        *arguments: str, command: str = "", size: tuple[int, int] = (24, 80), **variables: str
    ) -> Terminal:
        flags = ["-c", str(tiny_checkpoint), "--seed", "7", *arguments]
        chat = [sys.executable, "-m", "mime_fast", "chat", *flags]
        if command:
            chat = ["bash", "--norc", "--noprofile", "-c", command.format(" ".join(chat))]
        environment: Any = {**os.environ, "TERM": "xterm-256color", "PS1": "$ ", **variables}
        child = pexpect.spawn(
            chat[0], chat[1:], env=environment, dimensions=size, encoding="utf-8", timeout=30
        )
        child.delaybeforesend = None
        children.append(child)
        terminal = Terminal(child, generator)
        terminal.prompt()
        return terminal

    yield call
    for child in children:
        child.close(force=True)


KEYS = {
    "i am so sad": ["i am sad", LEFT, LEFT, LEFT, "so "],
    "am i sad .": ["i sad", HOME, "am ", END, " ."],
    "no": ["xno", HOME, DELETE, "\x1bOD", "\x1bOC", "\x1b[15~\x1b[24~"],
    "i am sad": ["i am sadd", BACKSPACE],
    "oh what": ["what\x01oh "],
    "a b": ["a b c", "\x17", BACKSPACE],
    "狗 dog": ["狗狗 dog é \U0001f415", BACKSPACE, BACKSPACE, BACKSPACE, HOME, RIGHT, DELETE],
    "dog": ["no dog", HOME, CTRL_D, CTRL_D, CTRL_D],
}


def test_keys_edit_the_line(start: Start) -> None:
    terminal = start()
    for message, keys in KEYS.items():
        terminal.type(*keys, ENTER)
        terminal.expect_reply(message)


def test_up_recalls_earlier_messages(start: Start) -> None:
    terminal = start()
    for keys, message in (
        (["i lost my dog"], "i lost my dog"),
        (["no"], "no"),
        ([UP, UP], "i lost my dog"),
        ([UP, UP, UP, DOWN, " ."], "no ."),
    ):
        terminal.type(*keys, ENTER)
        terminal.expect_reply(message)


def test_history_is_written_nowhere(start: Start, tmp_path: Path) -> None:
    terminal = start(HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path))
    terminal.type("i lost my dog", ENTER)
    terminal.expect_reply("i lost my dog")
    terminal.type("/quit", ENTER)
    terminal.expect_end()
    assert list(tmp_path.rglob("*")) == []


PASTED = {
    "My dog died.\n\necho hello > f\n": "My dog died.\n\necho hello > f",
    "i am sad\r\nwhat can i do": "i am sad\nwhat can i do",
    "i \x1b[31mam\x1b[0m sad": "i am sad",
    "no\t\x08\x03\x04 dog": "no\t\x08\x03\x04 dog",
    "/quit\nno": "/quit\nno",
    "I lost my dog, 狗 \U0001f415.\n" * 50: "I lost my dog, 狗 \U0001f415.\n" * 50,
}


def test_a_paste_is_one_message(start: Start) -> None:
    terminal = start()
    for pasted, message in PASTED.items():
        terminal.type(PASTE.format(pasted), ENTER)
        terminal.expect_reply(message)
    terminal.type(CTRL_D)
    terminal.expect_end()


def test_the_terminal_is_asked_to_mark_a_paste(start: Start) -> None:
    terminal = start()
    terminal.type(CTRL_D)
    shown = str(terminal.child.before)
    terminal.child.expect(pexpect.EOF)
    assert "\x1b[?2004l" in shown + str(terminal.child.before)


def test_lines_of_an_unmarked_paste_are_messages_and_empty_ones_nothing(start: Start) -> None:
    terminal = start()
    terminal.child.send("My dog died.\n\n  \necho hello > f\n")
    terminal.expect_reply("My dog died.")
    terminal.prompt()
    terminal.prompt()
    terminal.expect_reply("echo hello > f")


TOUCH = "touch ran\n"


@pytest.mark.parametrize(
    ("leave", "pasted"),
    [
        ("/quit\r", TOUCH),
        ("/QUIT \r", TOUCH * 20_000),
        (CTRL_D, PASTE.format(TOUCH * 3)),
        (CTRL_C + CTRL_C, TOUCH * 3),
    ],
    ids=["quit", "much", "ctrl-d", "ctrl-c"],
)
def test_nothing_typed_ahead_reaches_the_shell(
    start: Start, tmp_path: Path, leave: str, pasted: str
) -> None:
    shell = "PS1=ready bash --norc --noprofile -i"
    terminal = start(command=f"cd {tmp_path}; {{}}; echo left; {shell}")
    terminal.child.send(leave + pasted)
    terminal.child.expect_exact("left")
    terminal.child.expect_exact("ready")
    terminal.child.send("echo a''b\n")
    terminal.child.expect_exact("ab\r\n")
    assert not (tmp_path / "ran").exists()
    assert "ran" not in str(terminal.child.before)


def test_a_signal_leaves_the_terminal_as_it_was(start: Start) -> None:
    terminal = start(command="stty -a | sort; {}; echo status $?; stty -a | sort")
    before = terminal.shown.partition("Write a message")[0]
    (chat,) = (
        Path(f"/proc/{terminal.child.pid}/task/{terminal.child.pid}/children").read_text().split()
    )
    os.kill(int(chat), signal.SIGTERM)
    terminal.child.expect_exact("status 143")
    after = terminal.expect_end()
    assert before.strip() == after.strip()


def test_ctrl_c_clears_the_line(start: Start) -> None:
    terminal = start()
    terminal.type("i am angry", CTRL_C)
    terminal.next_prompt()
    terminal.type("no", ENTER)
    terminal.expect_reply("no")


def test_ctrl_c_twice_on_an_empty_line_leaves(start: Start) -> None:
    terminal = start()
    terminal.type(CTRL_C)
    terminal.child.expect_exact("(Ctrl-D or /quit leaves; so does Ctrl-C once more)")
    terminal.prompt()
    terminal.type("no", CTRL_C)
    terminal.next_prompt()
    terminal.type(CTRL_C)
    terminal.child.expect_exact("once more)")
    terminal.prompt()
    terminal.type(CTRL_C)
    assert "Traceback" not in terminal.expect_end(130)


@pytest.mark.parametrize("size", [(3, 12), (1, 6)])
def test_a_narrow_terminal_is_enough(start: Start, size: tuple[int, int]) -> None:
    terminal = start(size=size)
    terminal.type("i lost my dog yesterday", LEFT, LEFT, RIGHT, RIGHT, " 狗狗狗 and my cat", ENTER)
    reply = terminal.generator.respond("i lost my dog yesterday 狗狗狗 and my cat", seed=7).text
    terminal.child.expect_exact("mime:")
    terminal.prompt()
    assert reply in CONTROL.sub("", str(terminal.child.before))
    terminal.type(CTRL_D)
    terminal.expect_end()


def test_the_window_may_change_its_size(start: Start) -> None:
    terminal = start()
    terminal.type("i lost my ")
    for size in ((24, 20), (2, 9), (50, 200)):
        terminal.child.setwinsize(*size)
        time.sleep(0.1)
    terminal.type("dog", ENTER)
    terminal.expect_reply("i lost my dog")


@pytest.mark.parametrize("term", ["vt100", "no-such"])
def test_every_terminal_is_enough(start: Start, term: str) -> None:
    terminal = start(TERM=term)
    terminal.type("i am sadd", BACKSPACE, LEFT, RIGHT, ENTER)
    terminal.expect_reply("i am sad")
    terminal.type("/quit", ENTER)
    shown = terminal.expect_end()
    assert "WARNING" not in shown


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_dumb_terminal_edits_its_own_lines(start: Start, term: str) -> None:
    terminal = start(TERM=term)
    terminal.type("i am sadd", BACKSPACE, LEFT, UP, ENTER)
    terminal.expect_reply("i am sad")
    assert ("\x1b[" in str(terminal.child.before)) is (not term)  # colours where it is not known
    terminal.type("no", ENTER, CTRL_C)
    assert "Traceback" not in terminal.expect_end(130)


def test_no_color_is_respected(start: Start) -> None:
    terminal = start(NO_COLOR="1")
    terminal.type("no", ENTER)
    terminal.child.expect("mimicked")
    colours = re.compile(r"\x1b\[[\d;]*\b(?:3[0-7]|9[0-7]|38|48)[;m]")
    assert not colours.search(str(terminal.child.before))


def test_colours_are_there_without_it(start: Start) -> None:
    terminal = start(NO_COLOR="")
    terminal.type("no", ENTER)
    terminal.child.expect("mimicked")
    assert re.search(r"\x1b\[(?:1;)?3[56]m", str(terminal.child.before))


def test_the_output_may_be_a_pipe(start: Start, tmp_path: Path) -> None:
    terminal = start(
        command="{} | tee " + str(tmp_path / "log") + " >/dev/null; exit ${{PIPESTATUS[0]}}"
    )
    terminal.type("i am sadd", LEFT, DELETE, ENTER)
    terminal.next_prompt()
    terminal.type(CTRL_D)
    terminal.expect_end()
    assert terminal.generator.respond("i am sad", seed=7).text in (tmp_path / "log").read_text()


def test_a_pipe_that_closes_ends_the_chat(start: Start) -> None:
    terminal = start(command="{} | head -c 1 >/dev/null; echo status ${{PIPESTATUS[0]}}")
    terminal.type("no", ENTER)
    terminal.child.expect(r"status (\d+)")
    assert "status 1" in str(terminal.child.after)
    assert "Traceback" not in str(terminal.child.before)
