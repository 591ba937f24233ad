"""The application that the commands register with, and the entry point."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mime_fast.spare_threads import limit_numpy_threads

app = typer.Typer(
    help="Empathetic replies from MIME. Example: mime-fast respond 'I lost my dog yesterday'",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Command(TyperCommand):
    """A command whose --help lists the options by their groups."""

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write a section for each group, in the order in which the groups first occur."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            group = getattr(parameter, "rich_help_panel", None) or usual
            if (record := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(group, []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mime_fast import __version__

        print(f"mime-fast {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def describe(error: BaseException) -> str:
    """One line; of a file that the system refuses, its name before the reason."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        remedy = f"; {DISK[error.errno]}" if error.errno in DISK else ""
        if error.filename is not None:
            text = f"{os.fsdecode(error.filename)}: {error.strerror}{remedy}"
        elif remedy:
            text = f"a file cannot be read or written ({error.strerror}){remedy}"
    return " ".join(text.splitlines())


# What a disk refuses, and the remedy.
DISK = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space in your quota",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
    errno.EIO: "check the disk",
}
NO_MEMORY = (
    "there is too little memory: free some that other programs hold, raise the limit of this "
    "process (ulimit -v), or ask for less at a time"
)
NO_THREAD = (
    "the system starts no further thread: raise its limit on processes (ulimit -u, or the "
    "container's)"
)


def _format_warning(message: Warning | str, *_: object, **__: object) -> str:
    """One line, without the place in the code."""
    return f"mime-fast: {message}\n"


def main() -> None:
    """Run the command line; an error is one line that names the value and the remedy."""
    _prepare_streams()
    limit_numpy_threads()
    warnings.formatwarning = _format_warning
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here a full disk is still an error of ours
    except BrokenPipeError:
        _discard_output()
        sys.exit(1)
    except OutputError as error:
        _discard_output()
        sys.exit(f"mime-fast: {error}")
    except (ValueError, TypeError, OSError, ArithmeticError, ImportError) as error:
        sys.exit(f"mime-fast: {describe(error)}")
    except MemoryError as error:
        sys.exit(f"mime-fast: {describe(error) or NO_MEMORY}")
    except RuntimeError as error:
        if str(error) != "can't start new thread":  # threading has no type for it
            raise
        sys.exit(f"mime-fast: {NO_THREAD}")
    except KeyboardInterrupt:
        sys.exit(130)


def _discard_output() -> None:
    """Let what is left of standard output go nowhere: Python flushes it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class OutputError(OSError):
    """Standard output cannot be written."""


class _Output(FileIO):
    """Standard output, whose errors can be told from those of other files."""

    def write(self, data: Any, /) -> int:
        """Write some of the bytes; BrokenPipeError: the reader is gone, else OutputError."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written ({error.strerror}); the rest of it is lost"
            ) from error


def _prepare_streams() -> None:
    """A terminal without Unicode gets no bars, but a reply; a closed output is no error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - until the process ends
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _told_apart(sys.stdout)


def _told_apart(stream: TextIOWrapper) -> TextIOWrapper:
    raw = _Output(stream.fileno(), "w", closefd=False)
    return TextIOWrapper(
        raw if stream.write_through else BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
