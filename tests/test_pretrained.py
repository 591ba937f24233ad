"""The checkpoints that come with the package."""

import zlib
from typing import Any

import pytest

from mime_fast import Generator
from mime_fast.bundled import DEFAULT, FOLDER, NAMES
from mime_fast.text.tokenizer import CLS, SPECIAL_WORDS, Tokenizer

MEGABYTES = 10**6
WORDS_CRC = 0xC38BF70E
MESSAGES: list[str | list[str]] = [
    "I lost my dog yesterday",
    "I finally got the job I wanted!",
    "My grandmother is in hospital and I am scared.",
    "hi",
    "My neighbour keeps playing loud music at night, and I can't sleep at all.",
    "We are going to have a baby in June!!!",
    "I failed my driving test for the third time.",
    "Someone broke into my car and stole my laptop.",
    "I just found out that my best friend lied to me for years.",
    "I'm so proud of my little brother, he won the race.",
    "ugh",
    "I found an old photo of my school friends today. It made me smile.",
    "There was a huge spider in my bed last night!",
    "I ate a whole cake by myself and I don't even feel sorry :)",
    "My boss shouted at me in front of everyone.",
    "I am home alone for the first time since she left.",
    "Tomorrow is the exam. I have studied for weeks, I think I'm ready.",
    "My son lost his first tooth, he was so excited about the tooth fairy.",
    "I forgot my wife's birthday...",
    "They gave the promotion to a colleague who does nothing all day.",
    "We won 3-0 against the best team of the league \U0001f600",
    "I trust my sister with everything, she has always been there for me.",
    "The flight was cancelled and they won't give me my money back.",
    "I spilled coffee all over my white shirt before the meeting.",
    "what do you think about the weather?",
    ["I adopted a cat.", "That's great! What is its name?", "She is called Luna."],
    ["I feel lonely.", "I am sorry to hear that.", "I moved here and I don't know anybody."],
    ["My flat flooded", "oh no! how did that happen?", "A pipe burst while I was at work."],
    ["no", "why not?", "because", "because of what?", "I am tired of explaining it"],
    "Every morning I walk along the river before work and look at the birds, and for half an "
    "hour nobody wants anything from me. " * 3,
    "xqzt blorf wug",
]
# The authors count anticipation and nostalgia as negative.
PLAIN: dict[str, list[str | list[str]]] = {
    "positive": [
        "I finally got the job I wanted!",
        "I am so proud of my brother, he won the race.",
        "My wife surprised me with a trip to Italy.",
        "I am so grateful for the help of my friends.",
        "I am ready for my exam, I studied a lot.",
        "My daughter was born yesterday, I am so happy!",
    ],
    "negative": [
        "My grandmother died last week.",
        "Someone stole my car, I am furious.",
        "I am so scared of the dark.",
        "I failed my exam again.",
        "My girlfriend left me and I feel so lonely.",
        "I am ashamed that I lied to my mother.",
        "There was a huge spider in my bed, it was disgusting.",
    ],
}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def native(name: str) -> Generator:
    return Generator(name)


@pytest.fixture(scope="module")
def eager(name: str) -> Generator:
    pytest.importorskip("torch", reason="a base install has none")
    return Generator(name, engine="eager")


@pytest.fixture(scope="module")
def small() -> Generator:
    return Generator("mime-small")


def test_it_answers_without_a_checkpoint_being_named() -> None:
    response = Generator().respond("I lost my dog yesterday", seed=1)
    named = Generator(DEFAULT).respond("I lost my dog yesterday", seed=1)
    assert response.text == named.text
    assert response.polarity == "negative"


def test_a_reply_reads_like_a_sentence(native: Generator) -> None:
    response = native.respond("I lost my dog yesterday")
    assert native.engine.name == "native"
    assert len(response.candidates[0].tokens) >= 3 or response.finish_reason == "careful"
    assert response.text[0].isupper()
    assert response.polarity == "negative"


