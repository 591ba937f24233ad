"""The whole page: its parts in their order, and the file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from mime_fast.evaluation.page import (
    analysis,
    embeddings,
    examples,
    inside,
    made,
    recognition,
    speed,
    summary,
    tables,
    variety,
)
from mime_fast.evaluation.page.markup import Html, Part, join, tag
from mime_fast.evaluation.page.material import Material
from mime_fast.files import write_whole

PARTS = (
    summary.part,
    tables.figures_part,
    tables.quoted_part,
    tables.tests_part,
    speed.part,
    recognition.part,
    embeddings.part,
    inside.attention_part,
    inside.mixture_part,
    examples.part,
    analysis.part,
    variety.part,
    made.part,
)
TITLE = "mime_fast: systems beside each other"
LICENCE = "https://creativecommons.org/licenses/by-nc/4.0/"


def build_page(material: Material) -> str:
    """The page as HTML that needs nothing else: no script, no font, no network."""
    parts = [build(material) for build in PARTS]
    head = [
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", TITLE),
        tag("style", Html(files(__package__).joinpath("style.css").read_text("utf-8"))),
    ]
    body = [_opening(material), _contents(parts), *map(_section, parts)]
    whole = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{whole}\n"


def write_page(material: Material, path: Path) -> None:
    """Write the page, at once or not at all: a reader never sees half of one."""
    text = build_page(material)
    write_whole(path, text.encode(errors="replace"))


def _opening(material: Material) -> Html:
    names = ", ".join(each.outputs.system for each in material.systems)
    licence = tag(
        "p",
        "This page quotes dialogues of EmpatheticDialogues (Rashkin et al. 2019), which are under ",
        tag("a", "CC BY-NC 4.0", href=LICENCE),
        ": name the source when you share it, and do not use it commercially.",
        class_="licence",
    )
    return join([tag("h1", TITLE), tag("p", names, class_="facts"), licence])


def _contents(parts: list[Part]) -> Html:
    links = (tag("li", tag("a", part.title, href=f"#{part.name}")) for part in parts)
    return tag("nav", tag("ol", *links), aria_label="contents")


def _section(part: Part) -> Html:
    return tag("section", tag("h2", part.title), part.body, id=part.name)
