"""Many messages for `mime-fast respond`: arguments, files and pipes, in order and in batches."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from typer.testing import CliRunner, Result

from mime_fast import GenerationConfig, Generator
from mime_fast.cli import answers, app

MESSAGES = ["I lost my dog", "no dog", "my dog was lost yesterday", "what can i do ?"]

Respond = Callable[..., Result]


@pytest.fixture(scope="module")
def generator(tiny_checkpoint: Path) -> Generator:
    return Generator(tiny_checkpoint)


@pytest.fixture
def respond(tiny_checkpoint: Path) -> Respond:
    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        flags = ["respond", *map(str, arguments), "-c", str(tiny_checkpoint), "--seed", "7"]
        return CliRunner().invoke(app, flags, input=stdin)

    return call


@pytest.fixture
def texts(generator: Generator) -> list[str]:
    replies = [generator.respond(message, seed=7).text for message in MESSAGES]
    assert len(set(replies)) > 1
    return replies


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "messages"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_each_argument_is_answered_by_itself(respond: Respond, texts: list[str]) -> None:
    assert respond(*MESSAGES).stdout.splitlines() == texts


def test_a_message_of_standard_input_may_stand_among_others(
    respond: Respond, texts: list[str]
) -> None:
    result = respond(MESSAGES[0], "-", MESSAGES[2], stdin=b"no\ndog\n")
    assert result.stdout.splitlines() == texts[:3]
    assert "only one message can be -" in str(respond("-", "-").exception)


@pytest.mark.parametrize("size", ["1", "3", "1000"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_is_answered_line_by_line(
    respond: Respond, tmp_path: Path, texts: list[str], size: str, newline: str
) -> None:
    path = write(tmp_path, "\ufeff" + newline.join(MESSAGES))
    result = respond("--file", path, "--batch-size", size)
    assert result.stdout.splitlines() == texts
    assert (result.exit_code, result.stderr) == (0, "")


def test_lines_may_be_json(respond: Respond, tmp_path: Path, generator: Generator) -> None:
    history = ["i am good !", "what happened ?"]
    lines = [
        json.dumps(MESSAGES[0]),
        json.dumps([*history, MESSAGES[0]]),
        json.dumps({"history": history, "message": MESSAGES[0], "id": {"any": 1}}),
        MESSAGES[0],
        '"no" way',
    ]
    result = respond("--file", write(tmp_path, "\n".join(lines) + "\n"), "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    alone = generator.respond(MESSAGES[0], seed=7).text
    after = generator.respond([*history, MESSAGES[0]], seed=7).text
    quoted = generator.respond('"no" way', seed=7).text
    assert [record["text"] for record in found] == [alone, after, after, alone, quoted]
    assert [record.get("id") for record in found] == [None, None, {"any": 1}, None, None]
    assert alone != after


def test_text_that_looks_like_json_is_text_where_asked(
    respond: Respond, tmp_path: Path, generator: Generator
) -> None:
    path = write(tmp_path, "[sighs] no dog\n")
    assert "--input-format text" in str(respond("--file", path).exception)
    result = respond("--file", path, "--input-format", "text")
    assert result.stdout == generator.respond("[sighs] no dog", seed=7).text + "\n"


def test_a_history_comes_before_every_message(respond: Respond, generator: Generator) -> None:
    history = ["i am good !", "what happened ?"]
    flags = [flag for turn in history for flag in ("-H", turn)]
    expected = [generator.respond([*history, m], seed=7).text for m in MESSAGES]
    assert respond(*MESSAGES, *flags).stdout.splitlines() == expected
    stdin = "\n".join(MESSAGES).encode()
    assert respond("--file", "-", *flags, stdin=stdin).stdout.splitlines() == expected


def test_n_best_and_cut_lines_are_told_apart(respond: Respond, tmp_path: Path) -> None:
    path = write(tmp_path, "no\n" + "no " * 100)
    result = respond("--file", path, "-b", "3", "-n", "2")
    assert len(result.stdout.splitlines()) == 4
    assert result.stderr == f"{path}:2: (too long: the first 37 words were not read)\n"


def test_json_of_one_argument_is_indented_and_of_lines_is_not(
    respond: Respond, tmp_path: Path
) -> None:
    assert respond("no", "--json").stdout.startswith('{\n  "text"')
    assert respond("no", "no", "--json").stdout.count("\n") == 2
    assert respond("--file", write(tmp_path, "no"), "--json").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "turn 1 is empty"),
        (b" \t", "turn 1 is empty"),
        (b"\x1b[A\x1b[200~", "holds no word"),
        (b"caf\xe9", "not valid UTF-8"),
        (b'"\\ud800"', "not valid UTF-8"),
        (b'{"message": "no', "not valid JSON"),
        (b'{"message": 1}', "`message` must be a string"),
        (b'{"message": "no", "history": ["a", 2]}', "`history` a list of strings"),
        (b'{"message": "no", "history": "a"}', "`history` a list of strings"),
        (b'{"text": "no"}', "expected a JSON string"),
        (b'{"message": "no", "seed": 1}', "unknown key 'seed'; known: history, id, message"),
        (b"[]", "expected a JSON string"),
        (b'["a", "b"]', "odd number of turns"),
        (b'["a", " ", "b"]', "turn 2 is empty"),
        (b"[" * 100_000, "not valid JSON|recursion"),
        (b"no" * 60_000, "more than 100000"),
    ],
    ids=str,
)
def test_a_wrong_line_is_named_before_work_begins(
    respond: Respond, tmp_path: Path, texts: list[str], line: bytes, text: str
) -> None:
    content = MESSAGES[0].encode() + b"\n" + line + b"\nno\n"
    path = write(tmp_path, content)
    result = respond("--file", path)
    assert result.exit_code == 1
    assert str(result.exception).startswith(f"{path}:2: ")
    assert any(part in str(result.exception) for part in text.split("|"))
    assert result.stdout == ""
    piped = respond("--file", "-", stdin=content)
    assert str(piped.exception).startswith("<stdin>:2: ")
    assert piped.stdout.splitlines() == texts[:1]


def test_a_wrong_argument_is_named_before_work_begins(respond: Respond) -> None:
    result = respond("no", " ", "way")
    assert str(result.exception).startswith("message 2 of 3: turn 1 is empty")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--file", "no-such-file"], "--file no-such-file cannot be read (No such file"),
        (["--file", "."], "--file . cannot be read (Is a directory); name another"),
        (["no", "-H", "a"], "odd number of turns"),
    ],
)
def test_what_cannot_be_read_is_an_error(respond: Respond, arguments: list[str], text: str) -> None:
    result = respond(*arguments)
    assert text in str(result.exception)
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_line_with_a_history_does_not_go_with_another(respond: Respond) -> None:
    result = respond("--file", "-", "-H", "a", "-H", "b", stdin=b'["a", "b", "c"]\n')
    assert "leave one of them" in str(result.exception)


def test_an_input_format_is_one_of_three(respond: Respond) -> None:
    result = respond("--file", "-", "--input-format", "csv")
    assert result.exit_code == 2
    errors = " ".join(result.stderr.split())
    assert "'--input-format'" in errors
    assert "'csv' is not one of 'auto', 'json', 'text'" in errors


@pytest.mark.parametrize(("begun", "found"), [("", ["auto", "json", "text"]), ("j", ["json"])])
def test_the_shell_completes_input_formats(begun: str, found: list[str]) -> None:
    environment = {
        "_MIME_FAST_COMPLETE": "complete_bash",
        "COMP_WORDS": f"mime-fast respond --input-format {begun}",
        "COMP_CWORD": "3",
    }
    result = CliRunner().invoke(app, prog_name="mime-fast", env=environment)
    assert result.stdout.split() == found


@pytest.mark.parametrize("arguments", [[], ["no", "--file", "-"], ["no", "--batch-size", "0"]])
def test_wrong_usage_exits_with_2(respond: Respond, arguments: list[str]) -> None:
    assert respond(*arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [["--file", os.devnull], ["--file", "-"]])
def test_no_lines_are_no_replies(respond: Respond, arguments: list[str]) -> None:
    result = respond(*arguments)
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, 32), ({"num_beams": 100}, 5), ({"do_sample": True, "mbr_samples": 1000}, 1)],
)
def test_batches_are_smaller_where_messages_need_more_rows(
    options: dict[str, Any], size: int
) -> None:
    assert answers.fitting(32, GenerationConfig(**options)) == size


def command(checkpoint: Path, *arguments: str) -> list[str]:
    flags = ["-c", str(checkpoint), "--seed", "7", *arguments]
    return [sys.executable, "-m", "mime_fast", "respond", *flags]


def test_a_line_of_a_pipe_is_answered_when_it_comes(
    tiny_checkpoint: Path, texts: list[str]
) -> None:
    arguments = command(tiny_checkpoint, "--file", "-")
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message, text in zip(MESSAGES, texts, strict=True):
            process.stdin.write(message + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == text + "\n"
    assert process.returncode == 0


def test_a_named_pipe_is_read_once(tiny_checkpoint: Path, tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("\n".join(MESSAGES) + "\n\n",))
    writer.start()
    arguments = command(tiny_checkpoint, "--file", str(path))
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    writer.join()
    assert done.stdout.splitlines() == texts
    assert (done.returncode, f"{path}:5: turn 1 is empty" in done.stderr) == (1, True)


def test_memory_does_not_grow_with_the_number_of_lines(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    code = """if True:
        import resource, sys
        from mime_fast import cli
        try:
            cli.main()
        finally:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"""
    peaks = []
    for count in (100, 5_000):
        path = write(tmp_path, "no dog\n" * count)
        flags = ["respond", "-c", str(tiny_checkpoint), "--file", str(path)]
        arguments = [sys.executable, "-c", code, *flags, "--max-new-tokens", "1", "--json"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.stdout.count("\n") == count
        peaks.append(int(done.stderr))
    assert peaks[1] - peaks[0] < 5 * 1024  # kilobytes; the replies alone are 10 MB


def test_a_pipe_that_closes_ends_it_quietly(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = write(tmp_path, "no dog\n" * 3000)
    arguments = command(tiny_checkpoint, "--file", str(path), "--json")
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["text"]
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_full_disk_is_one_line(tiny_checkpoint: Path) -> None:
    with Path("/dev/full").open("w") as full:
        arguments = command(tiny_checkpoint, "no dog")
        done = subprocess.run(arguments, stdout=full, stderr=-1, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("mime-fast: standard output cannot be written (No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_only_standard_output_is_called_so(tiny_checkpoint: Path, unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    errors = []
    with Path("/dev/full").open("w") as full:
        for arguments in (["no dog"], ["no dog", "no", "--json"], ["--file", "/proc/self/mem"]):
            done = subprocess.run(
                command(tiny_checkpoint, *arguments),
                env=environment,
                stdout=full,
                stderr=-1,
                text=True,
                check=False,
            )
            assert done.returncode == 1
            errors.append(done.stderr)
    lost = "mime-fast: standard output cannot be written (No space left on device); the rest of it"
    assert errors[:2] == [f"{lost} is lost\n"] * 2
    # Reading the memory at address 0 is an error of the disk, EIO, that names no file.
    unread = "--file /proc/self/mem cannot be read (Input/output error); name another"
    assert errors[2] == f"mime-fast: {unread}\n"


def test_an_error_of_a_disk_names_the_file_and_the_remedy() -> None:
    arguments = [sys.executable, "-m", "mime_fast", "data", "/proc/self/mem"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    expected = "mime-fast: /proc/self/mem: Input/output error; check the disk\n"
    assert (done.returncode, done.stderr) == (1, expected)


@pytest.mark.parametrize("redirected", [True, False])
def test_a_bar_is_shown_to_a_person_who_does_not_see_the_replies(
    tiny_checkpoint: Path, tmp_path: Path, redirected: bool
) -> None:
    path, out = write(tmp_path, "no dog\n" * 50), tmp_path / "out"
    arguments = " ".join(command(tiny_checkpoint, "--file", str(path)))
    shell = f"{arguments} > {out}" if redirected else arguments
    environment: Any = {**os.environ, "TERM": "xterm", "COLUMNS": "40"}
    child = pexpect.spawn("bash", ["-c", shell], env=environment, encoding="utf-8", timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    assert ("50/50" in str(child.before)) is redirected
    assert child.exitstatus == 0
    if redirected:
        assert len(out.read_text().splitlines()) == 50
        assert "\x1b" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "lines", "shown"),
    [
        ("'no dog'", 1, ""),
        ("--file one", 1, ""),
        ("--file - < one", 1, ""),
        ("--file - < two", 2, "2/?"),
    ],
)
def test_a_single_message_has_no_bar(
    tiny_checkpoint: Path, tmp_path: Path, arguments: str, lines: int, shown: str
) -> None:
    (tmp_path / "one").write_text("no dog\n")
    (tmp_path / "two").write_text("no dog\n" * 2)
    shell = f"cd {tmp_path}; {' '.join(command(tiny_checkpoint))} {arguments} > out"
    environment: Any = {**os.environ, "TERM": "xterm"}
    child = pexpect.spawn("bash", ["-c", shell], env=environment, encoding="utf-8", timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    printed = str(child.before)
    assert shown in printed if shown else printed == ""
    assert len((tmp_path / "out").read_text().splitlines()) == lines


def test_the_rest_of_a_paste_never_reaches_the_shell(tiny_checkpoint: Path, tmp_path: Path) -> None:
    arguments = " ".join(command(tiny_checkpoint, "--file", "-"))
    shell = f"cd {tmp_path}; {arguments}; echo left; PS1=ready bash --norc --noprofile -i"
    child = pexpect.spawn("bash", ["-c", shell], encoding="utf-8", timeout=60)
    child.delaybeforesend = None
    child.send("no dog\n\n" + "touch ran\n" * 3)
    child.expect_exact("ready")
    child.send("echo a''b\n")
    child.expect_exact("ab\r\n")
    child.close(force=True)
    assert not (tmp_path / "ran").exists()
