"""Turns, floors and the results file, on made-up numbers."""

import json
from functools import partial
from pathlib import Path

import pytest

from benchmarks import floors, results
from benchmarks.floors import Floors
from benchmarks.harness import Budget, Race, summarise
from mime_fast.checkpoint import parameter_shapes
from mime_fast.config import ModelConfig

CONFIG = ModelConfig(vocab_size=1000)
FLOORS = Floors(2, "AVX2", {"float32": 1e9, "int8": 0.0}, [(1e3, 4e9), (1e9, 1e9)])


def test_contestants_take_turns() -> None:
    asked: list[str] = []
    calls = {name: partial(asked.append, name) for name in "abc"}
    race = Race(calls, Budget(seconds=0, fewest=4, most=9))
    race.repeats = dict.fromkeys("abc", 1)
    race.warms_up = {"a": False, "b": True, "c": False}
    asked.clear()
    race.run()
    assert "".join(asked) == "abbc" * 4
    assert [len(seconds) for seconds in race.seconds.values()] == [4, 4, 4]


def test_a_budget_decides_the_rounds() -> None:
    budget = Budget(seconds=2, fewest=3, most=50)
    assert [budget.rounds(cost) for cost in (10, 0.25, 1e-6)] == [3, 8, 50]


def test_a_row_leaves_out_what_it_lacks() -> None:
    row = summarise("greedy reply", "ours", 1, [0.001, 0.002, 0.003], floor_ms=0.5).to_dict()
    assert row["median_ms"] == pytest.approx(2)
    assert row["floor_ms"] == 0.5
    assert "x" not in row
    assert "equal" not in row


def test_a_floor_is_reading_or_arithmetic() -> None:
    assert FLOORS.seconds(macs=0, weights=250, precision="float32") == pytest.approx(1e3 / 4e9)
    assert FLOORS.seconds(macs=1e9, weights=1, precision="float32") == pytest.approx(1)
    # A type without an instruction of its own is computed in float32.
    assert FLOORS.seconds(macs=1e9, weights=1, precision="int8") == pytest.approx(1)


def test_a_reply_costs_its_encoding_and_its_steps() -> None:
    one = floors.step_seconds(FLOORS, CONFIG, "float32")
    short, long = (
        floors.reply_seconds(FLOORS, CONFIG, "float32", context=length) for length in (10, 200)
    )
    assert 20 * one < short < long
    beam = floors.reply_seconds(FLOORS, CONFIG, "float32", beams=5)
    assert beam > floors.reply_seconds(FLOORS, CONFIG, "float32")


def test_weights_are_those_of_the_checkpoint() -> None:
    shapes = parameter_shapes(CONFIG)
    assert floors.projection_weights(CONFIG) == 1000 * 300
    assert shapes["output.weight"] == (1000, 300)
    assert floors.gate_weights(CONFIG) == 600 * 600 + 300 * 600


def test_the_file_is_named_after_the_machine(tmp_path: Path) -> None:
    row = summarise("greedy reply", "ours", 1, [0.001]).to_dict()
    whole = results.assemble([{"floors": None, "rows": [row]}], quick=True)
    assert results.path_of(whole).name.endswith("-quick.json")
    assert results.path_of(whole).stem.startswith(whole["machine"]["cpu"].split()[0].lower())
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole))
    assert results.read(path) == whole
    path.write_text('{"format": 0}')
    with pytest.raises(ValueError, match=r"is of format 0, this report reads 1; run"):
        results.read(path)
