"""The tokeniser of mime-base: contexts in word pieces, replies in byte-level subwords.

It stands where Tokenizer stands for the other systems. No text is unknown in a reply; in a context
only characters are UNK that MiniLM does not know, such as most emoji. Any other word has pieces:
unknown_words.py says which words count as unknown.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tokenizers import normalizers, pre_tokenizers

from mime_fast.text.characters import DASHES, HYPHENS
from mime_fast.text.parts import sentences_apart
from mime_fast.text.pieces import SPECIAL, PieceTokenizer
from mime_fast.text.surrogates import drop_surrogates
from mime_fast.text.tidy import STRAIGHT, tidy
from mime_fast.text.tokenizer import plain_tokenizer
from mime_fast.text.word_pieces import CONTINUES, SEP, WordPieceTokenizer

if TYPE_CHECKING:
    from mime_fast import _C

KIND = "mime_base"  # in the file
_NFKC = normalizers.NFKC()
QUOTES = (
    "\u00ab\u00bb\u201a\u201e\u201f\u2039\u203a\u2e02\u2e03\u2e04\u2e05\u2e09\u2e0a\u2e0c\u2e0d\u2e1c\u2e1d\u2e20\u2e21"
    "\u2e42\u300c\u300d\u300e\u300f\u301d\u301e\u301f\ufe41\ufe42\ufe43\ufe44"
)
# Format characters that BERT's rules keep.
FORMATS = "\u0890\u0891\u08e2\U000110bd\U000110cd" + "".join(map(chr, range(0x13430, 0x13440)))
_PLAIN = STRAIGHT | str.maketrans(
    dict.fromkeys(HYPHENS + DASHES, "-") | dict.fromkeys(QUOTES, '"') | dict.fromkeys(FORMATS, "")
)


class SubwordTokenizer:
    """Turns to word-piece ids, ids of a reply to text. Safe to use from several threads."""

    turn_end: tuple[int, ...] = (SEP,)  # what ends each turn of a context

    def __init__(self, context: WordPieceTokenizer, reply: PieceTokenizer) -> None:
        self.context, self.reply = context, reply

    @property
    def vocab_size(self) -> int:
        """Number of ids of a reply, the special ones included."""
        return self.reply.vocab_size

    @property
    def context_vocab_size(self) -> int:
        """Number of ids of a context, the special ones included."""
        return self.context.vocab_size

    @property
    def words(self) -> list[str]:
        """The piece of each id of a reply; a copy."""
        return list(self.reply.pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a turn of the context, in plain characters and tidied, without its end."""
        parts = sentences_apart(_tidy_context(text))
        return [i for part in parts for i in self.context.encode([part])[0]]

    def encode_reply(self, text: str) -> list[int]:
        """The ids of a reply, tidied first, without its end."""
        return self.reply.encode([tidy(drop_surrogates(text))])[0]

    def count_words(self, ids: Sequence[int], text: str) -> int:  # noqa: ARG002
        """How many words the paper's systems would make of a reply."""
        return len(plain_tokenizer().encode(text))

    def spellings(self, text: str) -> list[list[int]]:
        """The ids that a text may have in a reply: inside or first, as given or in other case."""
        cases = dict.fromkeys((text, text.lower(), text[:1].upper() + text[1:]))
        written = [blank + drop_surrogates(case) for case in cases for blank in ("", " ")]
        return self.reply.encode(written)

    def tokenize(self, text: str) -> list[str]:
        """The text of each id of `encode`; "" where it goes on with the word before."""
        parts = sentences_apart(_tidy_context(text))
        return [word for part in parts for word in self.context.tokenize(part)]

    def context_word(self, index: int) -> str:
        """The word piece of a context's id; "" where it goes on with the word before."""
        return self.context.word(index)

    def context_piece(self, index: int) -> str:
        """The word piece of a context's id without "##"."""
        return self.context.pieces[index].removeprefix(CONTINUES)

    def word(self, index: int) -> str:
        """The piece of a reply's id, in GPT-2's alphabet of bytes: "\u0120" is a blank."""
        if not 0 <= index < self.vocab_size:
            raise ValueError(f"a token id must be in [0, {self.vocab_size}), got {index}")
        return self.reply.pieces[index]

    def text_of(self, index: int) -> str:
        """What a reply's id writes, as far as its bytes are whole characters."""
        return _without_zeros(_bytes_of(self.word(index)).decode(errors="replace"))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of a reply: the joined pieces of `detokenizer()`."""
        detokenizer = self.detokenizer()
        return "".join(detokenizer.push(self.word(index)) for index in ids) + detokenizer.finish()

    @cached_property
    def reply_words(self) -> _C.ReplyWords:
        """The bytes of the pieces, as a search in C++ writes them."""
        from mime_fast import _C  # noqa: PLC0415 - text is read before it is built, too

        return _C.ReplyWords.of_pieces(list(map(_bytes_of, self.reply.pieces)))

    @property
    def context_words(self) -> list[str]:
        """The word piece of each id of a context; a copy."""
        return list(self.context.pieces)

    def as_context(self, ids: Sequence[int]) -> list[int]:
        """The ids of a reply -> the word pieces of its text."""
        return self.encode(self.decode(ids))

    def as_words(self, ids: Iterable[int]) -> str:
        """A reply as systems are compared: the words of the paper's systems, joined by blanks."""
        return " ".join(plain_tokenizer().tokenize(self.decode(ids)))

    def detokenizer(self) -> PieceDetokenizer:
        """A new state machine that turns the pieces of one reply into text."""
        return PieceDetokenizer()

    def to_json(self) -> str:
        """The whole tokeniser as the text of a tokenizer.json."""
        reply = {"pieces": self.reply.pieces, "merges": self.reply.merges}
        document = {"kind": KIND, "context": self.context.pieces, "reply": reply}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_document(cls, document: dict[str, object]) -> Self:
        """Read what to_json wrote; ValueError says what is wrong with it."""
        context, reply = document.get("context"), document.get("reply")
        if not isinstance(reply, dict):
            raise ValueError("it holds no reply pieces")  # noqa: TRY004 - of a file
        pieces = _pieces("reply.pieces", reply.get("pieces"))
        for piece in pieces:
            if piece not in SPECIAL and not set(piece) <= _BYTES.keys():
                raise ValueError(f"reply.pieces holds {piece!r:.40}, which is no piece of bytes")
        return cls(
            WordPieceTokenizer(_pieces("context", context)),
            PieceTokenizer(pieces, _merges(reply)),
        )


