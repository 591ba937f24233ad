"""A file in parts, and the folder that keeps the replies to each. Ray is not needed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mime_fast.cli import app
from mime_fast.cli.messages import InputFormat, MessageFile
from mime_fast.cli.parts import PartFile, PartFolder, cut, describe

CONTENT = '\ufeffone\r\n"two"\n["a", "b", "three"]\nfour\n{"message": "five", "id": 5}'


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_parts_hold_the_messages_of_the_file(tmp_path: Path, most: int, end: str) -> None:
    file = tmp_path / "messages"
    file.write_bytes((CONTENT + end).encode())
    whole = MessageFile(str(file), InputFormat.AUTO, [], lambda _: None)
    expected = [message for batch in whole.batches(2) for message in batch]
    parts = cut(file, most)
    read = [PartFile(file, str(file), part, InputFormat.AUTO, []).read() for part in parts]
    assert [message for part in read for message in part] == expected
    assert [len(part) for part in read] == [part.lines for part in parts]
    assert [part.number for part in parts] == list(range(-(-5 // most)))


def test_a_wrong_line_has_its_number_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    file.write_text("one\ntwo\nthree\n[]\n")
    _, second = cut(file, 2)
    with pytest.raises(ValueError, match=r"^given:4: expected a JSON string"):
        PartFile(file, "given", second, InputFormat.AUTO, []).read()


def test_a_folder_keeps_the_seed_of_what_was_asked(tmp_path: Path) -> None:
    file, folder = tmp_path / "messages", PartFolder(tmp_path / "out")
    file.write_text("one\ntwo\n")
    first, second = cut(file, 1)
    asked = describe(file, options={"top_k": 5})
    assert folder.begin(asked, 3) == 3
    assert folder.begin({**asked, "options": {}}, 4) == 4  # nothing was answered yet
    assert folder.begin(asked, 5) == 5
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
