"""What one annotator gets and gives: items without the names of systems, in their own order."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mime_fast.evaluation.human.plan import Item, Plan
from mime_fast.evaluation.human.verdict import Choice, Scores, Vote
from mime_fast.evaluation.human.votes import VoteStore, by_item, is_open

NAME_LENGTH = 40

Side = Literal["left", "right", "tie"]


class UnknownItemError(ValueError):
    """There is no such item, or this annotator has not answered it yet."""


@dataclass(frozen=True)
class Desk:
    """The items and votes of annotators, who know an item by its place in their own order."""

    plan: Plan
    store: VoteStore

    def next(self, name: str) -> dict[str, Any]:
        """Progress, and the next item of an annotator; None when there is none now."""
        annotator = annotator_name(name)
        item, votes = self.store.assign(annotator, self.plan.order(annotator))
        return self._page(annotator, item, votes)

    def again(self, name: str, place: int) -> dict[str, Any]:
        """Progress, and an item that the annotator has answered, with the answer.

        Raises:
            UnknownItemError: it is none of theirs.
        """
        annotator = annotator_name(name)
        item, votes = self._item(annotator, place), self.store.latest()
        if all((vote.item, vote.annotator) != (item, annotator) for vote in votes):
            raise UnknownItemError(f"{annotator} has not answered item {place}; ask for the next")
        return self._page(annotator, item, votes)

    def vote(self, name: str, place: int, revision: int, answer: Mapping[str, int] | Side) -> None:
        """Store an answer: the scores of a reply, or the side of a pair.

        Raises:
            UnknownItemError: there is no such place.
            DuplicateVoteError: another answer of that revision is stored.
            ValueError: the answer is not of the item's kind.
        """
        annotator = annotator_name(name)
        item = self._item(annotator, place)
        if item.is_pair != isinstance(answer, str):
            wanted = "a choice" if item.is_pair else "scores"
            raise ValueError(f"item {place} needs {wanted}; load the page again")
        sides = self.plan.sides(annotator, item)
        stored = _choice(item, sides, answer) if isinstance(answer, str) else Scores(**answer)
        self.store.add(Vote(item, annotator, stored, revision), shown_left=sides[0])

    def _item(self, annotator: str, place: int) -> Item:
        order = self.plan.order(annotator)
        if not 0 <= place < len(order):
            raise UnknownItemError(f"item must be in [0, {len(order) - 1}], got {place}")
        return order[place]

    def _page(self, annotator: str, item: Item | None, votes: list[Vote]) -> dict[str, Any]:
        items, order = by_item(votes), self.plan.order(annotator)
        place = {other: at for at, other in enumerate(order)}
        places = [place[vote.item] for vote in votes if vote.annotator == annotator]
        return {
            "evaluation": self.plan.id,
            "annotator": annotator,
            "done": len(places),
            "remaining": sum(is_open(items[other], annotator) for other in order),
            "previous": places[-1] if places else None,
            "item": None
            if item is None
            else self._view(annotator, item, place[item], places, items[item]),
        }

    def _view(
        self, annotator: str, item: Item, place: int, places: list[int], votes: list[Vote]
    ) -> dict[str, Any]:
        sides = self.plan.sides(annotator, item)
        own = next((vote for vote in votes if vote.annotator == annotator), None)
        at = places.index(place) if own else len(places)
        return {
            "item": place,
            "context": self.plan.examples[item.example].context,
            "replies": [self.plan.texts[system][item.example] for system in sides],
            "revision": 0 if own is None else own.revision + 1,
            "answer": None if own is None else _shown(item, sides, own.answer),
            "previous": places[at - 1] if at else None,
            "following": places[at + 1] if at + 1 < len(places) else None,
        }


def annotator_name(name: str) -> str:
    """The one spelling of a name: `Ann`, ` ann` and `ANN` are one person.

    Raises:
        ValueError: it is empty, too long, or holds what cannot be printed.
    """
    found, before = name, None
    while found != before:  # once is not enough: folded letters may compose
        before, found = found, " ".join(unicodedata.normalize("NFKC", found).casefold().split())
    if not 1 <= len(found) <= NAME_LENGTH or not found.isprintable():
        raise ValueError(
            f"a name must have 1 to {NAME_LENGTH} printable characters, got {name!r:.60}"
        )
    return found


def _choice(item: Item, sides: tuple[str, ...], side: Side) -> Choice:
    if side == "tie":
        return "tie"
    return "first" if sides[side == "right"] == item.systems[0] else "second"


def _shown(item: Item, sides: tuple[str, ...], answer: Scores | Choice) -> dict[str, int] | str:
    """An answer as it was given: the scores, or the side."""
    if isinstance(answer, Scores):
        return answer._asdict()
    if answer == "tie":
        return "tie"
    return "left" if sides[0] == item.systems[answer == "second"] else "right"
