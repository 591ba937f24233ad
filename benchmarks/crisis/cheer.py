"""Cheerful replies to grave messages, and what avoid_cheer makes of them.

python -m benchmarks.crisis.cheer                    # the bundled checkpoint's default decoding
python -m benchmarks.crisis.cheer --replies          # and every cheerful reply
python -m benchmarks.crisis.cheer --data ed          # and to pleasant and unpleasant contexts
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mime_fast import Generator, Response
from mime_fast.emotions import POSITIVE
from mime_fast.read_message import Message
from mime_fast.text.examples import find_examples, load_examples
from mime_fast.text.grave.finder import is_cheerful

GRAVE = Path(__file__).with_name("grave.jsonl")
SEED = 1


def main() -> None:
    """Print a line for each kind of message."""
    parser = argparse.ArgumentParser(prog="benchmarks.crisis.cheer", description=__doc__)
    parser.add_argument("--checkpoint", help="default: the bundled one")
    parser.add_argument("--data", type=Path, help="a folder or a file of examples")
    parser.add_argument("--replies", action="store_true", help="list the cheerful replies")
    options = parser.parse_args()
    generator = Generator(options.checkpoint)
    messages = [json.loads(line)["text"] for line in GRAVE.read_text("utf-8").splitlines()]
    wrong = report(generator, "grave messages", messages)
    if options.data:
        examples = load_examples(find_examples(options.data))
        for title, wanted in (("pleasant contexts", True), ("unpleasant contexts", False)):
            found = [each.context for each in examples if (each.emotion in POSITIVE) is wanted]
            report(generator, title, found)
    for message, response in wrong if options.replies else ():
        print(f"  {message!r} -> {response.text!r}")


def report(
    generator: Generator, title: str, messages: Sequence[Message]
) -> list[tuple[Message, Response]]:
    """Print how many replies are cheerful, with avoid_cheer and without; return those with it."""
    shown: list[tuple[Message, Response]] = []
    counts = []
    for avoids in (False, True):
        responses = generator.respond_batch(messages, seed=SEED, avoid_cheer=avoids)
        pairs = zip(messages, responses, strict=True)
        shown = [pair for pair in pairs if pair[1].crisis is None and is_cheerful(pair[1].text)]
        counts.append(len(shown))
    fixed = sum(each.finish_reason == "careful" for each in responses)
    print(
        f"{title}: {counts[1]} of {len(messages)} replies are cheerful, without avoid_cheer "
        f"{counts[0]}; {fixed} are fixed ones"
    )
    return shown


if __name__ == "__main__":
    main()
