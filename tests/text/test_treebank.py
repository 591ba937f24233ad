"""The word rules against a slow twin in plain `re`, and against the authors' published tokens."""

import ast
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text import Tokenizer

CONTRACTIONS = """
    it's=it is,don't=do not,doesn't=does not,didn't=did not,you'd=you would,you're=you are,
    you'll=you will,i'm=i am,they're=they are,that's=that is,what's=what is,couldn't=could not,
    i've=i have,we've=we have,can't=cannot,i'd=i would,aren't=are not,isn't=is not,wasn't=was not,
    weren't=were not,won't=will not,there's=there is,there're=there are
"""

# NLTK 3.4.5's TreebankWordTokenizer, in its order, without the rules for characters that are
# deleted or rewritten before (double quotes, backquotes).
TREEBANK = (
    (r"(')(?!re|ve|ll|m|t|s|d)(\w)\b", r"\1 \2"),
    (r"([^.])(\.)([\])}>']*)\s*$", r"\1 \2 \3 "),
    (r"([:,])([^\d])", r" \1 \2"),
    (r"([:,])$", r" \1 "),
    (r"\.\.\.", " ... "),
    (r"[;@#$%&]", r" \g<0> "),
    (r"([^.])(\.)([\])}>']*)\s*$", r"\1 \2\3 "),
    (r"[?!]", r" \g<0> "),
    (r"([^'])' ", r"\1 ' "),
    (r"[\]\[(){}<>]", r" \g<0> "),
    (r"--", " -- "),
    (r"\A(.*)\Z", r" \1 "),
    (r"([^' ])('s|'m|'d|') ", r"\1 \2 "),
    (r"([^' ])('ll|'re|'ve|n't) ", r"\1 \2 "),
    (r"\b(can)(not)\b", r" \1 \2 "),
    (r"\b(d)('ye)\b", r" \1 \2 "),
    (r"\b(gim|lem)(me)\b", r" \1 \2 "),
    (r"\b(gon)(na)\b", r" \1 \2 "),
    (r"\b(got)(ta)\b", r" \1 \2 "),
    (r"\b(wan)(na)\s", r" \1 \2 "),
    (r" ('t)(is|was)\b", r" \1 \2 "),
)
SENTENCE_END = re.compile(r"(?<=[^.\s])\.(?=[?!;:@*(\[{])|(?<=[^.\s])\.[\])}>']*(?=\s)|[?!](?=\s)")
INNER_PERIOD = re.compile(
    r"(?:(?:^|[\s.(])[^\W\d_]|(?:^|\s)\d{1,4}|\b(?:capt|corp|dr|gov|inc|jr|lt|ltd|mr|mrs|ms|ok"
    r"|prof|sen|sgt|sr|st|va|vs))\.$"
)


def slow_words(text: str) -> list[str]:
    text = text.replace('"', "").lower()
    for pair in CONTRACTIONS.split(","):
        contraction, _, words = pair.strip().partition("=")
        text = text.replace(contraction, words)
    return [word for sentence in sentences(text) for word in treebank_words(sentence)]


def sentences(text: str) -> list[str]:
    start, found = 0, []
    for match in SENTENCE_END.finditer(text):
        if not INNER_PERIOD.search(text[: match.start() + 1]):
            found.append(text[start : match.end()])
            start = match.end()
    return [*found, text[start:]]


def treebank_words(sentence: str) -> list[str]:
    for pattern, replacement in TREEBANK:
        sentence = re.sub(pattern, replacement, sentence)
    return sentence.split()


