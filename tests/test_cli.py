"""The command line: what it prints, what it refuses, and what it imports."""

import dataclasses
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mime_fast
from mime_fast import Generator, cli
from mime_fast.config import ModelConfig
from mime_fast.emotions import EMOTIONS
from mime_fast.text.tokenizer import EOS, Tokenizer

COMMANDS = (
    *("respond", "chat", "data", "train", "teach", "draft", "convert"),
    *("evaluate", "report", "annotate"),
)
MESSAGE = "I lost my dog"
# A file of messages, and its output.
OPTIONS_OF_RESPOND_ALONE = {
    *("--file", "-f", "--input-format", "--batch-size", "--json"),
    *("--ray", "--out", "--actors", "--part-lines"),
}
KEYS = {
    *("text", "emotion", "polarity", "score", "seed", "emotions", "mixture", "candidates"),
    *(
        "timings",
        "prompt_tokens",
        "dropped_turns",
        "dropped_words",
        "words",
        "unknown_words",
        "finish_reason",
    ),
    "crisis",
}


@dataclass(frozen=True)
class Result:
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


class Interrupted(io.BytesIO):
    """Standard input whose reader presses Ctrl-C."""

    def readline(self, *_: Any) -> bytes:
        raise KeyboardInterrupt


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs the entry point in this process, as the shell would."""

    def call(*arguments: str | Path, stdin: bytes | io.BytesIO = b"") -> Result:
        source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        monkeypatch.setattr(sys, "argv", ["mime-fast", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        if isinstance(caught.value.code, str):  # Python prints it and exits with 1
            return Result(1, out, f"{err}{caught.value.code}\n")
        return Result(caught.value.code or 0, out, err)

    return call


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


def check_error(result: Result, text: str, code: int = 1) -> None:
    """One line on standard error, and nothing on standard output."""
    assert result.code == code
    assert text in result.err
    assert result.err.startswith("mime-fast: ")
    assert result.err.count("\n") == 1
    assert result.out == ""


def subprocess_run(
    *arguments: str | bytes | Path, stdin: bytes = b"", module: str = "mime_fast"
) -> Result:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--num-beams", "3", "-n", "2"], {"num_beams": 3, "num_return_sequences": 2}),
        (["-b", "3", "--length-penalty", "-1"], {"num_beams": 3, "length_penalty": -1.0}),
        (["--sample", "--top-k", "5"], {"do_sample": True, "top_k": 5}),
        (["-s", "--top-p", "0.6"], {"do_sample": True, "top_p": 0.6}),
        (["-s", "--min-p", "0.2", "-n", "3"], {"do_sample": True, "min_p": 0.2} | {"n": 3}),
        (["-s", "--mbr-samples", "4", "-n", "2"], {"do_sample": True, "mbr_samples": 4} | {"n": 2}),
        (["-s", "--temperature", "3"], {"do_sample": True, "temperature": 3.0}),
        (["--min-new-tokens", "9"], {"min_new_tokens": 9}),
        (["--max-new-tokens", "2"], {"max_new_tokens": 2}),
        (["--repetition-penalty", "5"], {"repetition_penalty": 5.0}),
        (["--no-repeat-ngram-size", "1"], {"no_repeat_ngram_size": 1}),
        (["--stop", "i", "--stop", "o"], {"stop": ("i", "o")}),
        (["--bad-words", "I", "--bad-words", "oh no"], {"bad_words": ("I", "oh no")}),
        (["-b", "3", "--early-stopping", "never"], {"num_beams": 3, "early_stopping": "never"}),
        (["--emotion", "joyful"], {"emotion": "joyful"}),
        (["--mean-emotion"], {"stochastic_emotion": False}),
        (["--engine", "eager"], {}),
        (["--engine", "native"], {}),
        (["--compute-type", "float32", "--threads", "3"], {}),
    ],
    ids=str,
)
def test_respond_prints_the_replies(
    run: Cli,
    tiny_checkpoint: Path,
    generator: Generator,
    arguments: list[str],
    options: dict[str, Any],
) -> None:
    if "n" in options:
        options["num_return_sequences"] = options.pop("n")
    expected = generator.respond(MESSAGE, seed=7, **options)
    result = run("respond", MESSAGE, "-c", tiny_checkpoint, "--seed", "7", *arguments)
    assert result.out.splitlines() == [candidate.text for candidate in expected.candidates]
    assert (result.code, result.err) == (0, "")


def test_json_has_log_probabilities_if_asked(
    run: Cli, tiny_checkpoint: Path, generator: Generator
) -> None:
    options = ["--seed", "3", "--logprobs", "2", "--max-new-tokens", "3", "--json"]
    (found,) = json.loads(run("respond", MESSAGE, "-c", tiny_checkpoint, *options).out)[
        "candidates"
    ]
    expected = generator.respond(MESSAGE, seed=3, logprobs=2, max_new_tokens=3)
    assert found == dataclasses.asdict(expected.candidates[0])
    assert [len(each["top"]) for each in found["logprobs"]] == [2] * 3


def test_json_is_the_whole_response(run: Cli, tiny_checkpoint: Path, generator: Generator) -> None:
    options = ["--seed", "3", "-b", "4", "-n", "2", "--json"]
    found = json.loads(run("respond", MESSAGE, "-c", tiny_checkpoint, *options).out)
    expected = generator.respond(MESSAGE, seed=3, num_beams=4, num_return_sequences=2)
    assert found.keys() == KEYS
    assert found["timings"].keys() == {"encode_ms", "decode_ms", "tokens"}
    assert found["mixture"].keys() == {"positive", "negative", "mimicked"}
    assert set(found["emotions"]) == set(EMOTIONS)
    assert (found["text"], found["score"], found["seed"]) == (expected.text, expected.score, 3)
    assert [candidate["tokens"] for candidate in found["candidates"]] == [
        candidate.tokens for candidate in expected.candidates
    ]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--temperature", "0.7"], {"temperature": 0.7}),
        (["--top-k", "5"], {"top_k": 5}),
        (["--best-of", "8"], {"best_of": 8}),
        (["-n", "4"], {"num_return_sequences": 4}),
        (["--no-sample"], {"do_sample": False}),
    ],
    ids=str,
)
def test_an_option_joins_those_of_the_checkpoint(
    run: Cli, arguments: list[str], options: dict[str, Any]
) -> None:
    """The bundled checkpoints sample by default."""
    result = run(
        "respond", MESSAGE, "--json", "--seed", "3", "--checkpoint", "mime-small", *arguments
    )
    assert result.code == 0, result.err
    expected = Generator("mime-small").respond(MESSAGE, seed=3, **options)
    found = [each["text"] for each in json.loads(result.out)["candidates"]]
    assert found == [each.text for each in expected.candidates]


def test_the_seed_of_a_reply_repeats_it(run: Cli, tiny_checkpoint: Path) -> None:
    arguments = ("respond", MESSAGE, "-c", tiny_checkpoint, "--sample", "--json")
    first = json.loads(run(*arguments).out)
    again = json.loads(run(*arguments, "--seed", str(first["seed"])).out)
    assert again | {"timings": 0} == first | {"timings": 0}


def test_respond_reads_the_history(run: Cli, tiny_checkpoint: Path, generator: Generator) -> None:
    history = ["I am good!", "what happened?"]
    expected = generator.respond([*history, MESSAGE], seed=7).text
    flags = ["--history", history[0], "-H", history[1]]
    result = run("respond", MESSAGE, "-c", tiny_checkpoint, "--seed", "7", *flags)
    assert result.out == expected + "\n"
    assert expected != generator.respond(MESSAGE, seed=7).text


def test_respond_reads_standard_input(
    run: Cli, tiny_checkpoint: Path, generator: Generator
) -> None:
    arguments = ("respond", "-", "-c", tiny_checkpoint, "--seed", "7")
    result = run(*arguments, stdin=b"I lost\nmy dog\n")
    assert result.out == generator.respond(MESSAGE, seed=7).text + "\n"


def test_a_message_may_begin_with_a_dash(run: Cli, tiny_checkpoint: Path) -> None:
    result = run("respond", "-c", tiny_checkpoint, "--", "-- no --")
    assert result.code == 0
    assert result.out.strip()


def test_what_was_cut_is_said_on_standard_error(run: Cli, tiny_checkpoint: Path) -> None:
    result = run("respond", "no " * 100, "-c", tiny_checkpoint)
    assert result.err == "(too long: the first 37 words were not read)\n"
    assert result.code == 0
    flags = ["-H", "no " * 50, "-H", "oh no"]
    result = run("respond", "no " * 63, "-c", tiny_checkpoint, *flags)
    assert result.err == "(too long: the 2 oldest turns were not read)\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([""], "turn 1 is empty; write at least one word"),
        (["\x07"], "holds no word; write at least one"),
        (["caf\udce9"], "turn 1 is not valid UTF-8"),
        ([MESSAGE, "-H", "one turn"], "odd number of turns (speaker first, speaker last), got 2"),
        ([MESSAGE, "--top-k", "3"], "top_k=3 needs do_sample=True (--sample)"),
        ([MESSAGE, "--num-beams", "0"], "num_beams must be an integer in [1, 1000], got 0"),
        ([MESSAGE, "-n", "2"], "needs do_sample=True or num_beams >= 2"),
        ([MESSAGE, "--max-new-tokens", "65"], "max_new_tokens must be at most 64"),
        ([MESSAGE, "--emotion", "hungry"], "emotion must be one of afraid, "),
        (
            [MESSAGE, "--engine", "fast"],
            "engine must be one of auto, native, eager, cuda, got 'fast'",
        ),
        ([MESSAGE, "--checkpoint", "nowhere"], "no checkpoint directory at nowhere; expected"),
    ],
)
def test_an_error_is_one_line(
    run: Cli, tiny_checkpoint: Path, arguments: list[str], text: str
) -> None:
    check_error(run("respond", "-c", tiny_checkpoint, *arguments), text)


def test_broken_standard_input_is_an_error(run: Cli, tiny_checkpoint: Path) -> None:
    result = run("respond", "-", "-c", tiny_checkpoint, stdin=b"caf\xe9\n")
    check_error(result, "turn 1 is not valid UTF-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["respond"],
        ["respond", MESSAGE, "--beams", "3"],
        ["respond", MESSAGE, "--num-beams", "many"],
        ["reply", MESSAGE],
        ["--colour"],
    ],
    ids=str,
)
def test_wrong_usage_exits_with_2(run: Cli, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    assert "Usage: " in result.err
    assert result.out == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Cli, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert f"{command} " in result.out
    assert "mime-fast " + command in result.out  # an example


def test_the_help_lists_the_commands(run: Cli) -> None:
    result = run("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.out


def chat(run: Cli, checkpoint: Path, stdin: bytes, *arguments: str) -> Result:
    return run("chat", "-c", checkpoint, "--seed", "7", *arguments, stdin=stdin)


def replies(result: Result) -> list[str]:
    lines = [line for line in result.out.splitlines() if "mime: " in line]
    return [re.sub("^(you: )+", "", line) for line in lines]


@pytest.mark.parametrize("end", [b"", b"/quit\nnever read\n", b" /QUIT \n", b"/quit"])
def test_chat_answers_until_quit_or_the_end(
    run: Cli, tiny_checkpoint: Path, generator: Generator, end: bytes
) -> None:
    lines = b"I lost my dog\n\n \t\n\x1b[A\x1b[200~\x1b[201~\nwhat can I do ?\n" + end
    result = chat(run, tiny_checkpoint, lines)
    first = generator.respond(MESSAGE, seed=7).text
    second = generator.respond([MESSAGE, first, "what can I do ?"], seed=7).text
    assert replies(result) == [f"mime: {first}", f"mime: {second}"]
    assert (result.code, result.err) == (0, "")


def test_chat_says_how_to_leave(run: Cli, tiny_checkpoint: Path) -> None:
    assert "Ctrl-D or /quit leaves" in chat(run, tiny_checkpoint, b"").out
    assert "Ctrl-D or /quit leaves" in run("chat", "--help").out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"I lost my dog\x1b[D\x1b[C", MESSAGE),
        (b"\x1b[31mI lost\x1b[0m my dog\x1b[A", MESSAGE),
        (b"\x1b[200~I lost my dog\x1b[201~", MESSAGE),
        (b"I lost\x1bOD my dog\x1b[1;5C\x1b]0;title\x07", MESSAGE),
    ],
)
def test_escape_sequences_never_reach_the_model(
    run: Cli, tiny_checkpoint: Path, generator: Generator, line: bytes, message: str
) -> None:
    reply = generator.respond(message, seed=7).text
    assert replies(chat(run, tiny_checkpoint, line + b"\n")) == [f"mime: {reply}"]
    answer = ("respond", "-c", tiny_checkpoint, "--seed", "7")
    assert run(*answer, line.decode()).out == reply + "\n"
    assert run(*answer, "--file", "-", stdin=line).out == reply + "\n"


def test_chat_goes_on_from_a_history(run: Cli, tiny_checkpoint: Path, generator: Generator) -> None:
    turns = ["I am good!", "what happened?"]
    result = chat(run, tiny_checkpoint, b"I lost my dog\n", "-H", turns[0], "-H", turns[1])
    assert replies(result) == [f"mime: {generator.respond([*turns, MESSAGE], seed=7).text}"]
    check_error(chat(run, tiny_checkpoint, b"no\n", "-H", "one"), "pairs of turns")
    check_error(chat(run, tiny_checkpoint, b"no\n", "-H", "one", "-H", " "), "turn 2 is empty")


def test_chat_shows_other_replies_and_scores(
    run: Cli, tiny_checkpoint: Path, generator: Generator
) -> None:
    flags = ["-b", "3", "-n", "3", "--return-scores"]
    result = chat(run, tiny_checkpoint, b"I lost my dog\n", *flags)
    best = generator.respond(MESSAGE, seed=7, num_beams=3, num_return_sequences=3)
    for candidate in best.candidates[1:]:
        assert f"  or: {candidate.text}\n" in result.out
    assert f"  score {best.score:.3f}, " in result.out


def test_chat_has_all_options_of_respond(run: Cli) -> None:
    def options(command: str) -> set[str]:
        return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", sections(run(command, "--help").out)))

    def sections(text: str) -> str:
        return "\n".join(line[:34] for line in text.partition("\nOptions:")[2].splitlines())

    assert options("respond") - options("chat") == OPTIONS_OF_RESPOND_ALONE


def test_chat_answers_a_last_line_without_a_newline(
    run: Cli, tiny_checkpoint: Path, generator: Generator
) -> None:
    result = chat(run, tiny_checkpoint, b"I lost my dog")
    assert generator.respond(MESSAGE, seed=7).text in result.out
    assert result.code == 0


def test_chat_shows_the_emotions(run: Cli, tiny_checkpoint: Path, generator: Generator) -> None:
    response = generator.respond(MESSAGE, seed=7)
    result = chat(run, tiny_checkpoint, b"I lost my dog\n")
    assert "you feel" in result.out
    assert response.emotion in result.out
    assert max(response.mixture.negative, key=response.mixture.negative.__getitem__) in result.out
    assert "mimicked" in result.out
    assert "balance" in result.out


@pytest.mark.parametrize(
    ("line", "text"),
    [(b"caf\xe9", "turn 1 is not valid UTF-8"), (b"\xff\xfe\x00", "UTF-8"), (b"\x07", "no word")],
)
def test_chat_goes_on_after_a_message_that_cannot_be_answered(
    run: Cli, tiny_checkpoint: Path, generator: Generator, line: bytes, text: str
) -> None:
    result = chat(run, tiny_checkpoint, line + b"\nI lost my dog\n")
    assert text in result.out
    assert replies(result)[-1] == f"mime: {generator.respond(MESSAGE, seed=7).text}"
    assert result.code == 0


@pytest.mark.parametrize(
    "message", [MESSAGE, "[/b] [red] I lost [link=x]my dog[/]", "I :heart: my \U0001f415 :dog:"]
)
def test_chat_begins_with_a_message(
    run: Cli, tiny_checkpoint: Path, generator: Generator, message: str
) -> None:
    result = chat(run, tiny_checkpoint, b"", "--message", message)
    assert f"you: {message}\nmime: {generator.respond(message, seed=7).text}\n" in result.out
    assert result.code == 0


def test_chat_with_a_first_message_that_cannot_be_answered_goes_on(
    run: Cli, tiny_checkpoint: Path
) -> None:
    result = chat(run, tiny_checkpoint, b"I lost my dog\n", "--message", "")
    assert "turn 1 is empty" in result.out
    assert len(replies(result)) == 1


def test_chat_says_what_it_did_not_read(run: Cli, tiny_checkpoint: Path) -> None:
    result = chat(run, tiny_checkpoint, b"no " * 70 + b"\n")
    assert "(too long: the first 7 words were not read)" in result.out


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (["--sample", "--temperature", "9"], {"do_sample": True, "temperature": 9.0}),
        (["--num-beams", "3"], {"num_beams": 3}),
    ],
    ids=str,
)
def test_chat_writes_a_long_reply_on_one_line(
    run: Cli,
    tmp_path: Path,
    save_tiny: Callable[..., Path],
    tiny_config: ModelConfig,
    flags: list[str],
    options: dict[str, Any],
) -> None:
    bias = np.zeros(tiny_config.vocab_size, np.float32)
    bias[EOS] = -50
    folder = save_tiny(tmp_path / "endless", tiny_config, {"output.bias": bias})
    text = Generator(folder).respond("no", seed=7, **options).text
    assert len(text) > 120
    assert replies(chat(run, folder, b"no\n", *flags)) == [f"mime: {text}"]


@pytest.mark.parametrize("options", [["--top-k", "3"], ["--num-beams", "0"], ["--engine", "fast"]])
def test_chat_refuses_options_before_it_reads(
    run: Cli, tiny_checkpoint: Path, options: list[str]
) -> None:
    check_error(chat(run, tiny_checkpoint, b"hello\n", *options), "mime-fast: ")


def test_an_interrupt_ends_quietly(run: Cli, tiny_checkpoint: Path) -> None:
    result = run("chat", "-c", tiny_checkpoint, stdin=Interrupted())
    assert result.code == 130
    assert "Traceback" not in result.err


@pytest.mark.parametrize("arguments", [["--help"], ["respond", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = """if True:
        import sys
        from mime_fast import cli
        try:
            cli.main()
        except SystemExit as end:
            heavy = {"torch", "numpy", "tokenizers", "safetensors"} & set(sys.modules)
            print(f"code {end.code}, imported {heavy or None}")"""
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-1] == "code 0, imported None", result.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["train", "--data", "ed", "--out", "out"], "train"),
        (["evaluate", "--data", "ed"], "eval"),
        (["convert", "words.txt", "out", "--vocabulary", "words.txt"], "train"),
        (["respond", MESSAGE, "--engine", "eager"], "train"),
    ],
)
def test_a_missing_dependency_names_the_extra(
    tmp_path: Path,
    tiny_checkpoint: Path,
    tiny_tokenizer: Tokenizer,
    arguments: list[str],
    extra: str,
) -> None:
    (tmp_path / "words.txt").write_text("\n".join(tiny_tokenizer.words))
    code = "import sys; sys.modules['torch'] = None; from mime_fast import cli; cli.main()"
    command = [sys.executable, "-c", code, *arguments]
    if arguments[0] == "respond":
        command += ["--checkpoint", str(tiny_checkpoint)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    result = Result(done.returncode, done.stdout, done.stderr)
    check_error(result, f"pip install 'mime-fast[{extra}]'")
    assert "torch" in result.err


def test_ray_is_needed_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("I lost my dog.\n")
    code = "import sys; sys.modules['ray'] = None; from mime_fast import cli; cli.main()"
    command = [sys.executable, "-c", code, "respond", "--file", "messages"]
    done = subprocess.run(
        [*command, "--ray"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    check_error(result, "ray is not installed; run: pip install 'mime-fast[ray]'")
    subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("module", ["mime_fast", "mime_fast.cli"])
def test_it_runs_as_a_module(tiny_checkpoint: Path, generator: Generator, module: str) -> None:
    flags = ("-c", tiny_checkpoint, "--seed", "7")
    result = subprocess_run("respond", MESSAGE, *flags, module=module)
    assert result == Result(0, generator.respond(MESSAGE, seed=7).text + "\n", "")


def test_the_version_is_that_of_the_package(run: Cli) -> None:
    version = metadata.version("mime-fast")
    assert run("--version") == Result(0, f"mime-fast {version}\n", "")
    assert mime_fast.__version__ == version


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), ("<&-", 0), (">/dev/full", 1), ("| true", 1)],
)
@pytest.mark.parametrize("command", ["respond no", "chat -m no", "--help"])
def test_closed_and_full_outputs_are_no_traceback(
    tiny_checkpoint: Path, command: str, redirection: str, code: int
) -> None:
    flags = "" if command == "--help" else f" -c {tiny_checkpoint}"
    program = f"{sys.executable} -m mime_fast {command}{flags}"
    shell = ["bash", "-c", f"{program} {redirection}; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(shell, input="", capture_output=True, text=True, check=False)
    assert done.returncode == code
    full = "standard output cannot be written (No space left on device)"
    assert done.stderr.count("\n") == ("full" in redirection)
    assert (full in done.stderr) == ("full" in redirection)


def test_broken_bytes_on_the_command_line_are_an_error(tiny_checkpoint: Path) -> None:
    result = subprocess_run("respond", b"caf\xe9", "-c", tiny_checkpoint)
    check_error(result, "turn 1 is not valid UTF-8")


@pytest.mark.parametrize(
    ("first", "stdin"), [([], b"caf\xe9\nno\n"), (["-m", b"caf\xe9"], b"no\n")]
)
def test_a_chat_goes_on_after_broken_bytes(
    tiny_checkpoint: Path, first: list[str | bytes], stdin: bytes
) -> None:
    result = subprocess_run("chat", "-c", tiny_checkpoint, *first, stdin=stdin)
    assert "not valid UTF-8" in result.out
    assert len(replies(result)) == 1
    assert (result.code, result.err) == (0, "")


def test_a_crisis_is_answered_and_told(run: Cli) -> None:
    result = run("respond", "I want to kill myself")
    assert "local emergency services" in result.out
    assert result.err == "(crisis: suicidal_thoughts, self)\n"
    own = run("respond", "I want to kill myself", "--crisis-reply", "Call the night desk.")
    assert own.out == "Call the night desk.\n"


@pytest.mark.parametrize(("choice", "lines"), [("reply", 1), ("flag", 3), ("off", 3)])
def test_the_fixed_reply_to_a_crisis_has_no_alternatives(run: Cli, choice: str, lines: int) -> None:
    flags = ("-b", "3", "-n", "3", "--on-crisis", choice)
    assert run("respond", "I want to kill myself", *flags).out.count("\n") == lines


def test_a_crisis_is_flagged_in_json(run: Cli) -> None:
    result = run("respond", "I want to die", "--on-crisis", "flag", "--json")
    response = json.loads(result.out)
    assert response["crisis"] == {"category": "wish_to_be_dead", "about": "self", "turn": 0}
    assert response["finish_reason"] in {"stop", "length"}
    off = json.loads(run("respond", "I want to die", "--on-crisis", "off", "--json").out)
    assert off["crisis"] is None


def test_chat_with_scores_answers_a_crisis(run: Cli) -> None:
    result = run("chat", "--return-scores", stdin=b"I want to die\nhello\n")
    assert result.code == 0
    assert len(replies(result)) == 2


def test_chat_goes_on_after_a_reply_that_was_cut_to_nothing(
    run: Cli, tiny_checkpoint: Path, generator: Generator
) -> None:
    first = generator.respond("I lost my dog", seed=7).text[:1]
    result = chat(run, tiny_checkpoint, b"I lost my dog\nI lost my dog\n", "--stop", first)
    assert result.code == 0
    assert "is empty" not in result.out
    assert len(replies(result)) == 2


def test_chat_answers_a_crisis(run: Cli) -> None:
    result = run("chat", stdin=b"I want to die\n\n")
    assert "local emergency services" in result.out
    assert "(crisis: wish_to_be_dead, self)" in result.out
