"""The page as a browser gets it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mime_fast.evaluation.page import page
from mime_fast.evaluation.page.material import Material
from mime_fast.evaluation.page.page import PARTS, build_page, write_page

VOID = {"meta"}


class Reader(HTMLParser):
    """Checks that elements nest, and collects ids, links and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">(.*?)</section>', text, re.DOTALL)
    assert found, name
    return found[1]


def test_every_part_is_there_in_its_order(material: Material) -> None:
    reader = read(build_page(material))
    names = [part(material).name for part in PARTS]
    sections = [v for tag, name, v in reader.attributes if (tag, name) == ("section", "id")]
    links = [v for tag, name, v in reader.attributes if (tag, name) == ("a", "href")]
    assert sections == names
    assert links[: len(names) + 1] == [page.LICENCE, *(f"#{name}" for name in names)]


def test_it_needs_nothing_from_elsewhere(material: Material) -> None:
    text = build_page(material)
    reader = read(text)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "base"}
    assert not re.search(r"@import|url\(|@font-face", text)
    for tag, name, value in reader.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "srcset", "xlink:href"}
        assert tag == "a" or "://" not in (value or "")


def test_hostile_text_is_text(material: Material) -> None:
    text = build_page(material)
    reader = read(text)
    assert "<script" not in text
    assert any("<script>alert('&\"')</script>" in shown for shown in reader.texts)


def test_drawings_say_what_they_are(material: Material) -> None:
    reader = read(build_page(material))
    labels = [v for tag, name, v in reader.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == 3  # recall, confusion, embedding
    assert all(labels)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("figures", "emotion accuracy of bare (the file holds no recognised emotions)."),
        ("embeddings", "no system without mimicry was given"),
        ("embeddings", "other, bare: the outputs hold no emotion embedding."),
        ("attention", "outputs do not hold it, the checkpoint does (--weights)."),
        ("mixture", "outputs do not hold it, the checkpoint does (--weights)."),
        ("errors", "bare: the outputs hold no costs."),
        ("errors", "bare: the outputs hold no recognised emotions."),
        ("seeds", "other, bare: the outputs hold no replies of several seeds."),
    ],
)
def test_what_is_left_out_says_why(material: Material, name: str, why: str) -> None:
    assert why in section(build_page(material), name)


def test_the_licence_of_what_is_quoted_is_named(material: Material) -> None:
    assert "EmpatheticDialogues (Rashkin et al. 2019)" in build_page(material)


def test_quoted_figures_are_apart_from_those_computed_here(material: Material) -> None:
    text = build_page(material)
    assert "17.80 M" in section(text, "quoted")
    assert "17.80 M" not in section(text, "figures")


def test_the_same_seed_draws_the_same_examples(material: Material) -> None:
    assert material.draw(2, stream="a") == material.draw(2, stream="a")
    assert build_page(material) == build_page(material)


def test_a_page_is_written_whole_or_not_at_all(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "new" / "page.html"
    write_page(material, out)
    before = out.read_text("utf-8")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_page(material, out)
    assert out.read_text("utf-8") == before
    assert list(out.parent.iterdir()) == [out]
