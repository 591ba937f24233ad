"""Options of `mime-fast annotate`; the command line is made of this table."""

from __future__ import annotations

from dataclasses import dataclass

from mime_fast.config import Config
from mime_fast.options import option

CONTEXTS = 128  # of the paper: 4 of each emotion


@dataclass(frozen=True)
class AnnotateOptions(Config):
    """What people are asked about, and where: draw_plan and listen check what depends on data."""

    decoding: str = option("greedy", "Which replies of a system: greedy, ...")
    contexts: int = option(CONTEXTS, "How many; as many of each emotion.")
    system: tuple[str, ...] = option((), "Only this one, in the order given; repeat the option.")
    pair: tuple[str, ...] = option(
        (), "FIRST:SECOND, an A/B pair; default: the first system with every other."
    )
    seed: int = option(0, "Seed of the contexts, orders and sides.")
    host: str = option("127.0.0.1", "Listen here; 0.0.0.0: the whole network.")
    port: int = option(8000, "Listen here; 0: any free one.")
    results: bool = option(False, "Print the results instead.", flags=("--results",))
    as_json: bool = option(False, "The results as JSON.", flags=("--json",))

    @property
    def shows_results(self) -> bool:
        """Whether the results are printed, and no page is served."""
        return self.results or self.as_json
