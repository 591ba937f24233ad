"""The small language of the rules, and its matcher.

A pattern is a list of elements, separated by blanks, that match words in a row:

    word   this word            @name  a member of a class (words.txt)     a|@name|b  one of these
    ~3     up to three words    $name  as @name, of the speaker or of somebody else
    <      a sentence starts    >      the sentence ends

`?` after an element makes it optional, `*` allows up to three in a row. A gap holds no negation.
Every repetition is bounded, so that the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache, cached_property

from mime_fast.text.crisis.tables import pairs, sections

END = "."  # stands before the first word of a sentence and behind the last
_NOT_IN_GAPS = frozenset((END, "not", "never", "no"))


@cache
def _costs() -> dict[str, float]:
    """How often a frequent word occurs, roughly: as Zipf's law has it."""
    listed = " ".join(sections("frequent")["words"]).split()
    return {word: 1 + 1000 / rank for rank, word in enumerate(listed, 1)}


@dataclass(frozen=True)
class Element:
    """Phrases of which one matches, or a gap of so many words at most."""

    phrases: tuple[str, ...]
    least: int = 1  # times in a row
    most: int = 1
    gap: int = 0
    starts: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)  # by first word

    def __post_init__(self) -> None:
        for phrase in self.phrases:
            words = tuple(phrase.split())
            self.starts[words[0]] = (*self.starts.get(words[0], ()), words)

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of which a text that the element matches holds one; empty: it need not hold any."""
        if self.least == 0 or self.gap or not {"<", ">"}.isdisjoint(self.phrases):
            return frozenset()
        return frozenset(map(_rarest, self.phrases))

    @cached_property
    def cost(self) -> float:
        """How often one of its words occurs, roughly."""
        return sum(_costs().get(word, 0.3) for word in self.words)


def _rarest(phrase: str) -> str:
    return min(phrase.split(), key=lambda word: (_costs().get(word, 0), -len(word)))


@cache
def members(name: str, other: bool) -> tuple[str, ...]:
    """The phrases of a class; those of `$` classes are the speaker's, or somebody else's."""
    versions = pairs("words", "other" if other else "self")
    listed = versions.get(name) or pairs("words", "both")[name]
    phrases = [" ".join(phrase.split()) for phrase in listed.split(",")]
    return tuple(whole for phrase in phrases for whole in _filled(phrase, other))


def _filled(phrase: str, other: bool) -> list[str]:
    """A phrase for each way to fill the classes that it names."""
    named = re.search(r"[@$](\w+)", phrase)
    if named is None:
        return [phrase]
    head, tail = phrase[: named.start()], phrase[named.end() :]
    fillings = members(named[1], other)
    return [whole for word in fillings for whole in _filled(head + word + tail, other)]


@cache
def parse(pattern: str, other: bool = False) -> tuple[Element, ...]:
    """The elements of a pattern; KeyError names an unknown class."""
    return tuple(_element(item, other and "$" in _whole(item)) for item in pattern.split())


def _whole(item: str) -> str:
    """An item with the classes that it names, one level deep: whether it has two versions."""
    return item + "".join(
        pairs("words", "both").get(name, "$") for name in re.findall(r"@(\w+)", item)
    )


@cache
def _element(item: str, other: bool) -> Element:
    if item[0] == "~":
        return Element((), gap=int(item[1:]))
    suffix = item[-1] if item[-1] in "?*" else ""
    phrases = [
        phrase
        for choice in item.removesuffix(suffix).split("|")
        for phrase in (members(choice[1:], other) if choice[0] in "@$" else (choice,))
    ]
    least, most = {"": (1, 1), "?": (0, 1), "*": (0, 3)}[suffix]
    return Element(tuple(dict.fromkeys(phrases)), least, most)


@cache
def needed(pattern: str, other: bool = False) -> tuple[frozenset[str], ...]:
    """Sets of words of each of which a text must hold one for the pattern to match.

    The first has the least frequent words; ValueError if there is none.
    """
    found = [element for element in parse(pattern, other) if element.words]
    if not found:
        raise ValueError(f"the pattern {pattern!r} needs an element that is not optional")
    return tuple(element.words for element in sorted(found, key=lambda element: element.cost))


def match(elements: Sequence[Element], words: Sequence[str], at: int, number: int = 0) -> int:
    """Match the elements from `number` on, beginning at word `at`.

    Returns the place where the match ends; -1: there is none.

    words: a sentence with END before and behind it.
    """
    if number == len(elements):
        return at
    element = elements[number]
    if element.gap:
        return _match_gap(elements, words, at, number)
    word = words[at] if at < len(words) else END
    for phrase in element.starts.get(word, ()):
        behind = at + len(phrase)
        if len(phrase) == 1 or tuple(words[at:behind]) == phrase:
            end = _match_again(elements, words, behind, number)
            if end >= 0:
                return end
    if element.least == 0:
        return match(elements, words, at, number + 1)
    starts = "<" in element.starts and words[at - 1] == END
    ends = ">" in element.starts and word == END
    return match(elements, words, at, number + 1) if starts or ends else -1


def _match_again(elements: Sequence[Element], words: Sequence[str], at: int, number: int) -> int:
    """Goes on behind one phrase of an element, which may have up to two more."""
    element = elements[number]
    for _ in range(element.most - 1):
        if words[at] not in element.starts:
            break
        single = (words[at],) in element.starts[words[at]]
        if not single:
            break
        end = match(elements, words, at, number + 1)
        if end >= 0:
            return end
        at += 1
    return match(elements, words, at, number + 1)


def _match_gap(elements: Sequence[Element], words: Sequence[str], at: int, number: int) -> int:
    for place in range(at, at + elements[number].gap + 1):
        end = match(elements, words, place, number + 1)
        if end >= 0 or words[place] in _NOT_IN_GAPS:
            return end
    return -1


def search(pattern: str, words: Sequence[str], other: bool = False) -> list[tuple[int, int]]:
    """Start and end of the match at each word of a sentence where there is one."""
    elements = parse(pattern, other)
    first = elements[0]
    fixed = first.least and not first.gap and not {"<", ">"} & first.starts.keys()
    found = []
    for at in range(1, len(words) - 1):
        if not fixed or words[at] in first.starts:
            end = match(elements, words, at)
            if end >= 0:
                found.append((at, end))
    return found


class PatternSet:
    """Patterns, by words of which a sentence must hold one."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._of_word: dict[str, list[str]] = {}
        for pattern in patterns:
            for word in needed(pattern)[0]:
                self._of_word.setdefault(word, []).append(pattern)

    def candidates(self, present: AbstractSet[str]) -> list[str]:
        """The patterns whose words a sentence with the words `present` holds, in order."""
        named = {each for word in present & self._of_word.keys() for each in self._of_word[word]}
        return [each for each in sorted(named) if not any(map(present.isdisjoint, needed(each)))]

    def matches(self, words: Sequence[str]) -> bool:
        """Whether any pattern matches in a sentence."""
        return any(search(pattern, words) for pattern in self.candidates(set(words)))

    def hide(self, words: Sequence[str]) -> list[str]:
        """The sentence with "_" for each word of a match; one pattern after the other."""
        hidden = list(words)
        for pattern in self.candidates(set(words)):
            for start, end in search(pattern, hidden):
                hidden[start:end] = ["_"] * (end - start)
        return hidden
