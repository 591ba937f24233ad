"""The authors' words in the order of their ids."""

from pathlib import Path

from mime_fast.config import ModelConfig
from mime_fast.convert.state import ConvertError
from mime_fast.files import read_text
from mime_fast.text.tokenizer import SPECIAL_WORDS, Tokenizer


def read_vocabulary(path: Path) -> list[str]:
    """The ordinary words of a vocabulary file in the order of their ids, which start at 7."""
    try:
        text = read_text(path)
    except OSError as error:
        raise ConvertError(
            f"no vocabulary at {path} ({error.strerror}); expected a text file, one word a line"
        ) from error
    except ValueError as error:
        raise ConvertError(str(error)) from error
    words = text.removesuffix("\n").split("\n") if text else []
    first: dict[str, int] = {}
    for number, word in enumerate(words, 1):
        if not word.strip() or any(character.isspace() for character in word):
            raise ConvertError(
                f"{path}:{number}: a word must be non-empty and without white space, "
                f"got {word!r:.60}; write one word a line"
            )
        if word in first:
            raise ConvertError(
                f"{path}:{number}: repeats {word!r} of line {first[word]}; "
                "every word has one id: list it once"
            )
        first[word] = number
    has_specials = tuple(words[: len(SPECIAL_WORDS)]) == SPECIAL_WORDS
    return words[len(SPECIAL_WORDS) :] if has_specials else words


def make_tokenizer(words: list[str], path: Path) -> Tokenizer:
    """The tokenizer of a vocabulary; ConvertError names a word that cannot be in it."""
    try:
        return Tokenizer.from_words(words)
    except ValueError as error:
        specials = " ".join(SPECIAL_WORDS)
        raise ConvertError(
            f"{path}: {error}; list the words only, or {specials} first and then the words"
        ) from error


def check_size(words: list[str], config: ModelConfig, path: Path) -> None:
    """ConvertError unless the model has an id for each of the words, and no other."""
    special = len(SPECIAL_WORDS)
    size = special + len(words)
    if size != config.vocab_size:
        raise ConvertError(
            f"{path} makes {size} ids ({special} special, {len(words)} words), but the model "
            f"in the file has {config.vocab_size}; give the vocabulary that it was trained with"
        )
