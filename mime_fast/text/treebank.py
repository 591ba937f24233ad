"""The word rules of MIME's authors, as a pipeline of the `tokenizers` library.

Source: the authors' `get_words`: delete `"`, lower-case, write 23 contractions out, then NLTK 3.4.5
`word_tokenize` (Punkt sentences, Treebank words). Each rule either replaces a literal or inserts a
blank at a place described by look-around (the library has no back references); the words are what
lies between blanks. Sentence ends are approximated by a word-final period, with the exceptions of
`_INNER_PERIOD`.

Beyond the authors, because people type it: typographic quotes, dashes and ellipses, backquotes and
doubled apostrophes count as their ASCII forms, an emoji is a word of its own, and control and
invisible characters vanish. This changes no utterance of the authors' test data.
"""

from tokenizers import Regex, normalizers, pre_tokenizers

# Controls except tab, newline and return; double quotes; invisible format characters.
_DELETED = '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"“”„«»\u00ad\u200b-\u200f\u2060\ufe0f\ufeff]'
_APOSTROPHES = "[`\u00b4\u02bc\u2018\u2019]"

# The authors' 23 pairs, grouped by what replaces the ending: one step costs about 0.9 us of 40.
_CONTRACTIONS = (
    (r"(?<=do|does|did|could|are|is|was|were)n't|(?<=can)'t", " not"),
    (r"(?<=w)on't", "ill not"),
    (r"(?<=it|that|what|there)'s", " is"),
    (r"(?<=you|i)'d", " would"),
    (r"(?<=you|they|there)'re", " are"),
    (r"(?<=you)'ll", " will"),
    (r"(?<=i)'m", " am"),
    (r"(?<=i|we)'ve", " have"),
)

# Punkt keeps the period on these when text follows: single letters, bare numbers, abbreviations.
_ABBREVIATIONS = (
    *("capt", "corp", "dr", "gov", "inc", "jr", "lt", "ltd", "mr", "mrs", "ms", "ok"),
    *("prof", "sen", "sgt", "sr", "st", "va", "vs"),
)
_INNER_PERIOD = "|".join(
    (
        r"[\s.(]\p{L}|\A\p{L}",
        # A look-behind needs fixed lengths; longer numbers do not occur before a period.
        *(rf"\s\d{{{digits}}}|\A\d{{{digits}}}" for digits in (1, 2, 3, 4)),
        *(rf"\b{word}" for word in _ABBREVIATIONS),
    )
)
# Possessive: a run of closing marks is never walked twice.
_LAST_PERIOD = r"(?<=[^.])\.(?=[\])}>']*+\s*+\z)"
_SENTENCE_PERIOD = rf"(?<=[^.\s])(?<!{_INNER_PERIOD})\.(?=[\])}}>']*+\s|[?!;:@*(\[{{])"

_SYMBOL = "[;@#$%&?!()\\[\\]{}<>\u2600-\u27bf\U0001f000-\U0001faff]"
_SYMBOL_EDGE = rf"(?<={_SYMBOL})|(?={_SYMBOL})"
_NO_DIGIT = r"(?=\D|\z)"  # 10,000 and 12:30 are one word
_END = r"(?=\s|\z)"
_COMPOUND = (
    r"(?<=\bcan)(?=not\b)|(?<=\bgon)(?=na\b)|(?<=\bwan)(?=na(?:\s|\z))|(?<=\bgot)(?=ta\b)"
    r"|(?<=\bgim|\blem)(?=me\b)|(?<=\bd)(?='ye\b)|(?<=\s't|\A't)(?=(?:is|was)\b)"
)


def _replace(pattern: str, content: str) -> normalizers.Normalizer:
    return normalizers.Replace(Regex(pattern), content)


def word_normalizer() -> normalizers.Normalizer:
    """A normaliser after which the authors' words are exactly what white space separates.

    A step with a literal first character is two to six times as fast as one that begins with
    look-around (1 us against 2 to 6 us an utterance), hence two steps for `,` and `:`.
    """
    return normalizers.Sequence(
        [
            _replace(_DELETED, ""),
            _replace(_APOSTROPHES, "'"),
            normalizers.Replace("''", ""),
            normalizers.Lowercase(),
            *(_replace(pattern, content) for pattern, content in _CONTRACTIONS),
            _replace(f"{_LAST_PERIOD}|{_SENTENCE_PERIOD}", " ."),
            _replace(r"\.\.\.|\u2026", " ... "),
            _replace("--|\u2014", " -- "),
            _replace(_SYMBOL_EDGE, " "),
            _replace(f",{_NO_DIGIT}", " , "),
            _replace(f":{_NO_DIGIT}", " : "),
            _replace(r"'(?![mtsd])(?=\w\b)", " ' "),
            _replace(rf"(?<=[^'\s])'(?=(?:[smd]|ll|re|ve)?{_END})", " '"),
            _replace(rf"(?<=[^'\s])n't{_END}", " n't"),
            _replace(_COMPOUND, " "),
        ]
    )


def word_splitter() -> pre_tokenizers.PreTokenizer:
    """The pre-tokeniser that goes with `word_normalizer`: white space alone."""
    return pre_tokenizers.WhitespaceSplit()
