"""Published figures, as printed by their sources: nothing here was computed by us."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "MIME's paper (Majumder et al., EMNLP 2020, arXiv 2010.01454)"


@dataclass(frozen=True)
class Quoted:
    """A published table."""

    title: str
    source: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


TABLES = (
    Quoted(
        "Systems",
        f"{PAPER}, Table 2; people rate 128 examples from 1 to 5",
        ("", "parameters", "BLEU", "empathy", "relevance", "fluency"),
        (
            ("Multi-TR", "16.95 M", "2.92", "3.67", "3.47", "4.30"),
            ("MoEL", "23.10 M", "2.90", "3.71", "3.32", "4.31"),
            ("MIME", "17.80 M", "2.98", "3.87", "3.60", "4.28"),
        ),
    ),
    Quoted(
        "MIME beside others, per cent of 128 examples",
        f"{PAPER}, Table 3; people choose a reply",
        ("", "MIME wins", "MIME loses", "tie"),
        (
            ("Multi-TR", "42.25", "24.60", "33.15"),
            ("MoEL", "38.82", "28.32", "32.86"),
            ("MIME without stochasticity", "39.84", "23.43", "36.73"),
        ),
    ),
    Quoted(
        "Positive / negative emotion of the speaker",
        f"{PAPER}, Table 4; people rate from 1 to 5",
        ("", "empathy", "relevance", "fluency"),
        (
            ("Multi-TR", "3.77 / 3.61", "3.51 / 3.45", "4.33 / 4.28"),
            ("MoEL", "3.73 / 3.76", "3.21 / 3.40", "4.35 / 4.30"),
            ("MIME", "4.00 / 3.80", "3.77 / 3.49", "4.33 / 4.26"),
        ),
    ),
    Quoted(
        "Ablations",
        f"{PAPER}, Table 5",
        ("", "BLEU", "empathy", "relevance", "fluency"),
        (
            ("no mimicry, no grouping", "2.45 ± 0.01", "3.14", "3.58", "4.23"),
            ("grouping only", "2.96 ± 0.02", "3.67", "3.63", "4.09"),
            ("both: MIME", "2.98 ± 0.01", "3.87", "3.60", "4.28"),
        ),
    ),
    Quoted(
        "Emotion recognition",
        f"{PAPER}; in its text",
        ("", "top-1", "top-2", "top-5"),
        (("MoEL", "38%", "63%", "74%"), ("MIME", "34%", "58%", "77%")),
    ),
    Quoted(
        "The released replies of MIME",
        "header of output.txt in the authors' repository (commit 75419cf)",
        ("", "perplexity", "emotion accuracy", "BLEU greedy", "BLEU beam", "BLEU top-k"),
        (("MIME", "37.5363", "0.3488", "2.76", "3.13", "1.76"),),
    ),
    Quoted(
        "Later re-runs",
        "CASE's paper (ACL 2023), Table 1, as copied in a public report of a reproduction; "
        "not compared with the paper itself",
        ("", "perplexity", "Dist-1", "Dist-2", "emotion accuracy"),
        (
            ("Multi-TRS", "37.45", "0.51", "2.12", "34.7%"),
            ("MoEL", "38.35", "0.44", "2.10", "32.2%"),
            ("MIME", "37.33", "0.41", "1.62", "29.6%"),
        ),
    ),
    Quoted(
        "Re-runs in CEM's line of work",
        "CEM's paper (AAAI 2022, arXiv 2109.05739), Table 1; the rows of MoEL and MIME were not "
        "compared with the paper itself, that of CEM was confirmed by IAMM's Table 1",
        ("", "perplexity", "Dist-1", "Dist-2", "emotion accuracy"),
        (
            ("MoEL", "36.93", "0.44", "2.10", "30.62%"),
            ("MIME", "37.09", "0.47", "1.90", "31.36%"),
            ("CEM", "36.11", "0.66", "2.99", "39.11%"),
        ),
    ),
)
