import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text import Tokenizer, learn_words
from mime_fast.text import tokenizer as module
from mime_fast.text.tokenizer import CLS, EOS, PAD, SOS, SPECIAL_WORDS, SYS, UNK, USR

WORDS = ["i", "am", "fine", ".", "not", "unk", "eos", "<", "3", "\U0001f600"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_words(WORDS)


def test_ids_start_with_the_seven_special_ones(tokenizer: Tokenizer) -> None:
    assert list(range(7)) == [UNK, PAD, EOS, SOS, USR, SYS, CLS]
    assert tokenizer.words == [*SPECIAL_WORDS, *WORDS]
    assert tokenizer.vocab_size == 7 + len(WORDS)


def test_encode_gives_unknown_words_id_0(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("I'm fine, really.") == [7, 8, 9, 0, 0, 10]
    assert tokenizer.encode("") == []


def test_words_is_a_copy(tokenizer: Tokenizer) -> None:
    tokenizer.words.clear()
    assert tokenizer.vocab_size == len(tokenizer.words)


@pytest.mark.parametrize("special", SPECIAL_WORDS)
def test_no_text_yields_a_special_id(tokenizer: Tokenizer, special: str) -> None:
    for text in (special, f"{special}.", f"<{special}>", special.title(), f" {special}\x00 "):
        assert not set(tokenizer.encode(text)) & set(range(PAD, CLS + 1))


def test_special_names_in_lower_case_are_ordinary_words(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("UNK eos") == [12, 13]


@given(text=st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_gives_ids_in_range(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert len(ids) == len(tokenizer.tokenize(text))
    assert all(index == UNK or CLS < index < tokenizer.vocab_size for index in ids)
    assert isinstance(tokenizer.decode(ids), str)


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "a\udfffb",
        "\U0001f468\u200d\U0001f469",
        "e\u0301\u0301",
        "\u05e9\u05dc\u05d5\u05dd \u202e\u0645",
        "\u4f60\u597d\u3002",
        "\u0130\u0131\u1e9e",
        "." * 100_000,
        ".' " * 30_000,
        "(" * 100_000 + "'",
        "n't" * 30_000 + "x",
        "a" + "\u0301\u0323" * 50_000,
        "\U0001f600\u200d" * 50_000,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_strange_text_never_raises(tokenizer: Tokenizer, text: str) -> None:
    assert len(tokenizer.encode(text)) == len(tokenizer.tokenize(text))


def test_surrogates_are_joined_or_dropped(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("\ud83d\ude00 fine\ud83d") == [16, 9]


@pytest.mark.parametrize("text", [None, b"fine", 3, ["fine"]])
def test_text_must_be_a_string(tokenizer: Tokenizer, text: Any) -> None:
    for method in (tokenizer.encode, tokenizer.tokenize):
        with pytest.raises(TypeError, match=f"text must be a str, got {type(text).__name__}"):
            method(text)


@pytest.mark.parametrize("index", [-1, 17, 10**9])
def test_decode_refuses_ids_out_of_range(tokenizer: Tokenizer, index: int) -> None:
    with pytest.raises(ValueError, match=rf"in \[0, 17\), got {index}"):
        tokenizer.decode([7, index])


@pytest.mark.parametrize("words", [["a", "a"], ["EOS"], ["UNK"], [""], ["a b"], ["a\n"]])
def test_from_words_refuses_what_cannot_be_a_word(words: list[str]) -> None:
    with pytest.raises(ValueError, match="got"):
        Tokenizer.from_words(words)


@given(words=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), unique=True))
def test_json_round_trip(words: list[str]) -> None:
    original = Tokenizer.from_words(word for word in words if word not in SPECIAL_WORDS)
    copy = Tokenizer.from_json(original.to_json())
    assert copy.words == original.words
    assert copy.to_json() == original.to_json()
    text = " ".join(words)
    assert copy.encode(text) == original.encode(text)


def test_save_and_load(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("what was there before")
    tokenizer.save(path)
    assert Tokenizer.from_file(str(path)).to_json() == tokenizer.to_json()
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_failed_save_leaves_the_old_file(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "tokenizer.json"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        tokenizer.save(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokenizer.json"]


def test_the_file_works_with_the_plain_library(tokenizer: Tokenizer) -> None:
    plain = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    text = "I'm not fine, \u201cUNK\u201d <3. EOS"
    assert plain.encode(text).ids == tokenizer.encode(text)


def test_a_file_with_other_word_rules_still_loads(tokenizer: Tokenizer) -> None:
    """A checkpoint keeps the rules that it was trained with."""
    document = json.loads(tokenizer.to_json())
    document["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"Regex": "[\u2018\u2019]"}, "content": "'"},
            {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"Regex": "--|\u2014"}, "content": " -- "},
        ],
    }
    former = Tokenizer.from_json(json.dumps(document))
    assert former.words == tokenizer.words
    assert former.tokenize("I\u2019m FINE\u2013not\u2014fine") == [
        "i'm",
        "fine\u2013not",
        "--",
        "fine",
    ]
    assert json.loads(former.to_json())["normalizer"] == document["normalizer"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file["model"].update(type="BPE"),
        lambda file: file["model"].pop("unk_token"),
        lambda file: file["model"].update(vocab=[]),
        lambda file: file["model"]["vocab"].update(PAD=2, EOS=1),
        lambda file: file["model"]["vocab"].pop("CLS"),
        lambda file: file["model"]["vocab"].update(fine=8),
        lambda file: file["model"]["vocab"].update(fine=1000),
        lambda file: file["model"]["vocab"].update(fine=-1),
        lambda file: file["model"]["vocab"].update(fine="9"),
        lambda file: file["model"]["vocab"].update(PAD=1.0),
        lambda file: file.pop("model"),
        lambda file: file.update(normalizer=None),
        lambda file: file.update(pre_tokenizer=None),
        lambda file: file.update(normalizer={"type": "Unheard"}),
        lambda file: file.update(added_tokens=[{"id": 2, "content": "EOS"}]),
        lambda file: file.update(truncation={"max_length": 2}),
    ],
)
def test_a_malformed_tokenizer_is_named(
    tokenizer: Tokenizer, damage: Callable[[dict[str, Any]], object]
) -> None:
    document = json.loads(tokenizer.to_json())
    damage(document)
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a mime_fast tokenizer: .*save"):
        Tokenizer.from_json(json.dumps(document))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"\x80\x04K*.", b"[" * 100_000]
)
def test_a_malformed_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"words\.json is not a mime_fast tokenizer: .*save"):
        Tokenizer.from_file(path)


def test_truncated_and_huge_files_are_named(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.json"
    path.write_text(tokenizer.to_json()[:-40])
    with pytest.raises(ValueError, match=r"words\.json is not"):
        Tokenizer.from_file(path)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 100)
    with pytest.raises(ValueError, match=r"words\.json is not .* bytes, more than 100"):
        Tokenizer.from_file(path)


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Tokenizer.from_file(tmp_path / "tokenizer.json")


def test_learn_words_counts_and_breaks_ties_by_first_use() -> None:
    texts = ["Tea? Tea!", "I like tea, I like rain.", "rain rain"]
    assert learn_words(texts, 2) == ["tea", "rain", "i", "like"]
    assert learn_words(texts, 1) == ["tea", "rain", "i", "like", "?", "!", ",", "."]
    assert learn_words([], 1) == []


def test_threads_agree(tokenizer: Tokenizer) -> None:
    texts = [f"I'm {'not ' * (n % 7)}fine." for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tokenizer.encode, texts)) == [tokenizer.encode(t) for t in texts]


def test_import_needs_no_torch() -> None:
    code = "import sys, mime_fast.text; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
