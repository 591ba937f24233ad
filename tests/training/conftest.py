"""A data set of the project's own: a few dozen short dialogues."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FEELINGS = {
    "sad": ("I lost my {}.", "I am so sorry about your {}."),
    "joyful": ("I found my {}!", "That is great! Enjoy your {}."),
    "angry": ("Someone broke my {}.", "That is so rude. Can they fix the {}?"),
    "proud": ("I built a {}.", "Wow, you must be proud of that {}."),
}
THINGS = ("dog", "car", "house", "phone", "bike", "garden", "boat", "book", "cat", "job")


def conversations() -> list[dict[str, object]]:
    return [
        {
            "conv_id": f"{feeling}_{thing}",
            "emotion": feeling,
            "situation": said.format(thing),
            "utterances": [said.format(thing), heard.format(thing), "Thank you.", "Any time!"],
        }
        for feeling, (said, heard) in FEELINGS.items()
        for thing in THINGS
    ]


def write_lines(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the EmpatheticDialogues format: 64 training, 16 validation conversations."""
    folder = tmp_path_factory.mktemp("dialogues")
    records = conversations()
    write_lines(folder / "train.jsonl", records[::2] + records[1::4])
    write_lines(folder / "valid.jsonl", records[3::4])
    write_lines(folder / "test.jsonl", records[3::4])
    return folder
