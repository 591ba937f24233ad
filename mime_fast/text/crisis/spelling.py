"""Words as people type them: contractions, slang, misspellings, hidden letters."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain

from tokenizers import normalizers

from mime_fast.text.characters import plain_characters
from mime_fast.text.crisis.tables import pairs, words
from mime_fast.text.parts import parts_of
from mime_fast.text.surrogates import drop_surrogates

# Letters of other scripts that look like Latin ones.
CONFUSABLE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0501\u04bb\u043a\u043c\u0442"
    "\u03b1\u03b5\u03bf\u03c1\u03b9\u03ba\u03bd\u0131\u0261\u1d0b\u029f\u026a",
    "aeopcyxisdhkmtaeopikvigkli",
)
LEET = str.maketrans("013457!|@$+", "oieastilast")


@cache
def expansions() -> dict[str, str]:
    """What is written for a word; one letter wrong in a distinct word included."""
    distinct = words("spelling", "distinct")
    near = {wrong: word for word in sorted(distinct) for wrong in _one_edit(word)}
    for real in words("spelling", "not misspelt") | distinct:
        near.pop(real, None)
    listed = (pairs("spelling", name) for name in ("misspelt", "slang", "contractions"))
    return near | dict(chain.from_iterable(map(dict.items, listed)))


def _one_edit(word: str) -> Iterable[str]:
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in string.ascii_lowercase:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]


_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ ._*~-]{1,2}[a-z0-9!@$](?![^\W_])){2,}")
_HIDING = re.compile(r"[a-z0-9][!@$*|+#._-]+[a-z0-9]|[a-z][0-9]|[0-9@$][a-z]")
_TRIPLE = re.compile(r"([a-z])\1{2,}")
LONGEST_HIDDEN = 40  # characters between white space; longer ones are no word

# Whether `reveal` may have work to do: what most texts pay for.
SUSPICIOUS = re.compile(
    r"[a-z0-9][!@$*|+#._][a-z0-9]|[a-z][0-9]|[0-9@$][a-z]|[a-z]-[a-z]|([a-z])\1\1"
    r"|(?<![a-z'])[a-z][ ._*~-]{1,2}[a-z0-9](?![a-z'])"
)


def reveal(text: str, known: frozenset[str]) -> str:
    """Write hidden words out, where what appears is a known word: k!ll, s u i c i d e, su*cide."""

    def joined(match: re.Match[str]) -> str:
        letters = re.sub(r"[ ._*~-]", "", match[0]).translate(LEET)
        return f" {_split(letters, known) or match[0]} "

    def shown(match: re.Match[str]) -> str:
        chunk = match[0].rstrip(".,!?")
        if len(chunk) > LONGEST_HIDDEN:
            return match[0]
        if _HIDING.search(chunk):
            chunk = _unhide(chunk, known) or chunk
        if _TRIPLE.search(chunk):
            chunk = re.sub(r"[a-z]+", lambda word: _squeeze(word[0], known), chunk)
        return chunk + match[0][len(match[0].rstrip(".,!?")) :]

    return re.sub(r"\S+", shown, _SPACED.sub(joined, text))


def _squeeze(word: str, known: frozenset[str]) -> str:
    """A known word that has some of its letters repeated."""
    shorter = (_TRIPLE.sub(r"\1" * count, word) for count in (2, 1))
    return next((each for each in shorter if each in known), word)


def _unhide(chunk: str, known: frozenset[str]) -> str | None:
    """The known words that a chunk hides, None if it hides none."""
    if "*" in chunk or "#" in chunk:
        literals = map(re.escape, re.split(r"[*#]+", chunk))
        pattern = re.compile(".{1,4}".join(literals))
        matching = [
            word for word in sorted(words("spelling", "censored")) if pattern.fullmatch(word)
        ]
        if matching:
            return matching[0]
    plain = chunk.translate(LEET)
    letters = re.sub(r"[^a-z]", "", plain)
    if letters != chunk and letters in known:
        return letters
    parts = re.split(r"[._-]+", plain)
    return " ".join(parts) if len(parts) > 1 and all(map(str.isalpha, parts)) else None


def _split(letters: str, known: frozenset[str]) -> str | None:
    """Blanks between the known words that letters consist of; the longest word first."""
    if not letters.isalpha() or len(letters) > LONGEST_SPACED:
        return None
    ends: dict[int, str] = {0: ""}  # how the letters before a place are split
    for place in range(len(letters)):
        for end in range(place + 1, min(len(letters), place + 12) + 1) if place in ends else ():
            word = letters[place:end]
            if word in known or word in words("spelling", "linking"):
                split = f"{ends[place]} {word}"
                if end not in ends or len(split) < len(ends[end]):
                    ends[end] = split
    return ends.get(len(letters))


LONGEST_SPACED = 80
LONGEST_SENTENCE, OVERLAP = 80, 25  # words; the longest pattern has about 25
_NORMALIZER = normalizers.Sequence(plain_characters())  # as the tokeniser's
_WHITE = str.maketrans("\t\r\v\f", "    ")


def fold(text: str) -> str:
    """Lower case, plain quotes, nothing invisible, no accents."""
    if not (text.isascii() and text.isprintable()):
        parts = parts_of(drop_surrogates(text))
        text = "".join(map(_NORMALIZER.normalize_str, parts)).translate(_WHITE)
        letters = (c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
        text = "".join(letters).translate(CONFUSABLE)
    return text.lower().replace("`", "'")


_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|(?<!\.)[.](?!\.)|[!?;]+")
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_OWN_SELF = re.compile(r"\b(my|him|her) self\b")
_IS = frozenset(
    (
        "tonight",
        "today",
        "tomorrow",
        "he",
        "she",
        "it",
        "that",
        "there",
        "what",
        "who",
        "how",
        "life",
        "everything",
    )
)


def sentences_of(plain: str) -> list[list[str]]:
    """The words of each sentence, contractions and slang written out, "." before and behind."""
    written = expansions()
    sentences = [["."]]
    # One by one: nothing interrupts findall, which takes 40 ms of a long message.
    for match in _TOKEN.finditer(_OWN_SELF.sub(r"\1self", plain)):
        token = match[0]
        if not token[0].isalnum():
            sentences[-1].append(".")
            sentences.append(["."])
        elif token in written:
            sentences[-1] += written[token].split()
        elif "'" in token:
            sentences[-1] += _contracted(token)
        else:
            sentences[-1].append(token)
    sentences[-1].append(".")
    return [part for sentence in sentences if len(sentence) > 2 for part in _parts(sentence)]


def _parts(sentence: list[str]) -> list[list[str]]:
    """Parts of bounded length that overlap, so that the time for a text is linear in its length."""
    if len(sentence) <= LONGEST_SENTENCE:
        return [sentence]
    inner = sentence[1:-1]
    starts = range(0, len(inner), LONGEST_SENTENCE - OVERLAP)
    return [[".", *inner[start : start + LONGEST_SENTENCE], "."] for start in starts]


def _contracted(token: str) -> list[str]:
    for ending, word in _ENDINGS.items():
        if token.endswith(ending):
            return [token.removesuffix(ending), word]
    stem, _, ending = token.partition("'")
    if ending == "s":
        return [stem, "is"] if stem in _IS else [stem]
    return [token.replace("'", "")]
