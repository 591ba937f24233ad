"""An evaluation of the project's own: made-up dialogues of every emotion, three made-up systems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mime_fast.emotions import EMOTIONS
from mime_fast.evaluation.human.plan import Plan, draw_plan
from mime_fast.evaluation.human.votes import VoteStore
from mime_fast.evaluation.outputs.files import write_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import Example

THINGS = ("dog", "boat", "garden")
SYSTEMS = {  # name -> what it says, as a system writes it: lower-case words joined by blanks
    "plum-system": "oh no ! i am so sorry about your {} .",
    "kiwi-system": "that is great , is n't it ? :)",
    "fig-system": "",
}


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Three of each emotion."""
    return [
        Example([f"I feel {name}: my {thing} is new."], f"Tell me about your {thing}.", emotion)
        for emotion, name in enumerate(EMOTIONS)
        for thing in THINGS
    ]


@pytest.fixture(scope="session")
def outputs(examples: list[Example]) -> list[Outputs]:
    return [
        Outputs(
            system,
            {
                "greedy": [said.format(THINGS[i % 3]) for i in range(len(examples))],
                "beam": ["i see ."] * len(examples),
            },
        )
        for system, said in SYSTEMS.items()
    ]


@pytest.fixture
def plan(examples: list[Example], outputs: list[Outputs]) -> Plan:
    """32 contexts, 3 systems, 2 pairs."""
    return draw_plan(examples, outputs, contexts=32)


@pytest.fixture
def small_plan(plan: Plan) -> Plan:
    """Two contexts, a negative and a positive one, and the first two systems."""
    emotions = {name: EMOTIONS.index(name) for name in ("sad", "joyful")}
    contexts = [i for i in plan.contexts if plan.examples[i].emotion in emotions.values()]
    texts = {system: plan.texts[system] for system in list(plan.texts)[:2]}
    return Plan(
        examples=plan.examples,
        contexts=tuple(contexts),
        texts=texts,
        pairs=plan.pairs[:1],
        seed=plan.seed,
        identity=plan.identity,
    )


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[..., VoteStore]]:
    """Opens the same database as often as it is called."""
    stores: list[VoteStore] = []

    def call(plan: Plan, **options: object) -> VoteStore:
        stores.append(VoteStore(tmp_path / "votes.sqlite", plan, **options))  # type: ignore[arg-type]
        return stores[-1]

    yield call
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def files(
    tmp_path_factory: pytest.TempPathFactory, examples: list[Example], outputs: list[Outputs]
) -> Path:
    """A folder with examples.jsonl, and the outputs of each system."""
    folder = tmp_path_factory.mktemp("evaluation")
    records = [
        {"context": e.context, "target": e.target, "emotion": EMOTIONS[e.emotion]} for e in examples
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "examples.jsonl").write_text(lines, encoding="utf-8")
    for system in outputs:
        write_outputs(system, examples, folder / f"{system.system}.jsonl")
    return folder
