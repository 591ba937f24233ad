"""Options of the command line, made of the table of options of a config.

    @app.command(cls=Command)
    @takes(generation=Options(GenerationConfig))
    def respond(generation: GenerationConfig, text: str) -> None: ...

The command then has an option for each field of GenerationConfig, and gets the config made of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from mime_fast.options import Entry, choice_text, describe, table

MOST_LISTED = 8  # choices that a line of --help lists; the error lists all

Command = Callable[..., None]


@dataclass(frozen=True)
class Options:
    """The options of a config; defaults: where the command's differ from the config's.

    build makes what the command gets; dict where the config needs more than the options.
    given_only: it gets those that stand on the command line, as a mapping.
    """

    config: type
    build: Callable[..., Any] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    given_only: bool = False

    @property
    def entries(self) -> list[Entry]:
        """The lines of the table that the command line has."""
        return [entry for entry in table(self.config) if entry.option.exposed]

    def parameters(self) -> list[inspect.Parameter]:
        """A parameter for each option, as typer reads it."""
        return [_parameter(e, self.defaults.get(e.name, e.default)) for e in self.entries]

    def take(self, given: dict[str, Any], context: typer.Context) -> Any:
        """Remove the options from the command's arguments, and make the config of them."""
        values = {entry.name: _value(entry, given.pop(entry.name)) for entry in self.entries}
        if self.given_only:  # what is not given is the checkpoint's, with which they are checked
            return {name: value for name, value in values.items() if _is_given(name, context)}
        return (self.build or self.config)(**values)


def takes(**tables: Options) -> Callable[[Command], Command]:
    """Give a command the options of these tables; each is handed over under its keyword."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(context: typer.Context, **given: Any) -> None:
            made = {name: options.take(given, context) for name, options in tables.items()}
            command(**made, **given)

        own = inspect.signature(command, eval_str=True).parameters.values()
        made = [parameter for options in tables.values() for parameter in options.parameters()]
        keyword = inspect.Parameter.KEYWORD_ONLY
        context = inspect.Parameter("context", keyword, annotation=typer.Context)
        left = [p.replace(kind=keyword) for p in own if p.name not in tables]
        signature = inspect.Signature([context, *left, *made])
        run.__signature__ = signature  # type: ignore[attr-defined] # what inspect reads first
        run.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
        return run

    return decorate


def _is_given(name: str, context: typer.Context) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _parameter(entry: Entry, default: Any) -> inspect.Parameter:
    kind: Any = str if entry.option.choices else entry.kind
    if entry.repeated:
        kind, default = list[kind], None
    elif entry.option.choices and default is not None:
        default = choice_text(default)
    if default is None:
        kind = kind | None
    info = typer.Option(
        *entry.option.flags,
        help=_help(entry),
        rich_help_panel=entry.option.group or None,
        autocompletion=_completion(entry),
    )
    return inspect.Parameter(
        entry.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, info],
    )


def _help(entry: Entry) -> str:
    """The line of the table, and what is allowed where that is a range or a short list."""
    option = entry.option
    allowed = ""
    if option.within:
        allowed = option.within.describe()
    elif 0 < len(option.choices) <= MOST_LISTED:
        allowed = describe(entry)
    return f"{option.help} {allowed[0].upper()}{allowed[1:]}." if allowed else option.help


def _completion(entry: Entry) -> Callable[[str], list[str]] | None:
    names = [choice_text(choice) for choice in entry.option.choices]

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete if names else None


def _value(entry: Entry, given: Any) -> Any:
    """What the config takes: a choice by its name, a repeated option as a tuple."""
    if entry.repeated:
        return tuple(given or entry.default)
    named = {choice_text(choice): choice for choice in entry.option.choices}
    return named.get(given, given) if isinstance(given, str) else given
