"""A conversation on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from mime_fast.cli.prompt import LEAVE, Reader, clean_exit, create_reader
from mime_fast.cli.show import chart, describe_crisis, describe_cut
from mime_fast.cli.unknown_words import warn_unknown
from mime_fast.text.escapes import strip_escapes
from mime_fast.text.message import check_turns

if TYPE_CHECKING:
    from mime_fast.config import GenerationConfig
    from mime_fast.generator import Generator
    from mime_fast.types import Response

QUIT = "/quit"


def converse(
    generator: Generator, config: GenerationConfig, history: Sequence[str], message: str | None
) -> None:
    """Answer messages until Ctrl-D, /quit or the end of the input.

    history: the turns before, the speaker's and the listener's in turn. message: answered first,
    as an example; the conversation then starts anew.
    """
    conversation = ShownConversation(generator, config, list(history))
    with clean_exit():
        if message is not None:
            conversation.show_example(message)
        conversation.run(create_reader())


class ShownConversation:
    """The turns so far, and where they are shown."""

    def __init__(self, generator: Generator, config: GenerationConfig, turns: list[str]) -> None:
        self.generator, self.config, self.turns = generator, config, turns
        # A reply is never markup, and is broken into lines by the terminal alone.
        self.console = Console(highlight=False, emoji=False, soft_wrap=True)

    def show_example(self, message: str) -> None:
        """Answer a message that is not part of what follows."""
        self.console.print("[bold]you:[/] ", end="")
        self.console.print(message.encode(errors="replace").decode(), markup=False)
        turns, self.turns = self.turns, []
        self.answer(message)
        self.turns = turns

    def run(self, reader: Reader) -> None:
        """Answer message after message; an empty one does nothing."""
        self.console.print(f"[dim]Write a message; {LEAVE}.[/]")
        while (line := reader.read()) is not None:
            message = strip_escapes(line).strip()
            if message.lower() == QUIT:
                return
            if not message:
                continue
            try:
                self.answer(message)
            except KeyboardInterrupt:
                if not reader.is_terminal:
                    raise
                self.console.print("\n[dim](stopped; the message is forgotten)[/]")

    def answer(self, message: str) -> None:
        """Show the reply as it is made; an error is shown, and changes nothing."""
        response = None
        try:
            check_turns(message)
            for number, event in enumerate(
                self.generator.stream([*self.turns, message], self.config)
            ):
                if number == 0:
                    self.console.print("[bold cyan]mime:[/] ", end="")
                self.console.print(event.text, end="", markup=False, style="cyan")
                response = event.response
        except ValueError as error:
            self.console.print(str(error), markup=False, style="red")
            return
        self.console.print()
        if response is not None:
            if response.text.strip():  # a stop string may have cut all of it; no turn is empty
                self.turns += [message, response.text]
            self._show_details(response)

    def _show_details(self, response: Response) -> None:
        for candidate in response.candidates[1:]:
            self.console.print(f"  or: {candidate.text}", markup=False, style="dim")
        scored = [each.score for each in response.candidates if each.score is not None]
        if self.config.return_scores and scored:  # the fixed reply to a crisis has none
            scores = ", ".join(f"{score:.3f}" for score in scored)
            self.console.print(f"[dim]  score {scores}[/]")
        self.console.print(chart(response, self.console.width))
        if cut := describe_cut(response):
            self.console.print(f"[dim]{cut}[/]")
        warn_unknown(response)
        if crisis := describe_crisis(response):
            self.console.print(f"[dim]{crisis}[/]")