PREFIXES = ["", "", "(", "$", "[", '"']
WORDS = [
    *("i", "you", "a", "5", "10", "2018", "10,000", "12:30", "hi-fi", "and/or", "'quoted", "u.s."),
    *("don't", "can't", "won't", "isn't", "I'm", "haven't", "ain't", "tom's", "she'll", "it'd"),
    *("wanna", "gonna", "gotta", "gimme", "lemme", "cannot", "'tis", "d'ye", "'n", "mr.", "ok."),
    *("well..", "Café", "naïve", "cannothing", "gottan", "lol", "i'v", "parents'"),
]
SUFFIXES = [
    *("", "", ".", "!", "?", ",", ";", ":", "...", "....", "%", ")", "!!", "?!", ".)", ".!"),
    *('."', " -", " --", "--", " :)", " ;-)", " '"),
]
NEAR_TEXT = st.lists(
    st.builds(
        "".join,
        st.tuples(st.sampled_from(PREFIXES), st.sampled_from(WORDS), st.sampled_from(SUFFIXES)),
    ),
    max_size=7,
).map(" ".join)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_words(())


@given(text=NEAR_TEXT)
def test_words_are_those_of_the_slow_twin(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.tokenize(text) == slow_words(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't. He won't!", "i can not . he will not !"),
        ("You'd say they're late; we're not", "you would say they are late ; we 're not"),
        ("My parents' house isn't Tom's.", "my parents ' house is not tom 's ."),
        ("Gonna go, wanna come? Gotta run", "gon na go , wan na come ? got ta run"),
        ("It cost $1,200.50 (20% off)...", "it cost $ 1,200.50 ( 20 % off ) ..."),
        ("Dr. Lee of the U.S. said so.", "dr. lee of the u.s. said so ."),
        ("I'm 32. You?", "i am 32. you ?"),
        ('She said "well--maybe".', "she said well -- maybe ."),
        ("Wait.... what?!", "wait ... . what ? !"),
        ("We haven't.\nThey\thaven't!", "we have n't . they have n't !"),
        ("It is 12:30: go :)", "it is 12:30 : go : )"),
        ("", ""),
        (" \t\n ", ""),
    ],
)
def test_words(tokenizer: Tokenizer, text: str, words: str) -> None:
    assert tokenizer.tokenize(text) == words.split()


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("I\u2019m sure it\u2019s Tom\u2019s", "I'm sure it's Tom's"),
        ("don`t, don\u00b4t", "don't, don't"),
        ("\u201cwell\u201d ''maybe''", '"well" "maybe"'),
        ("so\u2026 yes\u2014no", "so... yes--no"),
        ("he\x00llo\x07 the\u200bre\ufeff", "hello there"),
        ("one\ttwo\r\nthree\u00a0four", "one two three four"),
        ("great\U0001f600\U0001f600!", "great \U0001f600 \U0001f600 !"),
        ("ok\u2764\ufe0fthen", "ok \u2764 then"),
    ],
)
def test_what_people_type_counts_as_its_plain_form(
    tokenizer: Tokenizer, typed: str, plain: str
) -> None:
    assert tokenizer.tokenize(typed) == tokenizer.tokenize(plain)


def published() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(raw text, authors' words) of all context utterances and of all references."""
    beside = Path(__file__).parents[3] / "shared/data/ed"
    folder = Path(os.environ.get("MIME_FAST_ED", beside))
    raw, tokens = folder / "test_examples.jsonl", folder.parent / "released_outputs/mime.txt"
    for path in (raw, tokens):
        if not path.is_file():
            pytest.skip(f"no {path}: set MIME_FAST_ED to the folder of EmpatheticDialogues")
    examples = [json.loads(line) for line in raw.read_text(encoding="utf-8").splitlines()]
    lines = tokens.read_text(encoding="utf-8").splitlines()
    contexts = [ast.literal_eval(line[8:]) for line in lines if line.startswith("Context:")]
    targets = [line[4:] for line in lines if line.startswith("Ref:")]
    utterances = [
        pair
        for example, context in zip(examples, contexts, strict=True)
        for pair in zip(example["context"], context, strict=True)
    ]
    references = [(e["target"], words) for e, words in zip(examples, targets, strict=True)]
    return utterances, references


def test_words_are_those_the_authors_published(tokenizer: Tokenizer) -> None:
    for pairs in published():
        same = sum(tokenizer.tokenize(text) == words.split() for text, words in pairs)
        assert same >= 0.9995 * len(pairs), f"{same} of {len(pairs)} agree"