@pytest.mark.parametrize(
    "options",
    [{}, {"do_sample": False}, {"num_beams": 5, "num_return_sequences": 5}],
    ids=["default", "greedy", "beam"],
)
def test_the_engines_give_the_same_replies(
    name: str, native: Generator, eager: Generator, options: dict[str, Any]
) -> None:
    # PyTorch takes long for mime-base. texts, emotions: more different ones than that are expected.
    step, texts, emotions = (1, 10, 8) if name == "mime-small" else (3, 3, 2)
    messages = MESSAGES[::step]
    limits: dict[str, Any] = {"max_new_tokens": 30, "seed": 11}
    replies = native.respond_batch(messages, **limits, **options)
    expected = eager.respond_batch(messages, **limits, **options)
    for reply, twin in zip(replies, expected, strict=True):
        assert [c.tokens for c in reply.candidates] == [c.tokens for c in twin.candidates]
        assert (reply.text, reply.emotion) == (twin.text, twin.emotion)
        assert all(token > CLS for c in reply.candidates for token in c.tokens)
    assert len({reply.text for reply in replies}) > texts
    assert len({reply.emotion for reply in replies}) > emotions


def test_a_reply_alone_is_the_one_in_the_batch(native: Generator) -> None:
    options: dict[str, Any] = {"seed": 3, "max_new_tokens": 20}
    together = native.respond_batch(MESSAGES[::6], **options)
    for message, reply in zip(MESSAGES[::6], together, strict=True):
        assert native.respond(message, **options).text == reply.text


@pytest.mark.parametrize(
    "options", [{}, {"do_sample": False}, {"num_beams": 5}, {"do_sample": True}], ids=str
)
def test_a_stream_joined_is_the_reply(native: Generator, options: dict[str, Any]) -> None:
    text = native.respond("I lost my dog yesterday", seed=3, **options).text
    events = native.stream("I lost my dog yesterday", seed=3, **options)
    assert "".join(event.text for event in events) == text


def test_its_drafts_save_steps(small: Generator) -> None:
    """A stream of a greedy reply has an event for each step."""

    def steps(*, speculation: bool) -> int:
        streams = (
            small.stream(m, seed=3, do_sample=False, avoid_cheer=False, speculation=speculation)
            for m in MESSAGES
        )
        return sum(len(list(events)) for events in streams)

    assert steps(speculation=True) < 0.8 * steps(speculation=False)


@pytest.mark.parametrize("group", ["positive", "negative"])
def test_it_recognises_plain_feelings(native: Generator, group: str) -> None:
    replies = native.respond_batch(PLAIN[group])
    assert [reply.polarity for reply in replies].count(group) >= len(replies) - 1


def test_a_seed_changes_some_greedy_replies_of_the_default() -> None:
    """Emotions and the intent are drawn; words are not."""
    generator = Generator()

    def replies(**options: Any) -> set[str]:
        greedy = {**options, "do_sample": False, "avoid_cheer": False}
        batches = (generator.respond_batch(MESSAGES[::3], seed=n, **greedy) for n in range(3))
        return {reply.text for batch in batches for reply in batch}

    assert len(replies(stochastic_emotion=False)) <= len(MESSAGES[::3]) < len(replies())


def test_its_tokenizer_is_what_the_code_writes() -> None:
    path = FOLDER / "mime-small" / "tokenizer.json"
    words = Tokenizer.from_file(path).words[len(SPECIAL_WORDS) :]
    assert path.read_text(encoding="utf-8") == Tokenizer.from_words(words).to_json()
    assert zlib.crc32(" ".join(words).encode()) == WORDS_CRC  # no word, no id has moved


@pytest.mark.parametrize(
    ("message", "words", "unknown"),
    [
        ("I lost my dog yesterday.", 5, 0),
        ("I lost my dog\u2013he ran away\u2026", 7, 0),
        ("Mein Hund ist gestern gestorben.", 5, 5),
        ("\u0644\u0642\u062f \u0641\u0642\u062f\u062a \u0643\u0644\u0628\u064a", 3, 3),
        ("\U0001f44d\U0001f3fd \U0001f600!", 2, 2),
        ("!!!", 0, 0),
    ],
    ids=ascii,
)
def test_it_says_how_many_words_are_unknown(
    small: Generator, message: str, words: int, unknown: int
) -> None:
    response = small.respond(message)
    assert (response.words, response.unknown_words) == (words, unknown)


@pytest.mark.parametrize(("name", "most"), [("mime-base", 46), ("mime-small", 14)])
def test_it_is_small_enough_to_come_with_the_package(name: str, most: int) -> None:
    size = sum(path.stat().st_size for path in (FOLDER / name).iterdir())
    assert size <= most * MEGABYTES


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("LICENSE", "Attribution-NonCommercial 4.0"),
        *((f"{name}/README.md", "EmpatheticDialogues") for name in NAMES),
    ],
)
def test_its_licence_and_its_card_are_beside_it(file: str, text: str) -> None:
    assert text in (FOLDER / file).read_text(encoding="utf-8")
