"""The figures of a comparison, in the order in which they are shown, and what each one is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """How a figure is written, and what it is."""

    format: str
    text: str


_PER_CENT, _TWO = ".2%", ".2f"

DESCRIPTIONS = {
    "parameters": Description(",.0f", "numbers that the model has learnt"),
    "perplexity_example_mean": Description(
        _TWO,
        "exp of the mean over examples of a reference's mean cost (the authors'); systems that "
        "mimic are given the label's polarity",
    ),
    "perplexity_token_mean": Description(_TWO, "exp of the mean cost over all tokens"),
    "perplexity_predicted_polarity": Description(
        _TWO, "example mean, mimicking the recognised polarity and not the label's"
    ),
    "perplexity_sampled_emotions": Description(
        _TWO, "example mean, emotion noise on, mean of 5 seeds"
    ),
    "unknown_types": Description(".0f", "different words of the references outside the vocabulary"),
    "emotion_accuracy": Description(_PER_CENT, "the label is the likeliest of 32 emotions"),
    "emotion_accuracy_top5": Description(_PER_CENT, "the label is among the likeliest five"),
    "emotion_macro_f1": Description(_PER_CENT, "mean over emotions of recognition's F1"),
    "polarity_accuracy": Description(_PER_CENT, "the recognised emotion is of the label's group"),
    "emotion_silhouette": Description(
        ".3f", "how far the positive and the negative emotions' embeddings are apart; 0: mixed"
    ),
    "emotion_silhouette_p": Description(
        ".2g", "random divisions of the emotions that are at least as far apart"
    ),
    "bleu": Description(_TWO, "BLEU-4 as multi-bleu.perl -lc (the authors'), 0 to 100"),
    "bleu_13a": Description(_TWO, "BLEU-4 as sacrebleu by default: 13a, exponential smoothing"),
    "bleu_greedy": Description(_TWO, "BLEU-4 (the authors') of greedy replies"),
    "bleu_beam": Description(_TWO, "of beam search, width 5"),
    "bleu_topk": Description(_TWO, "of sampling among the three likeliest words"),
    "bleu_mbr": Description(_TWO, "of what several samples agree on (minimum Bayes risk)"),
    "bleu_best_of": Description(_TWO, "of the best of several samples"),
    "bleu_13a_greedy": Description(_TWO, "BLEU-4 (sacrebleu's) of greedy replies"),
    "bleu_13a_beam": Description(_TWO, "of beam search, width 5"),
    "bleu_13a_topk": Description(_TWO, "of sampling among the three likeliest words"),
    "bleu_13a_mbr": Description(_TWO, "of what several samples agree on (minimum Bayes risk)"),
    "bleu_13a_best_of": Description(_TWO, "of the best of several samples"),
    "distinct_1": Description(".3f", "different words per hundred words of the replies"),
    "distinct_2": Description(".3f", "different pairs of words per hundred pairs"),
    "distinct_replies": Description(_PER_CENT, "different replies per reply"),
    "most_frequent_reply": Description(_PER_CENT, "examples that get the most frequent reply"),
    "length": Description(_TWO, "words of a reply, punctuation counted"),
    "polarity_agreement": Description(
        _PER_CENT, "the reply's sentiment (VADER) has the sign of the label's group"
    ),
    "polarity_agreement_positive": Description(_PER_CENT, "in positive contexts: it is above 0"),
    "polarity_agreement_negative": Description(_PER_CENT, "in negative contexts: it is below 0"),
    "polarity_discrimination": Description(
        ".3f", "a reply to a positive context is above one to a negative one; 0.5: by chance"
    ),
    "turn_polarity_agreement": Description(
        _PER_CENT, "it has the sign of the last turn's sentiment, where that has one"
    ),
    "relevance": Description(
        ".3f", "cosine of the reply's and the last turn's sentence vectors (MiniLM)"
    ),
    "right_context": Description(
        _PER_CENT, "a language model finds the reply likelier in its context than in another"
    ),
    "seeds_distinct_replies": Description(
        _PER_CENT, "different replies per reply to one context under several seeds"
    ),
    "seeds_self_bleu": Description(
        _TWO, "BLEU-4 of such a reply with the others as references; 100: all alike"
    ),
    "seeds_distinct_2": Description(".3f", "different pairs of words per hundred, of all of them"),
}
