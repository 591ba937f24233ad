"""Grave messages, cheerful replies and careless ones."""

from functools import partial

import pytest

from mime_fast.text.crisis.patterns import END, PatternSet, match, needed, parse, search
from mime_fast.text.crisis.spelling import sentences_of
from mime_fast.text.crisis.tables import sections
from mime_fast.text.grave.finder import (
    CAREFUL_REPLIES,
    FOLDER,
    Gravity,
    careful_replies,
    is_cheerful,
    suits,
)
from mime_fast.text.message import check_turns
from tests.text.signals import gravity_in, plain_text

TOLD_WITHOUT_A_GRAVE_WORD = {
    "death": [
        "She slipped away this morning, the birds were singing.",
        "dad would have loved this weather",
        "We have two tickets and I am going alone.",
        "I wasnt there when she went",
        "I would give anything to hear his laugh",
        "My cousin jumped.",
        "He was such a good dog.",
    ],
    "lost child": [
        "I'm not pregnant any more",
        "There was only silence, the sonographer went quiet.",
        "We can't have children.",
    ],
    "illness": [
        "They found something on my lung.",
        "It's back, they told us today",
        "He has months.",
        "she doesn't recognise us",
        "The scan was meant to be the best moment of our lives.",
    ],
    "assault": [
        "I never told anyone what he did to me.",
        "My uncle came to my room at night.",
        "they told me it could've been worse",
    ],
    "abuse": [
        "He goes quiet and I hide when I hear his key.",
        "My husband won't let me see my friends",
        "I sleep with a chair against the door.",
    ],
    "accident": [
        "It was my turn to watch the pool.",
        "I looked away for a second.",
        "We got out but the dogs didn't.",
    ],
    "work, money, home": [
        "They let me go after thirty years.",
        "We sleep in our car.",
        "My partner vanished with all our money.",
    ],
    "betrayal": [
        "I found her with my brother.",
        "He has a second family.",
        "She is seeing someone else.",
    ],
    "war and prison": [
        "Nobody I knew is left in it.",
        "My brother got twelve years today.",
        "They shelled the playground.",
    ],
    "addiction": [
        "I hid the bottles.",
        "She chose the pills over her kids.",
        "I drank last night.",
    ],
    "guilt": [
        "I was too busy to answer her call.",
        "I should have stopped him.",
        "Everyone calls me lucky.",
    ],
}


@pytest.mark.parametrize(
    "text",
    [
        "My grandmother died last week.",
        "we LOST the BABY on monday",
        "I was diagnosed with cancer",
        "she didn\u2019t wake up",
        "the house burned down and we got out with nothing",
        "he hits me when he drinks",
        "my f\u200buneral",
        "he's gone, and I CAN\u2019T pay the rent",
        *(text for texts in TOLD_WITHOUT_A_GRAVE_WORD.values() for text in texts),
    ],
)
def test_a_grave_message_is_found(text: str) -> None:
    assert gravity_in(text)
    assert gravity_in("I am fine.", "That is great!", text)
    assert gravity_in(text, "Oh.", "thanks for asking")


@pytest.mark.parametrize(
    "text",
    [
        "I got the job!",
        "My diet is going well",
        "We won the match and danced all night.",
        "hi",
        "I'm dying to see the new museum",
        "She killed it at the audition, I laughed myself to tears",
        "I am dead tired but happy, the cake was to die for",
        "My phone died at the concert",
        "I can't wait to take the kids to the pool",
        "We burned the popcorn and sat around the fire",
    ],
)
def test_other_messages_are_not(text: str) -> None:
    assert not gravity_in(text)
    assert not gravity_in(text, "Your dog died?", text)  # the listener's turn is not read


@pytest.mark.parametrize(
    "reply", ["That is awesome!", "Congratulations!", "I am glad for you.", "Haha, lol", "GREAT!"]
)
def test_a_cheerful_reply_is_found(reply: str) -> None:
    assert is_cheerful(reply)


@pytest.mark.parametrize(
    "reply", ["I am so sorry.", "Oh no! What happened?", "That is greatly sad"]
)
def test_a_careful_one_is_none(reply: str) -> None:
    assert not is_cheerful(reply)


