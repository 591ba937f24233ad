"""A user's files: targets are checked before work begins; a file is written whole or not at all.

Texts are read as UTF-8, with or without a byte-order mark.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from safetensors import SafetensorError

REMEDIES = {
    errno.ENOSPC: "free space there, or name another place",
    errno.EDQUOT: "free space in your quota, or name another place",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or name another place",
    errno.EIO: "check the disk, or name another place",
    errno.ENAMETOOLONG: "give a shorter name",
}


class WriteError(OSError):
    """A file that cannot be written; the message says what is kept, and the remedy."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it. WriteError: there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder} cannot be a folder ({_reason(error)}); name another") from error


def check_file(path: Path, size: int = 0, room: int = 0) -> None:
    """Check that a file can be written; a file that is there stays as it is.

    Folders above it are made.

    Args:
        path: the file that will be written.
        size: bytes that it will have, as far as known; the limit of file sizes must allow it.
        room: bytes that must be free there, if more than `size`.

    Raises:
        WriteError: it cannot be written.
    """
    with _clear_errors(path):
        target = resolve(path)
        if target.is_dir():
            raise WriteError(f"{path} is a folder; name a file in it")
        if target.exists() and not target.is_file():
            raise WriteError(f"{path} is not a regular file; name another")
        if target.exists() and not os.access(target, os.W_OK):
            raise WriteError(f"{path} is read-only; make it writable, or name another")
    check_place(path, size, room)


def check_place(path: Path, size: int = 0, room: int = 0) -> None:
    """Check that something of that name can be written, whatever is there; see check_file."""
    with _clear_errors(path):
        target = resolve(path)
        with suppress(FileNotFoundError):
            target.lstat()  # the name is too long, or a file is in the way
        make_folder(target.parent)
        _probe(target.parent)
        _check_room(target.parent, size, max(size, room))


def check_folder(folder: Path) -> None:
    """Make a folder if need be, and check that files can be written in it; else WriteError."""
    make_folder(folder)
    with _clear_errors(folder):
        _probe(folder)


def resolve(path: Path) -> Path:
    """The absolute path without links: what a link points to is replaced, not the link."""
    return Path(os.path.realpath(path))


def printable_name(path: Path) -> str:
    """The name of a file; what of it is not UTF-8, or cannot be printed, is replaced."""
    name = os.fsencode(path.name).decode(errors="replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def staging_name() -> str:
    """A name for what will take the place of something else; as short for any target."""
    return f".mime_fast-{uuid4().hex}"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; the file then takes the place of `path`, when it is on the disk.

    Folders above it are made.

    Raises:
        WriteError: it cannot be written; what was at `path` before still is.
    """
    with write_errors(path):
        target = resolve(path)
        make_folder(target.parent)
        staging = target.with_name(staging_name())
        try:
            staging.touch()
            mode = staging.stat().st_mode  # as the umask has it; safetensors makes files private
            yield staging
            staging.chmod(mode)
            sync(staging)
            staging.replace(target)
            with suppress(OSError):  # not every file system can: the file itself is there
                sync(target.parent)
        finally:
            with suppress(OSError):
                staging.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old one or the new one, never half of it."""
    with replacing(path) as staging:
        staging.write_bytes(content)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turns what fails while `path` is replaced into a WriteError that says what is kept."""
    existed = os.path.lexists(path)
    try:
        yield
    except WriteError:
        raise
    except (OSError, SafetensorError) as error:
        kept = f"{path} is as it was" if existed else "nothing is written"
        raise WriteError(
            f"{path} cannot be written ({_reason(error)}), {kept}; {_remedy(error)}"
        ) from error


def sync(path: Path) -> None:
    """Wait until a file, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Gives the file's name to an OSError of reading, which only one of opening has."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def read_text(path: Path) -> str:
    """The text of a file; ValueError: it is not UTF-8."""
    with read_errors(path):
        content = path.read_bytes()
    return decode_text(content, path)


def decode_text(content: bytes, path: Path) -> str:
    """The text that a file holds, its lines with line feeds alone; ValueError: it is not UTF-8."""
    try:
        return io.StringIO(content.decode("utf-8-sig"), newline=None).read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}); save it as UTF-8 text") from error


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError: it is none, holds NaN or infinity, or is too deep."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_object(text: str) -> dict[str, Any]:
    """The members of a JSON text; ValueError: it is no object, or an object names one twice."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_members)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {found!r:.60}")  # noqa: TRY004 - of a file
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r:.60} is there twice; keep one of the two")
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; give a finite number")


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written ({_reason(error)}); {_remedy(error)}"
        ) from error


def _probe(folder: Path) -> None:
    """Write a file in the folder, and remove it."""
    probe = folder / staging_name()
    try:
        probe.write_bytes(b"\0")
        sync(probe)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _check_room(folder: Path, size: int, room: int) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit not in (resource.RLIM_INFINITY, -1) and size > limit:
        raise OSError(errno.EFBIG, f"{_bytes(size)} are needed, files may have {_bytes(limit)}")
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and room > free:  # some file systems do not say how large they are
        raise OSError(errno.ENOSPC, f"{_bytes(room)} are needed, {_bytes(free)} are free")


def _bytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _remedy(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number is None and (found := re.search(r"\(os error (\d+)\)|\bcode: (\d+)", str(error))):
        number = int(found[1] or found[2])  # safetensors gives it in its text only
    return REMEDIES.get(number or 0, "name another place")
