"""Turns, floors and the results file, on made-up numbers."""

import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import floors, results
from benchmarks.floors import Floors
from benchmarks.harness import SHORTEST, SMOKE, Budget, Race, summarise
from mime_fast.config import ModelConfig
from mime_fast.models import parameter_shapes

CONFIG = ModelConfig(vocab_size=1000)
FLOORS = Floors(2, "AVX2", {"float32": 1e9, "int8": 0.0}, [(1e3, 4e9), (1e9, 1e9)])


def test_contestants_take_turns() -> None:
    asked: list[str] = []
    calls = {name: partial(asked.append, name) for name in "abc"}
    race = Race(calls, Budget(seconds=0, fewest=4, most=9), settle=0)
    assert race.rounds == 4
    race.repeats = {"a": 1, "b": 3, "c": 1}
    race.samples = {"a": 1, "b": 2, "c": 1}
    asked.clear()
    for name in "abca":
        race.turn(name)
    assert "".join(asked) == "aa" + "b" + "bbb" * 2 + "cc" + "aa"  # the first call is not timed
    assert [len(seconds) for seconds in race.seconds.values()] == [2, 2, 1]


def test_a_smoke_run_calls_each_twice() -> None:
    """Once to learn how long a call takes, and once in its turn."""
    asked: list[str] = []
    calls = {name: partial(_slowly, asked, name) for name in "ab"}
    race = Race(calls, SMOKE, settle=0)
    for name in calls:
        race.turn(name)
    assert "".join(asked) == "abab"
    assert [len(seconds) for seconds in race.seconds.values()] == [1, 1]


def _slowly(asked: list[str], name: str) -> None:
    """A call that is not so short that it is repeated."""
    time.sleep(2 * SHORTEST)
    asked.append(name)


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
    work = floors.Work()
    one = floors.step_seconds(FLOORS, CONFIG, work)
    short, long = (
        floors.reply_seconds(FLOORS, CONFIG, work, context=length) for length in (10, 200)
    )
    assert 20 * one < short < long
    beam = floors.reply_seconds(FLOORS, CONFIG, work, beams=5)
    assert beam > floors.reply_seconds(FLOORS, CONFIG, work)
    assert floors.reply_seconds(FLOORS, CONFIG, floors.Work("int8")) < floors.reply_seconds(
        FLOORS, CONFIG, work
    )


def weights_of(*parts: str) -> int:
    """Sizes of the matrices and convolutions whose name starts so; a shared one counts once."""
    return sum(
        int(np.prod(shape))
        for name, shape in parameter_shapes(CONFIG).items()
        if name.startswith(parts) and len(shape) > 1
    )


def test_weights_are_those_of_the_checkpoint() -> None:
    cross = "decoder.layers.0.cross_attention"
    memory = weights_of(f"{cross}.key", f"{cross}.value")  # once a request
    assert floors.projection_weights(CONFIG) == weights_of("output.")
    assert floors.fusion_weights(CONFIG) == weights_of("fusion")
    assert floors.layer_weights(CONFIG) == weights_of("decoder.layers") - memory


def test_what_reads_a_context_is_folded() -> None:
    """Word tables are projected; keys and values read the gate's output, of twice the width."""
    cross = "decoder.layers.0.cross_attention"
    layers = weights_of("context_encoder.layers") + 2 * weights_of("response_encoder.layers")
    gate, context = weights_of("fusion.gate"), weights_of("response_encoder.projection") // 2
    keys_values = weights_of(f"{cross}.key", f"{cross}.value")
    expected = layers + context + gate + 2 * keys_values
    assert floors.context_weights(CONFIG) == expected
    separate = CONFIG.replace(shared_response_encoder=False)
    assert floors.context_weights(separate) == expected + context
    dim, more = CONFIG.hidden_dim, 9 * CONFIG.hidden_dim
    wide = CONFIG.replace(key_dim=CONFIG.key_dim + more)  # folding would cost more
    attentions, output = 3 * 4 * dim * more, weights_of("fusion.output")
    unfolded = output + 2 * dim * wide.key_dim - 2 * keys_values
    assert floors.context_weights(wide) == expected + attentions + unfolded


def test_the_file_is_named_after_the_machine(tmp_path: Path) -> None:
    row = summarise("greedy reply", "ours", 1, [0.001]).to_dict()
    whole = results.assemble([{"floors": None, "rows": [row]}], "1a2b", quick=True)
    assert results.path_of(whole).name.endswith("-quick.json")
    for cpu, start in (
        ("AMD EPYC 9R14", "amd-epyc-9r14-"),
        ("Intel(R) Xeon(R)", "intel-r-xeon-r-"),
    ):
        machine = whole["machine"] | {"cpu": cpu}
        assert results.path_of(whole | {"machine": machine}).stem.startswith(start)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole))
    assert results.read(path) == whole
    path.write_text('{"format": 0}')
    with pytest.raises(ValueError, match=r"is of format 0, this report reads 1; run"):
        results.read(path)
