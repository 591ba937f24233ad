"""Every kernel compiles for the GPUs it is for, spills nothing, and rounds no float32 product."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def compiled() -> list[dict[str, object]]:
    """From a process of its own: in this one, kernels are interpreted."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "mime_fast.kernels.report", "--json"]
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_kernel_is_compiled_for_every_target(compiled: list[dict[str, object]]) -> None:
    both = {"embed", "layer_norm", "linear", "attention", "emotions", "project"}
    small, base = both | {"fusion", "decode_step"}, both | {"begin_step", "attend_rows"}
    of_type = {
        "sm_80": {"float32": small, "float16": small, "int8": base},
        "sm_90": {"float32": small, "bfloat16": small | base, "int8": base},
    }
    for target, types in of_type.items():
        for weights, names in types.items():
            kind = {"target": target, "weights": weights}
            found = {each["name"] for each in compiled if kind.items() <= each.items()}
            assert found == names


def test_nothing_is_spilled(compiled: list[dict[str, object]]) -> None:
    assert not [each for each in compiled if each["spilled"]]


def test_weights_are_loaded_eight_bytes_at_a_time(compiled: list[dict[str, object]]) -> None:
    """Or more: 4 or 2 bytes a load would be a fraction of the bandwidth."""
    loads = [each for each in compiled if each["loads"]]
    assert {each["name"] for each in loads} == {
        "linear", "emotions", "fusion", "decode_step", "project"
    }  # fmt: skip
    assert not [each for each in loads if int(str(each["load_bytes"])) < 8]


# Instructions, each counted once: of 16 columns at a time, with a sum over all warps, decode_step
# had 397 and 72. The emotions were a program a request, with 80 and 8 for all their products.
MOST = {"emotions": (40, 10), "decode_step": (170, 52)}


@pytest.mark.parametrize("name", MOST)
def test_sums_stay_within_a_warp(compiled: list[dict[str, object]], name: str) -> None:
    found = [each for each in compiled if each["name"] == name]
    assert found
    for each in found:
        assert int(str(each["shuffles"])) <= MOST[name][0]
        assert int(str(each["barriers"])) <= MOST[name][1]


def test_no_product_is_rounded_to_tf32(compiled: list[dict[str, object]]) -> None:
    assert not [each for each in compiled if each["tf32"]]


def test_every_program_fits_into_shared_memory(compiled: list[dict[str, object]]) -> None:
    limits = {"sm_80": 163 * 1024, "sm_90": 227 * 1024}
    assert all(int(str(each["shared"])) <= limits[str(each["target"])] for each in compiled)
