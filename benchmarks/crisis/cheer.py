"""Cheerful replies to grave messages, careless ones to deaths, and what avoid_cheer makes of them.

python -m benchmarks.crisis.cheer                    # the bundled checkpoint's default decoding
python -m benchmarks.crisis.cheer --replies          # and every cheerful reply to a grave message
python -m benchmarks.crisis.cheer --data ed          # and to pleasant and unpleasant contexts
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mime_fast import Generator, Response
from mime_fast.emotions import EMOTIONS, POSITIVE
from mime_fast.read_message import Message
from mime_fast.request import MOSTLY_POSITIVE
from mime_fast.text.crisis import speaker_turns
from mime_fast.text.examples import find_examples, load_examples
from mime_fast.text.grave.finder import Gravity, find_gravity, is_cheerful, suits
from mime_fast.text.message import check_turns

FOLDER = Path(__file__).parent
SEED = 1


class Listed(NamedTuple):
    """A line of a file of messages; harmless ones have the kind of that name."""

    kind: str
    text: str


def main() -> None:
    """Print a line for each group of messages."""
    parser = argparse.ArgumentParser(prog="benchmarks.crisis.cheer", description=__doc__)
    parser.add_argument("--checkpoint", help="default: the bundled one")
    parser.add_argument("--data", type=Path, help="a folder or a file of examples")
    parser.add_argument("--replies", action="store_true", help="list the cheerful replies")
    parser.add_argument("--most", type=int, help="messages of a group; default: all")
    options = parser.parse_args()
    generator = Generator(options.checkpoint)
    held_out = read("grave_heldout.jsonl")
    harmless = [each.text for each in held_out if each.kind == "harmless"]
    for title, listed in (
        ("grave messages", read("grave.jsonl")),
        ("held-out grave messages", [each for each in held_out if each.kind != "harmless"]),
    ):
        kinds = {each.text: each.kind for each in listed}
        wrong = report(generator, title, list(kinds)[: options.most])
        for message, response in wrong if options.replies else ():
            print(f"  {kinds[str(message)]}: {message!r} -> {response.text!r}")
    report(generator, "held-out harmless messages", harmless[: options.most])
    if options.data:
        examples = load_examples(find_examples(options.data))
        for title, wanted in (("pleasant contexts", True), ("unpleasant contexts", False)):
            found = [each.context for each in examples if (each.emotion in POSITIVE) is wanted]
            report(generator, title, found[: options.most])


def read(name: str) -> list[Listed]:
    """The messages of a file beside this one."""
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return [Listed(**json.loads(line)) for line in lines]


def report(
    generator: Generator, title: str, messages: Sequence[Message]
) -> list[tuple[Message, Response]]:
    """Print what replies are, with avoid_cheer and without; return the cheerful ones with it."""
    generated = generator.respond_batch(messages, seed=SEED, avoid_cheer=False)
    chosen = generator.respond_batch(messages, seed=SEED, avoid_cheer=True)
    careful = sum(map(is_careful, messages, generated))
    shown = [pair for pair in zip(messages, chosen, strict=True) if is_wrong(pair[1])]
    fixed = sum(each.finish_reason == "careful" for each in chosen)
    deaths = [gravity_of(each) is Gravity.DEATH for each in messages]
    careless = [
        sum(death and is_careless(each) for death, each in zip(deaths, found, strict=True))
        for found in (chosen, generated)
    ]
    print(
        f"{title}: {len(shown)} of {len(messages)} replies are cheerful, without avoid_cheer "
        f"{sum(map(is_wrong, generated))}; {careless[0]} of {sum(deaths)} replies to deaths are "
        f"careless, without it {careless[1]}; {fixed} are fixed ones; {careful} messages may get "
        "no cheerful reply",
        flush=True,
    )
    return shown


def gravity_of(message: Message) -> Gravity:
    """How grave a message is."""
    return find_gravity(speaker_turns(check_turns(message)))


def is_careless(response: Response) -> bool:
    """Whether a reply to a death is careless, or cheerful."""
    return response.crisis is None and not suits(response.text, Gravity.DEATH)


def is_wrong(response: Response) -> bool:
    """Whether a reply that was generated is cheerful."""
    return response.crisis is None and is_cheerful(response.text)


def is_careful(message: Message, response: Response) -> bool:
    """Whether avoid_cheer allows no cheerful reply."""
    positive = sum(response.emotions[EMOTIONS[each]] for each in POSITIVE)
    found = response.crisis is not None or gravity_of(message) is not Gravity.NONE
    return found or positive < MOSTLY_POSITIVE


if __name__ == "__main__":
    main()