DEATHS = [
    "My dog died today :(",
    "My brother killed himself last year.",
    "I lost my dad to suicide",
    "a kid at my school hung himself",
    "Our son was stillborn at 38 weeks.",
    "He slipped away this morning.",
    "We had to have our dog put to sleep",
    "My brother didn't make it.",
    "I lost my husband to cancer",
    "my late wife loved the sea",
]


@pytest.mark.parametrize("text", DEATHS)
def test_a_death_is_found(text: str) -> None:
    assert gravity_in(text) is Gravity.DEATH
    assert gravity_in(text, "Oh.", "I was laid off, too") is Gravity.DEATH


@pytest.mark.parametrize(
    "text",
    [
        "I was laid off",
        "she hits me",
        "I have cancer",
        "I lost my dog. I lost him in the park.",
        "My cat did not come home",
        "My dog never came back",
        "The house is gone.",
        "My friend attempted suicide",
        "Our baby is in the NICU",
        "I lost it at the beach",
    ],
)
def test_another_grave_thing_is_no_death(text: str) -> None:
    assert gravity_in(text) is Gravity.GRAVE


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry to hear that. I hope you find him soon.",
        "I hope everything works out.",
        "Maybe you can get another dog.",
        "I am sure she will be back.",
        "Oh no, did you tell him?",
        "That is terrible. Is he okay?",
        "I am sorry. You should get a new one.",
    ],
)
def test_a_careless_reply_suits_no_death(reply: str) -> None:
    assert not suits(reply, Gravity.DEATH)
    assert suits(reply, Gravity.GRAVE)
    assert suits(reply, Gravity.NONE)


@pytest.mark.parametrize(
    "reply",
    [
        "I'm so sorry to hear that.",
        "Oh no! What happened?",
        "I know how hard it is when you lose a pet.",
        "I hope you are okay.",
    ],
)
def test_a_condolence_suits_all(reply: str) -> None:
    assert all(suits(reply, gravity) for gravity in Gravity)
    assert not any(suits("That is great!", gravity) for gravity in Gravity)


@pytest.mark.parametrize("kind", ["grave", "uncertain"])
def test_the_fixed_replies_are_careful(kind: str) -> None:
    draw = partial(careful_replies, gravity=Gravity.GRAVE if kind == "grave" else Gravity.NONE)
    replies = CAREFUL_REPLIES[kind]
    drawn = {draw(seed, 1)[0] for seed in range(100)}
    assert drawn == set(draw(0, len(replies))) == set(replies)
    assert len(draw(0, 9)) == 9
    assert draw(0, 0) == []
    for text in replies:
        assert suits(text, Gravity.DEATH)
        check_turns(text)
    assert draw(7, 2) == draw(7, 2)


def test_what_may_be_pleasant_gets_no_condolence() -> None:
    assert not [text for text in CAREFUL_REPLIES["uncertain"] if "sorry" in text]


def all_patterns(table: str) -> list[str]:
    return [pattern for listed in sections(table, FOLDER).values() for pattern in listed]


@pytest.mark.parametrize("table", ["patterns", "harmless"])
def test_every_pattern_matches_its_own_words(table: str) -> None:
    patterns = all_patterns(table)
    assert len(patterns) == len(set(patterns)) > 70
    for pattern in patterns:
        assert needed(pattern)
        chosen = [each.phrases[0] for each in parse(pattern) if each.phrases]
        words = " ".join(phrase for phrase in chosen if phrase not in "<>").split()
        assert match(parse(pattern), [END, *words, END], 1) >= 0, pattern
        assert PatternSet(patterns).matches([END, *words, END])


def test_a_harmless_phrase_hides_no_more_than_its_words() -> None:
    assert gravity_in("The cake was to die for, and then my father died.")
    assert gravity_in("My phone died. So did my dog: it was run over.")


def test_a_set_of_patterns_finds_what_each_finds_alone() -> None:
    patterns = all_patterns("patterns")
    every = PatternSet(patterns)
    for texts in TOLD_WITHOUT_A_GRAVE_WORD.values():
        for text in texts:
            for sentence in sentences_of(plain_text(text)):
                alone = any(search(pattern, sentence) for pattern in patterns)
                assert every.matches(sentence) == alone


def test_matches_are_hidden_in_the_order_of_the_patterns() -> None:
    hiding = PatternSet(["b c", "a b"])
    assert hiding.hide([END, "a", "b", "c", END]) == [END, "_", "_", "c", END]
    assert hiding.hide([END, "c", END]) == [END, "c", END]
