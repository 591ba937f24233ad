"""Too little memory is an error that says how much was asked for, what for, and what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

# Limits what the process may ask for to so many MB more than it has.
LIMITED = """if True:
    import resource, sys
    from mime_fast import Generator, bundled, checkpoint

    def limit(megabytes):
        pages = int(open("/proc/self/statm").read().split()[0])
        size = pages * resource.getpagesize() + int(megabytes * 1e6)
        resource.setrlimit(resource.RLIMIT_AS, (size, -1))

    def refused(call):
        try:
            call()
        except MemoryError as error:
            print(error)
            return
        sys.exit("there was enough")

    engine = sys.argv[1]
"""
LOAD = """
    loaded = checkpoint.load(bundled.folder_of("mime-small"))
    checkpoint.load = lambda path: loaded  # the tokenizers library aborts where it lacks memory
    kept = Generator("mime-small", engine=engine)  # with what it imports
    limit(15)
    refused(lambda: Generator("mime-small", engine=engine))"""
BIG = {
    "encode": '["my dog " * 30] * 600, None, {"max_new_tokens": 2}',
    "decode": '["my dog"], None, {"num_beams": 1000, "max_new_tokens": 50, "min_new_tokens": 50}',
}
CALL = """
    generator = Generator(sys.argv[2], engine=engine)
    options = {"seed": 1, "num_beams": 2, "max_new_tokens": 9}
    before = generator.respond("my dog", **options).text
    request = generator.request(BIG)
    limit(ROOM)
    refused(request.run)
    assert generator.respond("my dog", **options).text == before"""


def lines(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", LIMITED + code, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_loading(engine: str) -> None:
    (line,) = lines(LOAD, engine)
    assert "there is too little memory to load " in line
    assert " MB could not be allocated" in line
    assert "ulimit -v" in line


@pytest.mark.parametrize("engine", ["native", "eager"])
@pytest.mark.parametrize(("part", "room"), [("encode", 1), ("decode", 1)])
def test_a_call_that_is_too_large(
    tiny_checkpoint: Path, engine: str, part: str, room: float
) -> None:
    """The engine goes on with calls that it has memory for."""
    code = CALL.replace("BIG", BIG[part]).replace("ROOM", str(room))
    (line,) = lines(code, engine, tiny_checkpoint)
    assert "there is too little memory to " in line
    assert "std::" not in line
    assert "ulimit -v" in line
    assert "fewer" in line
