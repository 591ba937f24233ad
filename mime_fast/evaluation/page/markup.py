"""HTML that is escaped unless it says that it is markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


class Html(str):
    """Markup; any other string is text."""

    __slots__ = ()


@dataclass(frozen=True)
class Part:
    """A section of the page."""

    name: str  # what links lead to
    title: str
    body: Html


def markup(value: object) -> Html:
    """Markup as it is, everything else as escaped text."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(values: Iterable[object], between: str = "") -> Html:
    """Several values one after the other; `between` is text."""
    return Html(escape(between).join(map(markup, values)))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element. Attributes are written with hyphens, `class_` is class.

    Example:
        >>> tag("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    written = join(
        Html(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"')
        for key, value in attributes.items()
    )
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def paragraph(*children: object) -> Html:
    """A paragraph."""
    return tag("p", *children)


def groups_named() -> Html:
    """The words "positive and negative", each in the colour of its group."""
    positive, negative = (tag("b", name, class_=name) for name in ("positive", "negative"))
    return join([positive, " and ", negative])


def absent(reason: str) -> Html:
    """Why something is not here."""
    return tag("p", reason, class_="absent")


def listed(items: Iterable[object]) -> Html:
    """A list, one item a line."""
    return tag("ul", *(tag("li", item) for item in items))


def terms(pairs: Iterable[tuple[object, object]]) -> Html:
    """Names and what they are."""
    found = (join([tag("dt", name), tag("dd", text)]) for name, text in pairs)
    return tag("dl", *found)


def folded(title: str, *children: object) -> Html:
    """What opens when asked for."""
    return tag("details", tag("summary", title), *children)


def table(caption: str, head: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """A table that scrolls in itself; the first cell of a row is its name."""
    headings = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = (
        tag("tr", tag("th", name, scope="row"), *(tag("td", cell) for cell in cells))
        for name, *cells in rows
    )
    whole = tag("table", tag("caption", caption), tag("thead", headings), tag("tbody", *body))
    return scroll(whole, caption)


def figure(drawing: Html, caption: object) -> Html:
    """A drawing that scrolls in itself, and what it shows."""
    return tag("figure", scroll(drawing, "figure"), tag("figcaption", caption))


def scroll(content: Html, label: str) -> Html:
    """What may be wider than the screen; the keyboard reaches it."""
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=label)
