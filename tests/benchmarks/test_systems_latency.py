"""Every system is timed, and checked against eager, in one run."""

import json
from pathlib import Path

import pytest

from benchmarks import systems_latency
from benchmarks.peers import native


def test_every_part_of_every_system_is_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "systems.json"
    systems_latency.main(["--smoke", "--threads", "1", "--output", str(output)])
    rows = json.loads(output.read_text())["rows"]
    measured = {(row["contestant"], row["group"]) for row in rows if row["median_ms"] > 0}
    systems = systems_latency.SYSTEMS
    assert measured == {(name, part) for name in systems for part in systems_latency.PARTS}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(systems)
    assert lines[1].endswith("1.00x")


def test_a_wrong_reply_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    create = native.create

    class Wrong:
        def batch(self, requests: list[object]) -> list[list[int]]:
            return [[7]] * len(requests)

    monkeypatch.setattr(
        native,
        "create",
        lambda *options: Wrong() if options[1] == "int8" else create(*options),
    )
    with pytest.raises(SystemExit, match=r"mime: native int8 gives other tokens than eager"):
        systems_latency.check(tiny=True)
