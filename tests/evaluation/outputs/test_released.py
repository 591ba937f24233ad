from __future__ import annotations

from pathlib import Path

import pytest

from mime_fast.evaluation.outputs.files import read_outputs
from mime_fast.text.examples import Example

MIME = """\
### COMMENT: score > 0 is positive ###
EVAL\tLoss\tPPL
test\t3.6\t37.5
emotion:sad\tvader-score: 0.1\tpredicted_emotion: terrified
Context:['i lost my dog yesterday .']
Topk:oh no !
Beam: i am sorry .  what happened ?
Greedy:i am sorry .
Ref:i am so sorry .
----------------------------------------------------------------------
emotion:joyful\tvader-score: 0.1\tpredicted_emotion: proud
Context:['it is great !', 'oh ?', 'we have a dog .']
Topk:great
Beam: great !
Greedy:great .
Ref:great !
----------------------------------------------------------------------
emotion:angry\tvader-score: 0.1\tpredicted_emotion: sad
Context:['they lost , again .']
Topk:what ?
Beam: oh no !
Greedy:oh !
Ref:oh no , what happened ?
----------------------------------------------------------------------
"""
RECORD = """\
Emotion: {}
Context: ['a']
trs: a{number} .
trs+multitask: b .
MOE: c
{}
{}

"""
ORACLE = "MOE+oracle: d .  !"
MOEL = (
    RECORD.format("sad", ORACLE, "ref: i am so sorry .", number=0)
    + RECORD.format("joyful", "ref: great !", ORACLE, number=1)  # the order is not always one
    + RECORD.format("angry", ORACLE, "ref: oh no, what happened ?", number=2)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "released.txt"


def test_three_decodings_of_mime(file: Path, examples: list[Example]) -> None:
    file.write_text(MIME)
    (mime,) = read_outputs(file, examples)
    assert mime.system == "released_mime"
    assert mime.replies["greedy"] == ["i am sorry .", "great .", "oh !"]
    assert mime.replies["beam"][0] == "i am sorry . what happened ?"
    assert mime.replies["topk"] == ["oh no !", "great", "what ?"]
    assert mime.emotions == [["terrified"], ["proud"], ["sad"]]
    assert (mime.costs, mime.tokens, mime.seeds) == (None, None, None)
    assert mime.facts["header"] == {"Loss": "3.6", "PPL": "37.5"}


def test_four_systems_are_in_the_file_of_moel(file: Path, examples: list[Example]) -> None:
    file.write_text(MOEL)
    systems = read_outputs(file, examples)
    assert [(found.system, found.replies["unstated"][1]) for found in systems] == [
        ("released_trs", "a1 ."),
        ("released_multi_tr", "b ."),
        ("released_moel", "c"),
        ("released_moel_oracle", "d . !"),
    ]
    assert systems[0].emotions is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MIME.replace("Greedy:great .\n", ""), r":11: a record here must have one line for each"),
        (MIME.replace("Topk:great\n", "Beam: b\n"), r":11: a record here must have one line"),
        (MIME.replace("-----\nemotion:joy", "-----\n\nemotion:joy"), r":11: a record here must"),
        (MIME.replace("Ref:great !\n", "Ref:great !\nmore\n"), r":17: expected the end .*'more'"),
        (MIME.replace(": proud", ": bored"), r":11 lacks a predicted_emotion"),
        (MIME.replace(":joyful", ":sad"), r"record 1 \(from 0\) is of another example"),
        (MIME.replace("Ref:great !", "Ref:fine !"), r"record 1 .*joyful, 'fine !'"),
        ("\n".join(MIME.split("\n")[:-15]), r"answers 1 examples, --data has 3"),
        ("\n".join(MIME.split("\n")[:-4]), r":18: a record here must have"),
        ("\n".join(MIME.split("\n")[:2]), r":1 starts with '### COMMENT"),
        (MOEL.replace("trs: a2 .\n", ""), r":17: a record here must have one line"),
        (MOEL.replace("MOE: c\n", "MOE: c\nMOE: d\n", 1), r":1: a record here must have one line"),
        (MOEL.replace("Emotion: angry", "Emotion: bored"), r"record 2 .* bored"),
    ],
)
def test_a_file_that_was_tampered_with_is_named(
    file: Path, examples: list[Example], text: str, message: str
) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match=r"released\.txt.*" + message):
        read_outputs(file, examples)


def test_blanks_of_a_reference_do_not_count(file: Path, examples: list[Example]) -> None:
    file.write_text(MIME.replace("Ref:i am so sorry .", "Ref:i am so sorry."))
    assert len(read_outputs(file, examples)) == 1
