"""A system that starts no further thread: fewer will do, unless they were asked for."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mime_fast import Generator

# Becomes another user, whose processes are limited as root's are not, and may start no thread.
NO_THREADS = """if True:
    import asyncio, contextlib, os, resource, sys, warnings
    import mime_fast.cli
    from mime_fast import AsyncGenerator, Generator
    from mime_fast.engines import native

    path = sys.argv[1]
    native.default_threads = lambda: 3

    def command(*options):
        sys.argv[1:] = ["respond", "I lost my dog", "--checkpoint", path, *options]
        mime_fast.cli.main()

    options = sys.argv[2:]
    if options:  # another user may not read what a command imports
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
            command("--threads", "1")
    expected = Generator(path, intra_threads=1).respond("I lost my dog", seed=1).text
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
"""
DEFAULT = """
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        generator = Generator(path)
    assert generator.engine.threads == 1, generator.engine.threads
    assert len(seen) == 1 and seen[0].category is RuntimeWarning
    assert "starts 1 of 3 threads" in str(seen[0].message), seen[0].message
    assert generator.respond("I lost my dog", seed=1).text == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Generator(path, intra_threads=1)"""
EXPLICIT = """
    try:
        Generator(path, intra_threads=2)
    except OSError as error:
        print(type(error).__name__, error)"""
SERVICE = """
    async def serve():
        AsyncGenerator(Generator(path, intra_threads=1))

    try:
        asyncio.run(serve())
    except OSError as error:
        print(error)"""
COMMAND = """
    command(*options)"""


@pytest.fixture(scope="module")
def readable(tiny_checkpoint: Path) -> Iterator[Path]:
    """A checkpoint that every user may read; pytest's folders are private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(tiny_checkpoint, Path(folder, "tiny"))
        yield Path(folder, "tiny")


def run(code: str, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NO_THREADS + code, str(path), *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # numpy's own threads
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_default_takes_fewer(readable: Path) -> None:
    result = run(DEFAULT, readable)
    assert result.returncode == 0, result.stderr


def test_what_was_asked_for_is_an_error(readable: Path) -> None:
    result = run(EXPLICIT, readable)
    assert result.stdout.startswith("EngineError intra_threads=2: the system does not start 2")
    assert "ulimit -u" in result.stdout
    assert result.returncode == 0, result.stderr


def test_a_service_needs_one(readable: Path) -> None:
    result = run(SERVICE, readable)
    assert result.stdout.startswith("the system starts no thread for the service; raise its limit")
    assert result.returncode == 0, result.stderr


def test_the_command_line_answers_and_says_so_in_one_line(readable: Path) -> None:
    result = run(COMMAND, readable, "--seed", "1")
    assert result.returncode == 0, result.stderr
    assert result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("mime-fast: the system starts 1 of 3 threads")


def test_the_command_line_refuses_in_one_line(readable: Path) -> None:
    result = run(COMMAND, readable, "--threads", "2")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("mime-fast: intra_threads=2: the system does not start 2 threads")


# Root becomes another user that may still read everything, so that nothing need be imported before.
CAPABILITIES = "+dac_read_search,+dac_override"
ANOTHER_USER = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *(f"--{name}-caps={CAPABILITIES}" for name in ("inh", "ambient")),
)
LIMIT = ("bash", "-c", 'ulimit -u 1 && exec "$@"', "bash")


def without_threads(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command from its start, libraries included, where no thread may be started."""
    user = ANOTHER_USER if os.getuid() == 0 else ()
    if user and subprocess.run([*user, "true"], check=False, capture_output=True).returncode:
        pytest.skip("setpriv is missing, or root may not become another user here")
    limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in limits}
    return subprocess.run(
        [*user, *LIMIT, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("engine", ["native", "eager"])
@pytest.mark.parametrize("over_pieces", [False, True], ids=["words", "pieces"])
def test_libraries_start_no_thread_that_they_need_not(
    readable: Path, save_tiny_base: Callable[..., Path], engine: str, over_pieces: bool
) -> None:
    """OpenBLAS, tokenizers and torch each end a process that cannot start their threads."""
    if engine == "eager":
        pytest.importorskip("torch")
    path = save_tiny_base(readable.parent / f"base-{engine}") if over_pieces else readable
    expected = Generator(path).respond("I lost my dog", seed=1).text
    respond = ("respond", "I lost my dog", "--seed", "1", "--checkpoint", str(path))
    result = without_threads(sys.executable, "-m", "mime_fast", *respond, "--engine", engine)
    assert (result.returncode, result.stdout.strip()) == (0, expected), result.stderr
    assert all(
        line.startswith("mime-fast: the system starts 1 of ") for line in result.stderr.splitlines()
    ), result.stderr
