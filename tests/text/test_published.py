"""EmpatheticDialogues as published; the texts are our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.text.examples import Example, load_examples, load_parts
from mime_fast.text.published import HEADER

SAD = EMOTIONS.index("sad")
DOG = [
    "hit:0_conv:1,1,sad,My dog ran away_comma_ and I miss him.,1,Rex_comma_ my dog_comma_ left,5,",
    "hit:0_conv:1,2,sad,My dog ran away_comma_ and I miss him.,0,Oh no! When?,5|5,",
    'hit:0_conv:1,3,sad,My dog ran away_comma_ and I miss him.,1,He said "woof,5|5,',
    "hit:0_conv:1,4,sad,My dog ran away_comma_ and I miss him.,0,I hope he is back soon.,5|5,",
]
CAT = [
    "hit:0_conv:2,1,joyful,A new cat.,2,We have a cat!,5|5|5_2|2|5,<HI>",
    "hit:0_conv:2,2,joyful,A new cat.,3,How nice!,5|5|5_2|2|5,<HI>",
]


def write(folder: Path, rows: list[str], name: str = "train.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_rows_become_examples(tmp_path: Path) -> None:
    first, second, third = load_examples(write(tmp_path, DOG + CAT))
    assert first == Example(["Rex, my dog, left"], "Oh no! When?", SAD)
    assert second.context == ["Rex, my dog, left", "Oh no! When?", 'He said "woof']
    assert second.target == "I hope he is back soon."
    assert third == Example(["We have a cat!"], "How nice!", EMOTIONS.index("joyful"))


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row + ",I see.|Oh_comma_ no!|a_pipe_b",  # candidates
        lambda row: row.rstrip(","),  # no tags
        lambda row: ",".join(row.split(",")[:6]),  # neither tags nor ratings
        lambda row: row + ",,,",  # as a spreadsheet writes it
        lambda row: row + "\r",
    ],
)
def test_rows_with_more_or_fewer_fields_are_read(tmp_path: Path, change: object) -> None:
    plain = load_examples(write(tmp_path, DOG))
    assert callable(change)
    assert load_examples(write(tmp_path, [change(DOG[0]), *DOG[1:3], change(DOG[3])])) == plain


def test_a_byte_order_mark_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path, [DOG[0], "", *DOG[1:]])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load_examples(path)) == 2


def test_characters_that_end_lines_elsewhere_stay(tmp_path: Path) -> None:
    row = "c,1,sad,Rain.,1,It rains\u2028and\x0brains\x85on.,,"
    answer = "c,2,sad,Rain.,2,Oh no!,,"
    (example,) = load_examples(write(tmp_path, [row, answer]))
    assert example.context == ["It rains\u2028and\x0brains\x85on."]


def test_turns_alternate_whoever_wrote_them(tmp_path: Path) -> None:
    same = [row.replace(",1,Rex", ",0,Rex").replace(",1,He", ",0,He") for row in DOG]
    assert load_examples(write(tmp_path, same)) == load_examples(write(tmp_path, DOG))


def test_a_conversation_without_a_reply_gives_no_example(tmp_path: Path) -> None:
    assert len(load_examples(write(tmp_path, [*CAT, DOG[0]]))) == 1
    with pytest.raises(ValueError, match="holds no example; it needs a conversation with a reply"):
        load_examples(write(tmp_path, [DOG[0]]))


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("hit:0_conv:1,3,sad", "has 3 fields of the 8 of conv_id.*; mend the row"),
        (DOG[2].replace("sad", "bored"), "unknown emotion 'bored'; use one of"),
        (DOG[2].replace("_comma_", ","), "speaker_idx must be a number, got .*_comma_"),
        (DOG[2].replace("said ", "said, "), "selfeval must be numbers, got .*_comma_"),
        (DOG[2].replace("said ", "said,so "), "selfeval must be numbers, got 'so .*_comma_"),
        (DOG[2].replace('He said "woof', ""), "utterance is empty; write at least one word"),
        (DOG[2].replace('He said "woof', "\u200b"), "utterance is .* holds no word"),
        (DOG[2].replace('He said "woof', "x" * 100_001), "utterance has 100001 characters"),
        (DOG[2].replace("1,3,", "1,4,"), "utterance_idx must be 3 here, got '4'; a row is missing"),
        (DOG[2].replace("1,3,", "1,2,"), "utterance_idx must be 3 here, got '2'"),
        (DOG[2].replace("1,3,", "1,x,"), "utterance_idx must be 3 here, got 'x'"),
        (DOG[2].replace("sad", "angry"), "context must be 'sad' as in line 2, got 'angry'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, named: str) -> None:
    with pytest.raises(ValueError, match=rf"train\.csv:4: {named}"):
        load_examples(write(tmp_path, [*DOG[:2], row, DOG[3], *CAT]))


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, DOG)
    path.write_bytes(path.read_bytes().replace(b"woof", b"w\xffoof"))
    with pytest.raises(ValueError, match=r"train\.csv:4: is not valid UTF-8.*; save the file as"):
        load_examples(path)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("conv_id,utterance,context", "has the header 'conv_id,utterance,context'; expected"),
        ("id;text", "starts with 'id;text'; expected the header conv_id"),
        (CAT[0], "starts with 'hit:0_conv:2.*; expected the header"),
    ],
)
def test_another_header_is_named(tmp_path: Path, header: str, named: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text("\n".join([header, *DOG]))
    with pytest.raises(ValueError, match=rf"train\.csv:1: {named}"):
        load_examples(path)


def test_the_kind_is_read_off_the_file_not_its_name(tmp_path: Path) -> None:
    assert len(load_examples(write(tmp_path, DOG, "dialogues.txt"))) == 2


def test_a_folder_as_published_is_trained_on(tmp_path: Path) -> None:
    write(tmp_path, DOG)
    write(tmp_path, CAT, "valid.csv")
    assert [len(part) for part in load_parts(tmp_path)] == [2, 1]
