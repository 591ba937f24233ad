"""What the smoke run promises: nothing in benchmarks/ is left out. The run itself is in .ci/run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import smoke

SUITE = """
def called():
    return 1

def missed():
    return 2

def excused():  # not in a smoke run
    return 3

called()
"""
DURATIONS = {
    "README.md": r"`make bench`, (\d+) minutes",
    "Makefile": r"^bench:.*\((\d+) minutes\)",
    "docs/benchmarks.md": r"make bench +# (\d+) minutes",
}


def test_what_nothing_called_is_named(tmp_path: Path) -> None:
    suite, data = tmp_path / "suite", tmp_path / "data"
    suite.mkdir()
    data.mkdir()
    (suite / "listed.py").write_text(SUITE)
    (suite / "new.py").write_text("def test_new():\n    pass\n")
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={smoke.CONFIG}"]
    command += [f"--source={suite}", str(suite / "listed.py")]
    subprocess.run(command, check=True, env=os.environ | {"COVERAGE_FILE": str(data / "calls")})
    places = [Path(place).name for place in smoke.uncalled(data, suite)]
    assert places == ["listed.py: missed", "new.py: test_new", "new.py: the module"]


@pytest.mark.parametrize(("ending", "passes"), [("pass", True), ("1 / 0", False)])
def test_a_tool_that_fails_shows_its_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, passes: bool
) -> None:
    command = ["timeit", "-n1", "-r1", f"print('what it printed'); {ending}"]
    assert smoke.run(command, tmp_path) == passes
    assert ("what it printed" in capsys.readouterr().out) != passes


def test_how_long_it_takes_is_said_once() -> None:
    told = {
        name: re.findall(pattern, (smoke.ROOT / name).read_text(), re.MULTILINE)
        for name, pattern in DURATIONS.items()
    }
    assert told == {name: ["30"] for name in DURATIONS}
