"""The page of a results file."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.harness import summarise
from benchmarks.peers import OURS
from benchmarks.report import main, write_page


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_a_page_holds_every_row_and_its_plots(tmp_path: Path) -> None:
    rows = [
        summarise(group, name, 1, [seconds], x=x, floor_ms=1, equal=1).to_dict()
        for group, x in (("greedy reply", None), ("batch size", 1), ("batch size", 8))
        for name, seconds in ((OURS, 0.002), ("<another>", 0.004))
    ]
    floors = {"threads": 1, "instructions": "AVX2", "peak_per_core": {"float32": 1e11}}
    floors["read"] = [[5e5, 1e11], [5e8, 2e10]]
    path = tmp_path / "machine.json"
    whole = results.assemble([{"floors": floors, "rows": rows}], "1a2b", quick=False)
    path.write_text(json.dumps(whole))
    page = write_page(path).read_text()
    assert page.count("<table>") == 3
    assert page.count("<td>2.00×</td>") == 6  # noqa: RUF001
    assert "&lt;another&gt;" in page
    assert "<another>" not in page
    assert page.count("<svg") == 4
    assert sorted(p.name for p in tmp_path.glob("*.png")) == [
        "machine-bandwidth.png",
        "machine-floors-1.png",
        "machine-latency-1.png",
        "machine-scaling-1.png",
    ]
    assert not re.search(r'(src|href)="(?!#)', page)  # nothing is loaded from elsewhere


def test_the_newest_results_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    with pytest.raises(SystemExit, match=r"no results in .*; run: make bench"):
        main([])
    for name, age in (("newer", 0), ("older", 60)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(results.assemble([], "1a2b", quick=False, seconds=1680)))
        os.utime(path, (time.time() - age,) * 2)
    main([])
    assert capsys.readouterr().out == f"wrote {tmp_path / 'newer.html'}\n"
    assert "28.0 minutes" in (tmp_path / "newer.html").read_text()
