"""Three examples of the project's own, and files of replies to them."""

from __future__ import annotations

import pytest

from mime_fast.emotions import emotion_id
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.text.examples import Example


@pytest.fixture
def examples() -> list[Example]:
    return [
        Example(["I lost my dog yesterday."], "I am so sorry.", emotion_id("sad")),
        Example(["It is great!", "Oh?", "We have a dog."], "Great!", emotion_id("joyful")),
        Example(["They lost, again."], "Oh no, what happened?", emotion_id("angry")),
    ]


@pytest.fixture
def outputs() -> Outputs:
    return Outputs(
        system="tiny",
        replies={
            "greedy": ["i am sorry .", "that is great !", "i am sorry ."],
            "beam": ["oh no ! i am sorry .", "great !", "what happened ?"],
        },
        emotions=[["sad", "angry"], ["proud", "joyful"], ["angry", "sad"]],
        costs=[5.0, 2.25, 7.5],
        tokens=[5, 3, 6],
        seeds={0: ["i am sorry .", "great !"], 7: ["oh no !", "great !"]},
        facts={"config": {"hidden_dim": 24}},
    )
