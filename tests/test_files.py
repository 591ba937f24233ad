"""Targets are checked before work begins; a file is written as a whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import SafetensorError

from mime_fast import files
from mime_fast.files import (
    WriteError,
    check_file,
    check_folder,
    make_folder,
    parse_json,
    read_text,
    write_errors,
    write_whole,
)
from mime_fast.text.records import read_records
from mime_fast.text.tokenizer import read_tokenizer
from tests.limits import limit_file_size

Mount = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("/proc/page.html", r"/proc/page.html cannot be written \(No such file or directory\)"),
        ("/proc/new/page.html", r"/proc/new cannot be a folder \(No such file or directory\)"),
        ("/sys/page.html", "/sys/page.html cannot be written"),
        ("file/page.html", r"cannot be written \(Not a directory\)"),
        ("file/new/page.html", r"page.html cannot be written \(Not a directory\)"),
        ("folder", "folder is a folder; name a file in it"),
        (".", "is a folder; name a file in it"),
        ("..", "is a folder; name a file in it"),
        ("/dev/null", "/dev/null is not a regular file; name another"),
        ("/dev/full", "/dev/full is not a regular file; name another"),
        ("pipe", "pipe is not a regular file; name another"),
        ("x" * 256, r"cannot be written \(File name too long\); give a shorter name"),
    ],
)
def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, name: str, named: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WriteError, match=named):
        check_file(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_check_changes_nothing_but_makes_the_folder(tmp_path: Path) -> None:
    check_file(tmp_path / "new" / "file")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("mine")
    check_file(tmp_path / "file")
    check_folder(tmp_path / "new")
    check_file(tmp_path / ("x" * 255))  # the longest name that there can be
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "new"]


def test_a_file_system_that_is_read_only_is_named(mount: Mount) -> None:
    folder = mount("ro")
    with pytest.raises(WriteError, match=r"cannot be written \(Read-only file system\); name"):
        check_file(folder / "file")
    with pytest.raises(WriteError, match="Read-only file system"):
        check_file(folder / "new" / "file")
    with pytest.raises(WriteError, match="Read-only file system"):
        check_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_or_a_file_that_is_read_only_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o444)
    with pytest.raises(WriteError, match="file is read-only; make it writable"):
        check_file(tmp_path / "file")
    tmp_path.chmod(0o555)
    with pytest.raises(WriteError, match="Permission denied"):
        check_file(tmp_path / "new")


def test_a_size_that_is_known_is_checked(mount: Mount) -> None:
    folder = mount("size=1m")
    check_file(folder / "file", 100_000)
    message = r"\(3.0 MB are needed, 1.0 MB are free\); free space there"
    with pytest.raises(WriteError, match=message):
        check_file(folder / "file", 3_000_000)
    with pytest.raises(WriteError, match=message):
        check_file(folder / "file", 100_000, room=3_000_000)


def test_the_limit_of_file_sizes_is_checked(tmp_path: Path) -> None:
    with limit_file_size(50_000):
        check_file(tmp_path / "file", 50_000)
        message = r"\(2.0 MB are needed, files may have 50,000 bytes\); raise the limit .*ulimit -f"
        with pytest.raises(WriteError, match=message):
            check_file(tmp_path / "file", 2_000_000)
    with limit_file_size(0), pytest.raises(WriteError, match=r"File too large.*ulimit -f"):
        check_file(tmp_path / "file")


def test_a_disk_that_is_full_keeps_the_old_file(mount: Mount) -> None:
    path = mount("size=1m") / "file"
    message = r"file cannot be written \(No space left on device\), {}; free space there"
    with pytest.raises(WriteError, match=message.format("nothing is written")):
        write_whole(path, bytes(2_000_000))
    assert list(path.parent.iterdir()) == []
    write_whole(path, b"old")
    with pytest.raises(WriteError, match=message.format("/.*file is as it was")):
        write_whole(path, bytes(2_000_000))
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_a_file_that_is_too_large_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with (
        limit_file_size(50_000),
        pytest.raises(WriteError, match=r"\(File too large\), .* is as it was; raise the limit"),
    ):
        write_whole(path, bytes(100_000))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    check_file(tmp_path / "link")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(WriteError, match=r"loop cannot be a folder|loop/file cannot be written"):
        write_whole(tmp_path / "loop" / "file", b"")


def test_a_file_is_as_private_as_the_umask_says(tmp_path: Path) -> None:
    for umask, mode in ((0o077, 0o600), (0o022, 0o644)):
        before = os.umask(umask)
        try:
            write_whole(tmp_path / "file", b"")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_folder_that_can_be_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"file cannot be a folder \(File exists\); name another"):
        make_folder(tmp_path / "file")


def test_an_input_error_of_a_disk_names_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "sync", fail)
    with pytest.raises(WriteError, match=r"\(Input/output error\).*; check the disk"):
        write_whole(tmp_path / "file", b"")
    assert list(tmp_path.iterdir()) == []


def test_text_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("\ufeffé\r\n".encode())
    assert read_text(tmp_path / "file") == "é\n"
    (tmp_path / "file").write_bytes("é".encode("utf-16"))
    with pytest.raises(ValueError, match=r"file is not UTF-8 \(.*\); save it as UTF-8 text"):
        read_text(tmp_path / "file")


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[" * 100_000, "", "{"])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|deeply|Expecting"):
        parse_json(text)
    assert parse_json('{"a": [1.5, null]}') == {"a": [1.5, None]}


def test_a_process_survives_the_signal_of_a_file_too_large(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from mime_fast.files import write_whole\n"
        "write_whole(pathlib.Path(sys.argv[1]), bytes(10**6))\n"
    )
    command = f"ulimit -f 100; exec {sys.executable} -c '{code}' {tmp_path}/file"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended  # not -25: killed by SIGXFSZ
    assert "File too large" in ended.stderr


UNREADABLE = Path("/proc/self/mem")  # reading its first byte fails, and opening it does not


@pytest.mark.skipif(not UNREADABLE.exists(), reason="there is no /proc")
def test_an_error_while_reading_names_the_file() -> None:
    for read in (read_text, read_tokenizer, lambda path: list(read_records(path))):
        with pytest.raises(OSError, match="Input/output error: '/proc/self/mem'"):
            read(UNREADABLE)


@pytest.mark.parametrize(
    "text",
    [
        "I/O error: No space left on device (os error 28)",
        'IoError(Os { code: 28, kind: StorageFull, message: "No space" })',  # of 0.4.3
    ],
)
def test_a_full_disk_is_known_by_what_safetensors_says(tmp_path: Path, text: str) -> None:
    with pytest.raises(WriteError, match="free space there"), write_errors(tmp_path / "file"):
        raise SafetensorError(text)
