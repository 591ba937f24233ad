from __future__ import annotations

import copy
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from mime_fast.bundled import folder_of
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.load_tokenizer import load_tokenizer
from mime_fast.text.pieces import PieceTokenizer
from mime_fast.text.special import CLS, EOS, SOS, SYS, USR
from mime_fast.text.stop import ReplyText
from mime_fast.text.subword_tokenizer import SubwordTokenizer
from mime_fast.text.tidy import STRAIGHT, tidy
from mime_fast.text.tokenizer import Tokenizer
from mime_fast.text.unknown_words import count_words
from mime_fast.text.word_pieces import WordPieceTokenizer

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("s", "o"), ("\u0120", "so"), ("r", "y")]
LETTERS = [*"abcdefghijklmnopqrstuvwxyz.!'", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
TOKENIZER = SubwordTokenizer(
    WordPieceTokenizer([*LETTERS, "dog", "##dog", "hope", "##done"]),
    PieceTokenizer([*BYTES, *map("".join, MERGES)], MERGES),
)


@given(st.text())
def test_a_reply_comes_back_tidied_and_without_a_leading_blank(text: str) -> None:
    readable = text.encode(errors="ignore").decode()
    ids = TOKENIZER.encode_reply(readable)
    expected = tidy(readable).lstrip().replace("\0", "\ufffd")
    assert TOKENIZER.decode([SOS, *ids, EOS]) == expected


@given(st.text(max_size=20), st.integers(0, 60))
def test_a_text_in_pieces_is_the_text(text: str, cut: int) -> None:
    ids = TOKENIZER.reply.encode([text.encode(errors="ignore").decode()])[0]
    whole = TOKENIZER.decode(ids)
    detokenizer = TOKENIZER.detokenizer()
    first = "".join(detokenizer.push(TOKENIZER.word(i)) for i in ids[:cut])
    for state in (copy.copy(detokenizer), detokenizer):
        rest = "".join(state.push(TOKENIZER.word(i)) for i in ids[cut:])
        assert first + rest + state.finish() == whole


def test_half_a_character_waits_for_its_other_half() -> None:
    detokenizer = TOKENIZER.detokenizer()
    (ids,) = TOKENIZER.reply.encode(["\u00e9"])
    assert [detokenizer.push(TOKENIZER.word(i)) for i in ids] == ["", "\u00e9"]
    detokenizer.push(TOKENIZER.word(ids[0]))
    assert detokenizer.finish() == "\ufffd"


def test_a_zero_byte_is_no_character() -> None:
    (ids,) = TOKENIZER.reply.encode(["a\0b"])
    assert TOKENIZER.decode(ids) == "a\ufffdb"
    assert TOKENIZER.text_of(ids[1]) == "\ufffd"


def test_a_context_ends_each_turn_and_names_who_says_it() -> None:
    found = encode_dialogue(TOKENIZER, ["my dog", "oh", "dog!"], 20)
    words = [TOKENIZER.context.pieces[i] for i in found.tokens]
    assert words == [
        *("[CLS]", "m", "##y", "dog", ".", "[SEP]", "o", "##h", ".", "[SEP]", "dog", "!", "[SEP]")
    ]
    assert found.speakers == [CLS, *[USR] * 5, *[SYS] * 4, *[USR] * 3]
    assert found.last_turn == 3


@pytest.mark.parametrize(
    "styled",
    [
        "\uff2d\uff59 \uff44\uff4f\uff47",
        "\U0001d40c\U0001d432 \U0001d41d\U0001d428\U0001d420",
        "my\u3000dog",
    ],
)
def test_styled_letters_of_a_context_are_letters(styled: str) -> None:
    assert TOKENIZER.encode(styled) == TOKENIZER.encode("My dog")
    assert TOKENIZER.tokenize(styled) == TOKENIZER.tokenize("My dog")


def test_an_accent_that_stands_alone_is_an_apostrophe() -> None:
    assert TOKENIZER.encode("I\u00b4m sad") == TOKENIZER.encode("I'm sad")


def test_no_format_character_dash_or_quote_is_unknown_to_mime_base() -> None:
    tokenizer = load_tokenizer(folder_of("mime-base") / "tokenizer.json")
    dashed, quoted = tokenizer.encode("dog-he left"), tokenizer.encode('dog"he left')
    plain = {
        "Pd": [dashed],
        "Pi": [quoted, tokenizer.encode("dog'he left")],
        "Pf": [quoted, tokenizer.encode("dog'he left")],
        "Cf": [tokenizer.encode("doghe left")],
        "Cc": [tokenizer.encode("doghe left"), tokenizer.encode("dog he left")],
    }
    for character in map(chr, range(0x110000)):
        expected = plain.get(unicodedata.category(character))
        if expected is not None:
            assert tokenizer.encode(f"dog{character}he left") in expected, ascii(character)


@given(st.text())
def test_a_context_has_the_ids_of_its_plain_characters(text: str) -> None:
    """Every text is read, and NFKC changes nothing of what is read."""
    plain = text.encode(errors="ignore").decode().translate(STRAIGHT)
    assert TOKENIZER.encode(text) == TOKENIZER.encode(normalizers.NFKC().normalize_str(plain))


@pytest.mark.parametrize(
    ("turn", "counts"),
    [
        ("dog \U0001f622 a", (3, 1)),
        ("?!", (0, 0)),
        ("\U0001f622", (1, 1)),
        ("dog", (1, 0)),  # whole, however short
        ("my dog", (2, 1)),
        ("dogs", (1, 1)),
        ("hopes", (1, 0)),  # a piece of 4 characters
        ("undone", (1, 0)),  # "##" is not counted, and 4 characters are left
        ("undogs", (1, 1)),
        ("my \U0001f622 dogs hopes dog", (5, 3)),
        ("my, dogs", (2, 2)),
    ],
    ids=ascii,
)
def test_words_of_a_turn_are_counted_once_and_emoji_and_fragments_are_unknown(
    turn: str, counts: tuple[int, int]
) -> None:
    """What ends the turn is no word."""
    ids = encode_dialogue(TOKENIZER, [turn], 50).tokens[1:]
    assert count_words(TOKENIZER, turn, ids) == counts


@pytest.mark.parametrize("end", ["dogs", "\U0001f622"])
@pytest.mark.parametrize(("kept", "words"), [(3, 2), (2, 1), (1, 1)])
def test_a_word_whose_first_piece_was_cut_off_does_not_count(
    end: str, kept: int, words: int
) -> None:
    turn = f"xyz {end}"
    own = TOKENIZER.encode(turn)
    last = TOKENIZER.encode(end)
    ids = [*own[len(own) - len(last) - kept :], EOS]
    assert len(last) + kept + 1 == len(ids)
    assert count_words(TOKENIZER, turn, ids) == (words, words)


def test_a_piece_of_a_context_has_the_characters_that_it_reads() -> None:
    pieces = [TOKENIZER.context_piece(index) for index in TOKENIZER.encode("undone dog's")]
    assert pieces == ["u", "n", "done", "dog", "'", "s", "."]
    words = Tokenizer.from_words(["dog"])
    assert words.context_piece(words.encode("dog")[0]) == "dog"


def test_a_stop_string_may_span_pieces() -> None:
    text = ReplyText(TOKENIZER, ("sorry",))
    ids = TOKENIZER.reply.encode(["I am so. sorry!"])[0]
    shown = text.push(ids) + text.finish()
    assert shown == "I am so. "
    assert text.stopped


def test_spellings_hold_a_word_inside_and_at_the_beginning() -> None:
    spelled = {TOKENIZER.reply.decode(ids) for ids in TOKENIZER.spellings("Sorry")}
    assert spelled == {"Sorry", "sorry", " Sorry", " sorry"}


def test_a_reply_is_compared_as_words() -> None:
    ids = TOKENIZER.encode_reply("I'm so sorry!")
    assert TOKENIZER.as_words([*ids, EOS]) == "i am so sorry !"
    assert TOKENIZER.count_words(ids, "I'm so sorry!") == 5


def test_a_file_keeps_the_tokeniser(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(TOKENIZER.to_json(), encoding="utf-8")
    again = load_tokenizer(path)
    assert isinstance(again, SubwordTokenizer)
    assert again.words == TOKENIZER.words
    assert again.encode("My dog!") == TOKENIZER.encode("My dog!")


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("context", ["a", "a"], "holds a piece twice"),
        ("context", "abc", "context must be a list of pieces"),
        ("reply", [], "holds no reply pieces"),
        ("reply", {"pieces": BYTES, "merges": [["x", "y"]]}, "which makes no piece"),
        ("reply", {"pieces": [*BYTES, "xyz"], "merges": [["x", "yz"]]}, "which is no pair"),
        ("reply", {"pieces": BYTES, "merges": [[1, 2]]}, "which is no pair of pieces"),
        ("reply", {"pieces": BYTES, "merges": [[["x"], "y"]]}, "which is no pair of pieces"),
        ("reply", {"pieces": BYTES, "merges": 1}, "merges must be a list"),
        ("reply", {"pieces": [*BYTES, "\u4e2d"], "merges": []}, "is no piece of bytes"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, part: str, value: object, message: str) -> None:
    document = json.loads(TOKENIZER.to_json())
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**document, part: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"tokenizer.json .*{message}"):
        load_tokenizer(path)


def test_an_id_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="a token id must be in"):
        TOKENIZER.word(TOKENIZER.vocab_size)
