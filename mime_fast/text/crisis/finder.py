"""Finds the most severe signal of a crisis in the speaker's turns, by the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from mime_fast.text.crisis.patterns import END, PatternSet, match, members, needed, parse, search
from mime_fast.text.crisis.spelling import expansions
from mime_fast.text.crisis.tables import sections, words
from mime_fast.text.crisis.turn import SpeakerTurn
from mime_fast.types import Crisis

# The latest turn of the speaker and those before it that are read.
TURNS = 3

_WORD = re.compile(r"[^\W_]+")

Sentence = list[str]  # with END before and behind


class Rule(NamedTuple):
    """A pattern, whose words it is tried on, and what it shows."""

    severity: int  # 0: the most severe category
    pattern: str
    other: bool  # compiled with the words for somebody else
    about: str

    @property
    def needed(self) -> tuple[frozenset[str], ...]:
        """Sets of words of each of which a match holds one."""
        return needed(self.pattern, self.other)


class Signal(NamedTuple):
    """What a rule has found."""

    severity: int
    about: str


CATEGORIES = (  # most severe first, by which a message with several signals is named
    "act_under_way",
    "intent_or_plan",
    "method",
    "suicidal_thoughts",
    "wish_to_be_dead",
    "harm_by_others",
    "harm_to_others",
)
FARTHEST_NEGATOR = 7  # words before a signal
IMAGINED_WITHIN = 3


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, most severe first; of one category those of the speaker first."""
    found, listed = [], sections("rules")
    for severity, category in enumerate(CATEGORIES):
        own = listed[category]
        found += [Rule(severity, line, False, "self") for line in own]
        found += [Rule(severity, line, True, "other") for line in own if _has_versions(line)]
        found += [
            Rule(severity, line, False, "other") for line in listed.get(f"{category} other", ())
        ]
    return tuple(found)


def _has_versions(pattern: str) -> bool:
    return parse(pattern, other=True) != parse(pattern)


@cache
def _rules_of_words() -> dict[str, list[int]]:
    """The numbers of the rules that each word may start."""
    index: dict[str, list[int]] = {}
    for number, rule in enumerate(rules()):
        for word in needed(rule.pattern, rule.other)[0]:
            index.setdefault(word, []).append(number)
    return index


@cache
def _idioms() -> PatternSet:
    return PatternSet(sections("exceptions")["idioms"])


@cache
def _triggers() -> frozenset[str]:
    """Words, as they are typed, without any of which a text needs no second look."""
    known = _rules_of_words().keys()
    written = expansions().items()
    return frozenset(known) | {word for word, text in written if not known.isdisjoint(text.split())}


def find_crisis(turns: Sequence[SpeakerTurn]) -> Crisis | None:
    """The signal of a crisis in what speaker_turns() returns.

    The latest turn decides. Where it has no signal, the two turns of the speaker before it are
    read, the later one first: "Yes, tonight." is no small talk after "I want to die".
    """
    for turn in turns[:TURNS]:
        if found := _find(turn):
            return Crisis(CATEGORIES[found.severity], found.about, turn.place)
    return None


def _find(turn: SpeakerTurn) -> Signal | None:
    """The most severe signal; one of the speaker before one of somebody else."""
    plain = turn.plain(_triggers())
    if _triggers().isdisjoint(match[0] for match in _WORD.finditer(plain)):
        return None
    found = [signal for sentence in turn.sentences(plain) for signal in _signals(sentence)]
    return min(found, key=lambda signal: (signal.about != "self", signal.severity), default=None)


def _signals(sentence: Sentence) -> Iterator[Signal]:
    """The first signal of each category and person."""
    present = set(sentence)
    index = _rules_of_words()
    numbers = sorted({number for word in present & index.keys() for number in index[word]})
    candidates = [rule for rule in map(rules().__getitem__, numbers) if _may_match(present, rule)]
    if not candidates:
        return
    sentence = _idioms().hide(sentence)
    found: set[Signal] = set()
    for rule in candidates:
        if Signal(rule.severity, rule.about) in found:
            continue
        for start, end in search(rule.pattern, sentence, rule.other):
            about = _about(rule, sentence, start, end)
            if about and not _is_taken_back(rule, sentence, start, end):
                found.add(Signal(rule.severity, about))
                yield Signal(rule.severity, about)
                break


def _may_match(present: set[str], rule: Rule) -> bool:
    return not any(map(present.isdisjoint, rule.needed))


def _about(rule: Rule, sentence: Sentence, start: int, end: int) -> str | None:
    """Whom a match is about; None: people in general, or the listener."""
    if rule.about == "other":
        return "other"
    if not _listed("first person").isdisjoint(sentence[start:end]):
        return "self"
    place = start - 1
    while place > start - 5 and sentence[place] in _listed("between"):
        place -= 1
    if sentence[place] == "is" and sentence[place - 1] in _listed("nobody"):
        return "self"
    if sentence[place] in _listed("others") | _people():
        return "other"
    return None if sentence[place] in _listed("general") else "self"


@cache
def _people() -> frozenset[str]:
    return frozenset(members("person", other=False)) - _listed("general")


def _is_taken_back(rule: Rule, sentence: Sentence, start: int, end: int) -> bool:
    if _is_denied(sentence, start) or _is_told(sentence, start, end):
        return True
    category = CATEGORIES[rule.severity]
    if category == "harm_by_others":
        return False  # what was done to somebody stays grave
    if category == "act_under_way" and not _listed("imagined").isdisjoint(
        sentence[max(0, start - IMAGINED_WITHIN) : start]
    ):
        return True
    if _holds("@remote", sentence):
        return not _holds("@still", sentence)
    was = _holds("@past", [END, *sentence[start:end], END])
    return was and not _holds("@recent", sentence)


def _is_denied(sentence: Sentence, start: int) -> bool:
    place = start - 1
    while place > start - FARTHEST_NEGATOR and sentence[place] in _listed("fillers"):
        place -= 1
    if sentence[place : place + 2] == ["no", "i"]:
        return False  # an answer: "No, I want to die"
    return sentence[place] in _listed("negators")


def _is_told(sentence: Sentence, start: int, end: int) -> bool:
    """Whether the words from start to end are those of a story, a song or a game."""
    listed = sections("exceptions")
    if any(match(parse(pattern), sentence, end) >= 0 for pattern in listed["fiction afterwards"]):
        return True
    before = [*sentence[:start], END]
    return any(search(pattern, before) for pattern in listed["fiction"])


def _listed(section: str) -> frozenset[str]:
    return words("exceptions", section)


def _holds(pattern: str, sentence: Sentence) -> bool:
    return bool(search(pattern, sentence))
