from __future__ import annotations

from pathlib import Path

import pytest

from mime_fast.training.run_folder import STATE, WEIGHTS, check_run_folder


def test_a_run_is_neither_overwritten_nor_resumed_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        check_run_folder(tmp_path, resume=True)
    check_run_folder(tmp_path / "new", resume=False)
    for name in (STATE, WEIGHTS):
        (tmp_path / name).touch()
        with pytest.raises(FileExistsError, match="holds a run; use --resume"):
            check_run_folder(tmp_path, resume=False)
        (tmp_path / name).unlink()
