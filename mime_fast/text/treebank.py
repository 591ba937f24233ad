"""The word rules of MIME's authors, as a pipeline of the `tokenizers` library.

Source: the authors' `get_words`: delete `"`, lower-case, write 23 contractions out, then NLTK 3.4.5
`word_tokenize` (Punkt sentences, Treebank words). Each rule either replaces a literal or inserts a
blank. Look-around describes where, since the library has no back references. The words are what
lies between blanks. Sentence ends are approximated by a word-final period, with the exceptions of
`_INNER_PERIOD`.

Beyond the authors' rules, characters.py makes typographic characters plain. An emoji is a word of
its own, with what its joiners connect. This changes no utterance of the authors' test data. Unlike
theirs the rules are idempotent: words joined by blanks give the same words. So every rule looks
ahead for the blanks that later rules insert.
"""

from tokenizers import normalizers, pre_tokenizers

from mime_fast.text.characters import plain_characters, replace

# The authors' 23 pairs, grouped by what replaces the ending: one step costs about 0.9 us of 40.
_CONTRACTIONS = (
    (r"(?<=can)'t", " not"),
    (r"(?<=w)on't", "ill not"),
    (r"(?<=it|that|what|there)'s", " is"),
    (r"(?<=you|i)'d", " would"),
    (r"(?<=you|they|there)'re", " are"),
    (r"(?<=you)'ll", " will"),
    (r"(?<=i)'m", " am"),
    (r"(?<=i|we)'ve", " have"),
    (r"n't(?<=don't|doesn't|didn't|couldn't|aren't|isn't|wasn't|weren't)", " not"),
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
_NO_DIGIT = r"(?=\D|\z)"  # 10,000 and 12:30 are one word
_SKIN_TONE = "\U0001f3fb-\U0001f3ff"
_SYMBOL = (
    r";@#$%&?!()\[\]{}<>\p{Extended_Pictographic}"
    "\u2600-\u27bf\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
)
_SYMBOL_EDGE = rf"(?<=[{_SYMBOL}{_SKIN_TONE}])(?![\u200d{_SKIN_TONE}])|(?=[{_SYMBOL}])(?<!\u200d)"
# Possessive: a run of closing marks is never walked twice.
_LAST_PERIOD = r"(?<=[^.])\.(?=[\])}>']*+\s*+\z)"
# Not before a comma: "etc., and".
_SENTENCE_PERIOD = (
    rf"(?<=[^.\s])(?<!{_INNER_PERIOD})\.(?=\s++(?!,{_NO_DIGIT})|[:*'{_SYMBOL}{_SKIN_TONE}]|--)"
)
_COMPOUNDS = (
    (r"\bcan(?=not\b)", "can "),
    (r"\bgon(?=na\b)", "gon "),
    (r"\bwan(?=na(?:['\s]|\z))", "wan "),
    (r"\bgot(?=ta\b)", "got "),
    (r"mme\b(?<=\bgimme|\blemme)", "m me"),
    (r"'ye\b(?<=\bd'ye)", " 'ye"),
    (r"'t(?<=\s't|\A't)(?=(?:is|was)\b)", "'t "),
)


def word_normalizer() -> normalizers.Normalizer:
    """A normaliser after which the authors' words are exactly what white space separates.

    A step with a literal first character takes 1 us an utterance, and one that begins with
    look-around 2 to 6 us. So there are two steps for `,` and `:`.
    """
    return normalizers.Sequence(
        [
            *plain_characters(),
            *(replace(pattern, content) for pattern, content in _CONTRACTIONS),
            replace(f"{_LAST_PERIOD}|{_SENTENCE_PERIOD}", " ."),
            replace(_SYMBOL_EDGE, " "),
            normalizers.Replace("...", " ... "),
            normalizers.Replace("--", " -- "),
            replace(f",{_NO_DIGIT}", " , "),
            replace(f":{_NO_DIGIT}", " : "),
            replace(r"n't(?<=[^'.\s]n't)(?=n't|['\s]|\z)", " n't"),
            *(replace(pattern, content) for pattern, content in _COMPOUNDS),
            replace(r"'(?![mtsd])(?=\w\b)", " ' "),
            replace(r"'(?<=[^'\s]')(?=\s|\z|(?:[smd]|ll|re|ve)(?:['\s]|\z))", " '"),
        ]
    )


def word_splitter() -> pre_tokenizers.PreTokenizer:
    """The pre-tokeniser that goes with `word_normalizer`: white space alone."""
    return pre_tokenizers.WhitespaceSplit()
