"""What a base install does, without torch; also run by test-wheel and test-lower-bounds of make."""

import json
import subprocess
import sys

from mime_fast import Generator

REPLY = "Oh no! I'm so sorry to hear that."


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    # -P: not the sources of the working directory, but what is installed
    command = [sys.executable, "-P", "-m", "mime_fast.cli", *arguments]
    return subprocess.run(command, check=False, input=given, capture_output=True, text=True)


def test_help_of_every_command() -> None:
    whole = run("--help")
    assert whole.returncode == 0, whole.stderr
    commands = [
        line.split()[0]
        for line in whole.stdout.partition("Commands:")[2].splitlines()
        if line.startswith("  ") and not line.startswith("   ")
    ]
    assert {"respond", "chat", "train", "evaluate"} <= set(commands)
    for command in commands:
        shown = run(command, "--help")
        assert shown.returncode == 0, shown.stderr
        assert "--help" in shown.stdout


def test_respond() -> None:
    answered = run("respond", "I lost my dog yesterday.", "--seed", "1", "--json")
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout)["text"].startswith(REPLY)
    several = run("respond", "I lost my dog yesterday.", "--num-beams", "3", "-n", "2")
    assert several.returncode == 0, several.stderr
    assert len(several.stdout.splitlines()) >= 2


def test_a_wrong_option_is_a_usage_error() -> None:
    wrong = run("respond", "I lost my dog.", "--no-such-option")
    assert wrong.returncode == 2
    assert "no-such-option" in wrong.stderr


def test_chat() -> None:
    talked = run("chat", "--seed", "1", given="I lost my dog yesterday.\n")
    assert talked.returncode == 0, talked.stderr
    assert REPLY in talked.stdout


def test_generator() -> None:
    generator = Generator()
    response = generator.respond("I lost my dog yesterday.", seed=1)
    assert response.text.startswith(REPLY)
    streamed = generator.stream("I lost my dog yesterday.", seed=1)
    assert "".join(event.text for event in streamed) == response.text