class PieceDetokenizer:
    """Turns the pieces of one reply into text; half a character waits for its other half."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = False

    def push(self, piece: str) -> str:
        """The text that a piece adds: "" for a special one."""
        return self._strip(self._decoder.decode(_bytes_of(piece)))

    def finish(self) -> str:
        """The text that waited, at the end: U+FFFD for what is no whole character."""
        return self._strip(self._decoder.decode(b"", final=True))

    def _strip(self, text: str) -> str:
        """A reply does not begin with a blank."""
        text = _without_zeros(text)
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text

    def __copy__(self) -> PieceDetokenizer:
        clone = PieceDetokenizer()
        clone._decoder.setstate(self._decoder.getstate())
        clone._begun = self._begun
        return clone


def _tidy_context(text: str) -> str:
    """A turn in plain characters, tidied: any quote or dash is ASCII's, any styled letter a letter.

    Quotes come first: NFKC makes a blank and an accent of U+00B4, which is often an apostrophe.
    """
    return tidy(_NFKC.normalize_str(drop_surrogates(text).translate(_PLAIN)))


def _alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level piece stands for (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    shown = {chr(byte): byte for byte in printable}
    return shown | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _alphabet()
_AS_LATIN_1 = str.maketrans({character: chr(byte) for character, byte in _BYTES.items()})
assert set(_BYTES) == set(pre_tokenizers.ByteLevel.alphabet())  # noqa: S101


def _without_zeros(text: str) -> str:
    """A zero byte is no character: in C, in files and in terminals the text would end there."""
    return text.replace("\0", "\ufffd")


def _bytes_of(piece: str) -> bytes:
    """What a piece writes; nothing for a special one."""
    if piece in SPECIAL:
        return b""
    return piece.translate(_AS_LATIN_1).encode("latin-1")


def _pieces(name: str, values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} must be a list of pieces")
    if len(set(values)) != len(values):
        raise ValueError(f"{name} holds a piece twice")
    return values


def _merges(reply: dict[str, object]) -> Sequence[tuple[str, str]]:
    merges, pieces = reply.get("merges"), reply.get("pieces")
    known = set(pieces) if isinstance(pieces, list) else set()
    if not isinstance(merges, list):
        raise ValueError("reply.merges must be a list")  # noqa: TRY004 - of a file
    found = []
    for merge in merges:
        is_pair = isinstance(merge, list) and len(merge) == 2
        if not is_pair or not all(isinstance(part, str) and part in known for part in merge):
            raise ValueError(f"reply.merges holds {merge!r:.80}, which is no pair of pieces")
        left, right = merge
        if left + right not in known:
            raise ValueError(f"reply.merges holds {merge!r:.80}, which makes no piece")
        found.append((left, right))
    return found
