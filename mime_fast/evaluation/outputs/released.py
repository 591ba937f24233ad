"""The files of outputs that the authors of MIME and of MoEL released for the test examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mime_fast.emotions import EMOTIONS, emotion_id
from mime_fast.text.examples import Example
from mime_fast.text.tokenizer import plain_tokenizer

# How the lines of a record start (in one of MoEL's they are in another order), and what separates
# it from the next one.
MIME_LINES = ("emotion:", "Context:", "Topk:", "Beam:", "Greedy:", "Ref:")
MIME_SEPARATOR = "-" * 70
MOEL_LINES = ("Emotion:", "Context:", "trs:", "trs+multitask:", "MOE:", "MOE+oracle:", "ref:")
MIME_HEADER = 3  # lines: a comment, and names and values of their figures
DECODINGS = {"greedy": "Greedy:", "beam": "Beam:", "topk": "Topk:"}
# The file does not say how its replies were searched for. Double blanks in 4% of them are what an
# inner end of a reply leaves in that code's beam search.
UNSTATED = "unstated"
MOEL_SYSTEMS = {
    "released_trs": "trs:",
    "released_multi_tr": "trs+multitask:",
    "released_moel": "MOE:",
    "released_moel_oracle": "MOE+oracle:",
}

Records = list[dict[str, str]]  # start of the line -> the rest of it


def read_released(
    path: Path, lines: list[str], examples: Sequence[Example]
) -> list[dict[str, Any]]:
    """The fields of an Outputs for each system of a released file.

    Raises:
        ValueError: it is no such file, a line is missing or out of order, or its emotions and
            references are not those of the examples.
    """
    if lines[0].startswith("### COMMENT") and len(lines) > MIME_HEADER:
        return [_mime(path, lines, examples)]
    if lines[0].startswith("Emotion:"):
        return _moel(path, lines, examples)
    raise ValueError(
        f"{path}:1 starts with {lines[0]!r:.40}; expected an outputs file (mime-fast evaluate "
        "--save writes one), or the outputs that the authors of MIME or MoEL released"
    )


def _mime(path: Path, lines: list[str], examples: Sequence[Example]) -> dict[str, Any]:
    records = _records(path, lines[MIME_HEADER:], MIME_LINES, MIME_SEPARATOR, MIME_HEADER)
    names, values = (line.split("\t")[1:] for line in lines[1:MIME_HEADER])
    gold, predicted = [], []
    for index, record in enumerate(records):
        label, _, rest = record["emotion:"].partition("\t")
        gold.append(label)
        predicted.append(rest.rpartition("predicted_emotion:")[2].strip())
        if predicted[-1] not in EMOTIONS:
            line = MIME_HEADER + index * (len(MIME_LINES) + 1) + 1
            raise ValueError(f"{path}:{line} lacks a predicted_emotion; copy the file again")
    _check(path, gold, [record["Ref:"] for record in records], examples)
    return {
        "system": "released_mime",
        "replies": {name: _column(records, start) for name, start in DECODINGS.items()},
        "emotions": [[emotion] for emotion in predicted],
        "facts": {
            "source": "the outputs that the authors of MIME released",
            "header": dict(zip(names, values, strict=False)),
        },
    }


def _moel(path: Path, lines: list[str], examples: Sequence[Example]) -> list[dict[str, Any]]:
    records = _records(path, lines, MOEL_LINES, "", 0)
    gold = [record["Emotion:"].strip() for record in records]
    _check(path, gold, [record["ref:"] for record in records], examples)
    facts = {"source": "the outputs that the authors of MoEL released"}
    return [
        {"system": system, "replies": {UNSTATED: _column(records, start)}, "facts": facts}
        for system, start in MOEL_SYSTEMS.items()
    ]


def _records(
    path: Path, lines: list[str], starts: tuple[str, ...], separator: str, offset: int
) -> Records:
    """Cut lines into records, each with one line of every start; offset: lines before them."""
    size = len(starts)
    records = []
    for at in range(0, len(lines), size + 1):
        split = [line.partition(":") for line in lines[at : at + size]]
        record = {f"{name}:": rest for name, _, rest in split}
        if len(split) != size or record.keys() != set(starts):
            raise ValueError(
                f"{path}:{offset + at + 1}: a record here must have one line for each of "
                f"{' '.join(starts)}; one is missing or double, copy the file again"
            )
        if "".join(lines[at + size : at + size + 1]) not in {separator, ""}:
            raise ValueError(
                f"{path}:{offset + at + size + 1}: expected the end of a record, got "
                f"{lines[at + size]!r:.40}; a line is missing or double, copy the file again"
            )
        records.append(record)
    return records


def _column(records: Records, start: str) -> list[str]:
    return [" ".join(record[start].split()) for record in records]


def _check(
    path: Path, emotions: list[str], references: list[str], examples: Sequence[Example]
) -> None:
    """Emotions and references are those of the examples, in their order.

    Blanks are not compared: the authors' tokenisation leaves a few more words whole than ours.
    """
    if len(emotions) != len(examples):
        raise ValueError(
            f"{path} answers {len(emotions)} examples, --data has {len(examples)}; give the "
            "examples that it was made of"
        )
    tokenize = plain_tokenizer().tokenize
    for index, (emotion, reference, example) in enumerate(
        zip(emotions, references, examples, strict=True)
    ):
        same = "".join(reference.split()) == "".join(tokenize(example.target))
        if not same or emotion not in EMOTIONS or emotion_id(emotion) != example.emotion:
            raise ValueError(
                f"{path}: its record {index} (from 0) is of another example than that of --data: "
                f"{emotion}, {reference.strip()!r:.40}; give the examples in the file's order"
            )
