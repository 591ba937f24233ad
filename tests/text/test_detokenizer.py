import pytest
from hypothesis import given
from hypothesis import strategies as st

from mime_fast.text import Detokenizer, Tokenizer
from mime_fast.text.tokenizer import SPECIAL_WORDS


def detokenize(words: str) -> str:
    detokenizer = Detokenizer()
    pieces = [detokenizer.push(word) for word in words.split()]
    return "".join([*pieces, detokenizer.finish()])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("i am so sorry . what happened ?", "I am so sorry. What happened?"),
        ("oh no ! i 'd cry , would n't you ?", "Oh no! I'd cry, wouldn't you?"),
        ("yes , i do and i 'm glad", "Yes, I do and I'm glad"),
        ("we 're late ; she 'll say it 's ours", "We're late; she'll say it's ours"),
        ("i ca n't , you can not", "I can't, you cannot"),
        ("gon na go , wan na come ? got ta run", "Gonna go, wanna come? Gotta run"),
        ("lem me see . gim me that", "Lemme see. Gimme that"),
        ("'t is true . 't was true", "'Tis true. 'Twas true"),
        ("it is 100 % yours ( or $ 5 )", "It is 100% yours (or $5)"),
        ("( maybe ) you are # 1", "(Maybe) you are #1"),
        ("really ? ! wow ! !", "Really?! Wow!!"),
        ("well ... that is it ... .", "Well... that is it...."),
        ("so -- you know - fine", "So -- you know - fine"),
        ("and/or a t-shirt", "And/or a t-shirt"),
        ("my parents ' house", "My parents' house"),
        ("they are 'good ' friends", "They are 'good' friends"),
        ("' good ' friends", "'Good' friends"),
        ("she said `` no '' to me", 'She said "no" to me'),
        ("`` no '' is fine", '"No" is fine'),
        ("dr. lee saw mr . bean", "Dr. Lee saw Mr. Bean"),
        ("he is ok. we left at 32. then", "He is ok. We left at 32. Then"),
        ("dogs vs. cats .. maybe", "Dogs vs. cats .. maybe"),
        ("on monday in july , at christmas", "On Monday in July, at Christmas"),
        ("i may march", "I may march"),
        ("that is great : ) thanks", "That is great :) Thanks"),
        ("lol : d ok ; - ) . : (", "Lol :D Ok ;-). :("),
        ("i < 3 you", "I <3 you"),
        ("one thing : rest", "One thing: rest"),
        ("one thing : ; rest", "One thing:; rest"),
        ("two things : 12:30 is fine", "Two things: 12:30 is fine"),
        ("an ending :", "An ending:"),
        ("UNK is UNK . UNK", "<unk> is <unk>. <unk>"),
        ("PAD CLS SOS hello USR SYS there EOS", "Hello there"),
        ("4th of july", "4th of July"),
        ("\u00e9t\u00e9 . \u00dfa", "\u00c9t\u00e9. \u00dfa"),
        ("", ""),
    ],
)
def test_text(words: str, text: str) -> None:
    assert detokenize(words) == text


def test_pieces_carry_the_blank_before_them() -> None:
    detokenizer = Detokenizer()
    pieces = [detokenizer.push(word) for word in ["i", "'m", "glad", ".", ":", ")"]]
    assert pieces == ["I", "'m", " glad", ".", "", " :)"]


WORDS = [
    *("i", "am", "'m", "glad", "can", "not", "gon", "na", "ca", "n't", "'s", "monday", "mr", "ok."),
    *(".", "?", "!", ",", ":", ";", ")", "(", "-", "...", "'", "$", "5", "%", "d", "<", "3", "``"),
]


@given(words=st.lists(st.sampled_from([*WORDS, *SPECIAL_WORDS])))
def test_joined_pieces_are_the_decoded_text(words: list[str]) -> None:
    tokenizer = Tokenizer.from_words(WORDS)
    ids = [tokenizer.words.index(word) for word in words]
    detokenizer = tokenizer.detokenizer()
    pieces = [detokenizer.push(tokenizer.words[index]) for index in ids]
    assert "".join([*pieces, detokenizer.finish()]) == tokenizer.decode(ids)


@given(words=st.lists(st.text()))
def test_any_words_give_text(words: list[str]) -> None:
    detokenizer = Detokenizer()
    assert all(isinstance(detokenizer.push(word), str) for word in words)


@pytest.mark.parametrize(
    "text",
    [
        "I'm so sorry, that can't be easy. What happened?",
        "Wow! We're gonna win, aren't we? :)",
        "My sister's dog (a beagle) cost $300; 50% off...",
        "It was ok. I'm 32. You should've seen Mr. Smith's face -- hilarious!",
        "That's my parents' house, it's 'home' to me.",
        "Lemme know: wanna come on Monday at 12:30? <3",
    ],
)
def test_decoding_keeps_the_words(text: str) -> None:
    words = Tokenizer.from_words(()).tokenize(text)
    tokenizer = Tokenizer.from_words(dict.fromkeys(words))
    assert tokenizer.tokenize(tokenizer.decode(tokenizer.encode(text))) == words
