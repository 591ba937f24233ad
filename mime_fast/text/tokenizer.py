"""Text to token ids and back: the authors' words, one id each."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import tokenizers
from tokenizers import models

from mime_fast.files import read_errors, write_whole
from mime_fast.text.detokenizer import Detokenizer, capital_of, detokenize
from mime_fast.text.parts import sentences_apart
from mime_fast.text.proper_nouns import PROPER_NOUNS
from mime_fast.text.special import CLS, EOS, PAD, SOS, SPECIAL_WORDS, SYS, UNK, USR
from mime_fast.text.surrogates import drop_surrogates
from mime_fast.text.treebank import word_normalizer, word_splitter

if TYPE_CHECKING:
    from mime_fast import _C

__all__ = ["CLS", "EOS", "PAD", "SOS", "SPECIAL_WORDS", "SYS", "UNK", "USR"]
__all__ += ["MAX_FILE_BYTES", "Tokenizer", "learn_words"]

# 30 times the file of a 25,000-word vocabulary; more is a wrong file, or a hostile one.
MAX_FILE_BYTES = 32 * 1024 * 1024


class Tokenizer:
    """A fixed vocabulary of lower-case words; ids 0 to 6 are special and no text yields 1 to 6.

    The file (tokenizer.json) holds everything and works with the plain `tokenizers` library too.
    Safe to use from several threads.

    Example:
        >>> tokenizer = Tokenizer.from_words(["i", "am", "fine", "."])
        >>> tokenizer.encode("I'm fine.")
        [7, 8, 9, 10]
        >>> tokenizer.decode([7, 8, 9, 10])
        'I am fine.'
    """

    turn_end: tuple[int, ...] = ()  # nothing stands between the turns of a context

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        """Wraps a checked backend; use `from_words`, `from_file` or `from_json`."""
        self._backend = backend
        vocabulary = backend.get_vocab()
        self._words = sorted(vocabulary, key=vocabulary.__getitem__)

    @classmethod
    def from_words(cls, words: Iterable[str]) -> Self:
        """Gives the words the ids from 7 on, in order.

        Raises ValueError on a repeated word and on one that no text can yield.
        """
        vocabulary = {word: index for index, word in enumerate(SPECIAL_WORDS)}
        for word in words:
            if word in vocabulary:
                raise ValueError(f"words must be distinct and not special, got {word!r} again")
            if not word or any(character.isspace() for character in word):
                raise ValueError(f"a word must be non-empty and without white space, got {word!r}")
            vocabulary[word] = len(vocabulary)
        backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL_WORDS[UNK]))
        backend.normalizer = word_normalizer()
        backend.pre_tokenizer = word_splitter()
        return cls(backend)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a tokenizer.json; raises ValueError, naming the file, if it is not one of ours."""
        return cls.from_json(read_tokenizer(Path(path)), source=path)

    @classmethod
    def from_json(cls, text: str, *, source: str | os.PathLike[str] = "tokenizer.json") -> Self:
        """Reads the text of a tokenizer.json; `source` is what an error calls it."""
        try:
            _check_document(json.loads(text))
            backend = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(malformed(source, str(error))) from error
        return cls(backend)

    def to_json(self) -> str:
        """The whole tokeniser as the text of a tokenizer.json."""
        return self._backend.to_str(pretty=True)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file at once or not at all: a reader never sees half of it."""
        write_whole(Path(path), self.to_json().encode())

    @property
    def vocab_size(self) -> int:
        """Number of ids, the special ones included."""
        return len(self._words)

    @property
    def context_vocab_size(self) -> int:
        """Number of ids of a context: the same."""
        return len(self._words)

    @property
    def words(self) -> list[str]:
        """The word of each id (vocab_size); a copy."""
        return list(self._words)

    def word(self, index: int) -> str:
        """The word of an id; raises ValueError if there is no such id."""
        if not 0 <= index < len(self._words):
            raise ValueError(f"a token id must be in [0, {len(self._words)}), got {index}")
        return self._words[index]

    def context_word(self, index: int) -> str:
        """The word of an id of a context: contexts and replies have the same ids."""
        return self.word(index)

    def context_piece(self, index: int) -> str:
        """The characters of an id of a context: it is a whole word."""
        return self.word(index)

    def text_of(self, index: int) -> str:
        """What the probabilities of tokens call an id: its word."""
        return self.word(index)

    def tokenize(self, text: str) -> list[str]:
        """The words of `text`, in the vocabulary or not."""
        normalize, split = (
            self._backend.normalizer.normalize_str,
            self._backend.pre_tokenizer.pre_tokenize_str,
        )
        return [word for part in _parts(text) for word, _ in split(normalize(part))]

    def encode(self, text: str) -> list[int]:
        """The ids of the words of `text`, UNK (0) where the vocabulary lacks one."""
        encode = self._backend.encode
        return [i for part in _parts(text) for i in encode(part, add_special_tokens=False).ids]

    def count_words(self, ids: Sequence[int], text: str) -> int:  # noqa: ARG002
        """How many words a reply has: its ids are words."""
        return len(ids)

    def spellings(self, text: str) -> list[list[int]]:
        """The ids that a text may have in a reply: one spelling, since words have no case."""
        return [self.encode(text)]

    def encode_reply(self, text: str) -> list[int]:
        """The ids of a reply, without its end: those of `encode`."""
        return self.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Natural text of a reply; special ids are skipped, except UNK, which shows as <unk>.

        It is exactly the joined pieces of `detokenizer()`.
        """
        return detokenize(self.word(index) for index in ids)

    @cached_property
    def reply_words(self) -> _C.ReplyWords:
        """The words as a search in C++ writes them."""
        from mime_fast import _C  # noqa: PLC0415 - text is read before it is built, too

        letters = filter(str.isalnum, set("".join(self._words)))
        capitals = {ord(letter): ord(capital_of(letter)) for letter in letters}
        return _C.ReplyWords.of_words(self._words, PROPER_NOUNS, capitals)

    @property
    def context_words(self) -> list[str]:
        """The word of each id of a context; a copy."""
        return list(self._words)

    def as_context(self, ids: Sequence[int]) -> list[int]:
        """The ids of a reply: contexts have the same."""
        return list(ids)

    def as_words(self, ids: Iterable[int]) -> str:
        """The words of a reply, joined by blanks."""
        return " ".join(map(self.word, ids))

    def detokenizer(self) -> Detokenizer:
        """A new state machine that turns the words of one reply into text, piece by piece."""
        return Detokenizer()


