"""Which folder a checkpoint's name means."""

from pathlib import Path

import pytest

from mime_fast import Generator
from mime_fast.bundled import DEFAULT, FOLDER, NAMES, folder_of
from mime_fast.checkpoint_error import CheckpointError

MESSAGE = "I lost my dog yesterday."


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_one_is_found_by_its_name(name: str) -> None:
    assert folder_of(name) == folder_of(Path(name)) == FOLDER / name
    assert Generator(name).respond(MESSAGE).text


def test_none_is_the_default() -> None:
    assert folder_of(None) == FOLDER / DEFAULT


def test_a_folder_of_that_name_goes_first(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mime-small").symlink_to(tiny_checkpoint)
    monkeypatch.chdir(tmp_path)
    assert folder_of("mime-small").resolve() == tiny_checkpoint.resolve()


def test_another_name_is_a_path() -> None:
    assert folder_of("mime-smal") == Path("mime-smal")
    with pytest.raises(CheckpointError, match="mime-smal"):
        Generator("mime-smal")
