"""The rooms of csrc: which room includes which, and what stays in one of them."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from mime_fast.systems import SYSTEMS

CSRC = Path(__file__).resolve().parents[2] / "csrc"

# From the lowest to the highest, as CMakeLists.txt lists them: a room uses those before it.
ROOMS = (
    "include",
    "runtime",
    "io",
    "cpu",
    "sampling",
    "search",
    "layers",
    "vocabulary",
    "models",
    "engine",
    "service",
    "text",
    "library",
    "bindings",
)

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the sources are not here")


def sources() -> list[Path]:
    return [path for path in sorted(CSRC.rglob("*")) if path.suffix in {".h", ".cc", ".cu"}]


def room_of(path: Path) -> str:
    return path.relative_to(CSRC).parts[0]


def test_every_source_is_in_a_room() -> None:
    assert {room_of(path) for path in sources()} == set(ROOMS)


def headers_of(path: Path) -> list[str]:
    """Those of csrc that a source includes."""
    found = re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8"))
    return [header for header in found if not header.startswith("mime_fast/")]


def test_no_room_includes_a_higher_one() -> None:
    upwards = [
        f"{path.relative_to(CSRC)} includes {header}"
        for path in sources()
        for header in headers_of(path)
        if ROOMS.index(header.split("/")[0]) > ROOMS.index(room_of(path))
    ]
    assert upwards == []


def test_no_headers_include_each_other() -> None:
    headers = {path.relative_to(CSRC).as_posix(): headers_of(path) for path in sources()}
    order = TopologicalSorter(headers)
    order.prepare()  # CycleError names those that include each other


def test_only_the_bindings_include_python() -> None:
    found = {
        room_of(path)
        for path in sources()
        if re.search(r"#include <(pybind11/|Python\.h)", path.read_text(encoding="utf-8"))
    }
    assert found == {"bindings"}


def files_with(text: str) -> list[str]:
    found = [path for path in sources() if text in path.read_text(encoding="utf-8")]
    return [path.relative_to(CSRC).as_posix() for path in found]


@pytest.mark.parametrize("architecture", SYSTEMS)
def test_only_a_system_names_itself(architecture: str) -> None:
    """What differs between systems is a virtual function or an option, not a comparison."""
    found = files_with(f'"{architecture}"')
    # A tokenizer's file says its kind.
    assert [path for path in found if not path.startswith("text/")] == [f"models/{architecture}.h"]


def test_only_the_table_of_systems_reads_their_names() -> None:
    named = {f"models/{architecture}.h" for architecture in SYSTEMS}
    assert set(files_with("kArchitecture")) == named | {
        "models/model_config.h",
        "models/systems.cc",
    }
