"""A system's name stands in its room, mime_fast/systems: elsewhere its facts are asked for."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import mime_fast
from mime_fast.systems import SYSTEMS

PACKAGE = Path(mime_fast.__file__).parent
ROOMS = ("systems",)
# Where such a string is no system's name.
OTHERS = Counter(
    {
        ("server/options.py", "mime"): 1,  # what requests call the model
        ("server/openai/chat.py", "mime"): 1,  # a field of OpenAI's interface that is ours
        ("text/subword_tokenizer.py", "mime_base"): 1,  # the kind of a tokeniser's file
    }
)


def named(source: str) -> Iterator[str]:
    """The names of systems among the strings of a module; a docstring is none."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in tuple(SYSTEMS):
            yield str(node.value)


def test_only_its_room_names_a_system() -> None:
    modules = {*PACKAGE.rglob("*.py"), *(PACKAGE / "kernels").glob("*.py")}
    assert len(modules) > 200
    places = ((path.relative_to(PACKAGE), path) for path in sorted(modules))
    found = Counter(
        (place.as_posix(), name)
        for place, path in places
        if place.parts[0] not in ROOMS
        for name in named(path.read_text(encoding="utf-8"))
    )
    assert found == OTHERS


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize(
    "source",
    [
        'if config.architecture == "{}":\n    pass',
        'serves = config.architecture in ("cem", "{}")',
        'match architecture:\n    case "{}":\n        pass',
        'LOSSES = {{"{}": None}}',
        "Form('{}', 'MIME')",
    ],
)
def test_a_name_is_found_in_whatever_form(name: str, source: str) -> None:
    assert list(named(source.format(name))) == [name]
