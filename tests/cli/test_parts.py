"""A file in parts, and the folder that keeps the replies to each. Ray is not needed."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

from mime_fast import Generator, bundled
from mime_fast.checkpoint import RELEVANCE
from mime_fast.cli import app, messages, parts
from mime_fast.cli.cluster import count_machines
from mime_fast.cli.messages import InputFormat, MessageFile
from mime_fast.cli.parts import PartFile, PartFolder, cut, describe, describe_generator

CONTENT = '\ufeffone\r\n"two"\n["a", "b", "three"]\nfour\n{"message": "five", "id": 5}'


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_parts_hold_the_messages_of_the_file(tmp_path: Path, most: int, end: str) -> None:
    file = tmp_path / "messages"
    file.write_bytes((CONTENT + end).encode())
    whole = MessageFile(str(file), InputFormat.AUTO, [], lambda _: None)
    expected = [message for batch in whole.batches(2) for message in batch]
    found = cut(file, most)
    read = [PartFile(file, str(file), part, InputFormat.AUTO, []).read() for part in found]
    assert [message for part in read for message in part] == expected
    assert [len(part) for part in read] == [part.lines for part in found]
    assert [part.number for part in found] == list(range(-(-5 // most)))


def test_a_wrong_line_has_its_number_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    file.write_text("one\ntwo\nthree\n[]\n")
    _, second = cut(file, 2)
    with pytest.raises(ValueError, match=r"^given:4: expected a JSON string"):
        PartFile(file, "given", second, InputFormat.AUTO, []).read()


@pytest.mark.parametrize("most", [1, 2, 7])
@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_the_ends_of_lines_are_found_across_chunks(
    tmp_path: Path, most: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "CHUNK", chunk)
    file = tmp_path / "messages"
    for content in (b"", b"\n", b"a", b"a\n", b"\n\n", b"one\n\ntwo\nthree\n", b"a\nbb\nccc"):
        file.write_bytes(content)
        lines = content.splitlines(keepends=True)
        expected = [lines[start : start + most] for start in range(0, len(lines), most)]
        found = cut(file, most)
        assert [part.lines for part in found] == [len(each) for each in expected]
        pieces = [content[part.start : part.start + part.size] for part in found]
        assert pieces == [b"".join(each) for each in expected]
        assert [part.first_line for part in found] == [1 + most * n for n in range(len(found))]


def long_line(content: bytes, read: Callable[[Path], object], file: Path) -> str:
    """What the error of a line of more than 8 bytes says."""
    file.write_bytes(content)
    with pytest.raises(ValueError, match="longer than 8 bytes; shorten it") as caught:
        read(file)
    return str(caught.value)


@pytest.mark.parametrize("end", [b"", b"\n", b"\nlast\n"])
@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_a_line_that_is_too_long_has_its_number_in_the_file(
    tmp_path: Path, end: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Ray, when a file is cut, and in a part."""
    monkeypatch.setattr(messages, "LONGEST_LINE", 8)
    monkeypatch.setattr(messages, "CHUNK", chunk)
    monkeypatch.setattr(parts, "CHUNK", chunk)
    file, before = tmp_path / "messages", b"one\n12345678\nthree\n"
    file.write_bytes(before)
    _, second = cut(file, 2, "given")

    def read_whole(path: Path) -> None:
        list(MessageFile(str(path), InputFormat.TEXT, [], lambda _: None).batches(2))

    def read_part(path: Path) -> None:
        part = second._replace(size=path.stat().st_size - second.start)
        PartFile(path, "given", part, InputFormat.TEXT, []).read()

    for content, number in (before + b"123456789" + end, 4), (before + b"1" * 99 + end, 4):
        assert long_line(content, read_whole, file).startswith(f"{file}:{number}: ")
        assert long_line(content, read_part, file).startswith(f"given:{number}: ")
        found = long_line(content, lambda path: cut(path, 2, "given"), file)
        assert found.startswith(f"given:{number}: ")


def test_a_line_without_an_end_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    with file.open("wb") as sparse:
        sparse.truncate(2**40)  # it takes no room on the disk
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"messages:1: longer than 16777216 bytes"):
            cut(file, 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * messages.LONGEST_LINE


def test_a_part_is_read_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    file.write_bytes(b"first\n" + b"x" * 200 + b"\n")
    with file.open("rb") as stream:
        stream.seek(3)
        reader = parts.PartReader(stream, 5)
        assert [reader.read1(2), reader.read1(9), reader.read1(9)] == [b"st", b"\nxx", b""]


def test_other_arithmetic_is_another_run(tmp_path: Path) -> None:
    folder = copytree(bundled.FOLDER / bundled.DEFAULT, tmp_path / "checkpoint")
    described = {
        name: describe_generator(Generator(folder, compute_type=name))
        for name in ("auto", "int8", "float32", "bfloat16")
    }
    assert described["auto"] == described["int8"]
    kinds = [described[name]["compute_type"] for name in ("int8", "float32", "bfloat16")]
    assert kinds == ["int8", "float32", "bfloat16"]
    generator = Generator(folder)
    (folder / RELEVANCE).write_bytes(b"another")  # best_of ranks replies with it
    changed = describe_generator(generator)
    assert changed["checkpoint"] != described["auto"]["checkpoint"]
    assert {**changed, "checkpoint": {}} == {**described["auto"], "checkpoint": {}}


def test_a_dead_node_is_no_machine() -> None:
    nodes = [{"NodeID": name, "Alive": name != "b"} for name in "abc"]
    assert [count_machines(nodes[:count]) for count in range(4)] == [0, 1, 1, 2]


def test_a_folder_keeps_the_seed_of_what_was_asked(tmp_path: Path) -> None:
    file, folder = tmp_path / "messages", PartFolder(tmp_path / "out")
    file.write_text("one\ntwo\n")
    first, second = cut(file, 1)
    asked = describe(file, options={"top_k": 5})
    assert folder.begin(asked, 3) == 3
    assert folder.begin({**asked, "options": {}}, 4) == 4  # nothing was answered yet
    assert folder.begin(asked, 5) == 5
    assert folder.begin(asked, 6) == 5  # a second run of the same, before the first has a part
    folder.file(first).touch()
    assert folder.begin(asked, 6) == 5
    assert folder.missing([first, second]) == [second]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    file, folder = tmp_path / "messages", PartFolder(tmp_path / "out")
    file.write_text("one\n")
    asked = describe(file, options={"top_k": 5})
    folder.begin(asked, 3)
    folder.file(cut(file, 1)[0]).touch()
    file.write_text("two\n")
    changed = describe(file, options={"top_k": 6})
    with pytest.raises(ValueError, match="another run: file, options differ; name another folder"):
        folder.begin(changed, 3)
    for content in ("", "{}", "[1]", '{"first_seed": "x"}'):
        (folder.path / "request.json").write_text(content)
        with pytest.raises(ValueError, match=r"request\.json is damaged; remove"):
            folder.begin(asked, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hello", "--ray"], "it goes with --file"),
        (["--file", "m", "--out", "o"], "--out goes with --ray"),
        (["--file", "m", "--actors", "2"], "--actors goes with --ray"),
        (["--file", "m", "--part-lines", "2"], "--part-lines goes with --ray"),
        (["--file", "m", "--ray", "--engine", "eager"], "--ray needs the native engine"),
    ],
)
def test_options_that_do_not_fit(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["respond", *arguments])
    assert message in result.stderr + str(result.exception)