@cache
def plain_tokenizer() -> Tokenizer:
    """One without words: how a text is split does not depend on the vocabulary."""
    return Tokenizer.from_words(())


def learn_words(texts: Iterable[str], min_count: int) -> list[str]:
    """The words that occur at least `min_count` times, most frequent first, ties by first use."""
    tokenize = plain_tokenizer().tokenize
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenize(text))
    return [word for word, count in counts.most_common() if count >= min_count]


def _parts(text: str) -> list[str]:
    """Texts that the Rust side accepts."""
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {type(text).__name__}")
    return sentences_apart(drop_surrogates(text))


def _check_document(document: object) -> None:
    """Checks what the library does not: the model, its ids, and that nothing adds or drops ids."""
    if not isinstance(document, dict):
        raise TypeError("it must hold a JSON object")
    model = document.get("model")
    if not isinstance(model, dict) or model.get("type") != "WordLevel":
        raise ValueError("it holds no WordLevel model")
    unknown = model.get("unk_token")
    if unknown != SPECIAL_WORDS[UNK]:
        raise ValueError(f"unk_token must be {SPECIAL_WORDS[UNK]!r}, got {unknown!r}")
    _check_vocabulary(model.get("vocab"))
    for part in ("normalizer", "pre_tokenizer"):
        if not document.get(part):
            raise ValueError(f"it holds no {part}")
    for part in ("added_tokens", "truncation", "padding", "post_processor"):
        if document.get(part):
            raise ValueError(f"{part} must be empty: the ids would not be the words of the text")


def _check_vocabulary(vocabulary: object) -> None:
    if not isinstance(vocabulary, dict):
        raise TypeError("model.vocab must map words to ids")
    for index, word in enumerate(SPECIAL_WORDS):
        if vocabulary.get(word) != index:
            raise ValueError(f"{word} must have id {index}, got {vocabulary.get(word)!r}")
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise ValueError(f"the ids must be 0 to {len(vocabulary) - 1}, each once")


def read_tokenizer(path: Path) -> str:
    """The text of a tokenizer.json; ValueError: it is too large, or not UTF-8."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ValueError(malformed(path, f"{size} bytes, more than {MAX_FILE_BYTES}"))
    try:
        with read_errors(path):
            return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(malformed(path, f"not UTF-8 ({error})")) from error


def malformed(source: str | os.PathLike[str], problem: str) -> str:
    """What an error says of a tokenizer.json with this problem."""
    return (
        f"{os.fspath(source)} is not a mime_fast tokenizer: {problem}. "
        "Write one with Tokenizer.save, or copy it again from the checkpoint it belongs to"
    )
