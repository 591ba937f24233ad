"""The terminal warns where most words of a message are unknown."""

import json
import sys
from pathlib import Path

import pytest

from mime_fast.cli import main

UNKNOWN = "xyzzy plugh, hear!"
WARNING = "(the vocabulary lacks 2 of 3 words: the reply may not fit the message)\n"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["mime-fast", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code


@pytest.mark.parametrize("command", ["respond", "chat"])
@pytest.mark.parametrize(
    ("message", "warning"),
    [
        (UNKNOWN, WARNING),
        ("xyzzy hear", "(the vocabulary lacks 1 of 2 words: "),
        ("xyzzy", "(the vocabulary lacks 1 of 1 words: "),
        ("\u0645\u0631\u062d\u0628\u0627 \u0628\u0643", "(the vocabulary lacks 2 of 2 words: "),
        ("xyzzy, I hear", ""),
        ("I lost my dog.", ""),
        ("?!", ""),
    ],
    ids=ascii,
)
def test_a_message_that_is_half_unknown_gets_one_line_of_warning(
    tiny_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    message: str,
    warning: str,
) -> None:
    argument = [message] if command == "respond" else ["--message", message]
    monkeypatch.setattr(sys, "stdin", None)
    run(monkeypatch, command, "--checkpoint", str(tiny_checkpoint), *argument)
    out, err = capsys.readouterr()
    assert "unknown" not in out
    assert err.count("\n") == bool(warning)
    assert err.startswith(warning)


def test_json_has_the_numbers_and_no_warning(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "respond", "--checkpoint", str(tiny_checkpoint), "--json", UNKNOWN)
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["words"], found["unknown_words"], err) == (3, 2, "")
