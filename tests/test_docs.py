"""What the documents name is there: links, headings, paths, modules, targets of make, commands."""

import os
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_group

from mime_fast.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/systems/README.md")
PLACES = [path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern))]
FOLDERS = (".ci", "benchmarks", "csrc", "deploy", "docs", "kernels", "mime_fast", "tests")
ENDINGS = ("cc", "cu", "h", "md", "py", "pyi", "toml")

# csrc/io/json.cc, docs/, load_model.cc; and patterns: kernels_<isa>.cc, mime.{h,cc}, NAME.py.
PATH = re.compile(
    rf"(?<![\w./<-])(?:(?:{'|'.join(map(re.escape, FOLDERS))})/(?:[\w.*{{}}<>,/-]*[\w}}])?"
    rf"|[\w<>{{}}/.-]+\.(?:{'|'.join(ENDINGS)}|\{{[a-z,]+\}}))(?![\w(-])"
)
PLACEHOLDER = re.compile(r"<\w+>|NAME|\{[a-z,]+\}")
MODULE = re.compile(r"(?<![\w./-])(?:mime_fast|benchmarks|tests)(?!\.h(?:pp)?\b)(?:\.\w+)+")
# Programs of others, with their own files.
PROGRAM = re.compile(r"^```(?:c|cpp|cmake)\n.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TARGET = re.compile(r"\bmake ((?:[A-Z_]+=\S+ )*)([a-z][a-z-]*)")
COMMAND = re.compile(r"\bmime-fast ([a-z]+)([^#;|]*)")


def read(place: Path) -> str:
    return place.read_text(encoding="utf-8").replace("\\_", "_")


def code(text: str) -> list[str]:
    """The lines of code blocks and what stands in backticks, without comments of the shell."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(.+)$", text, re.MULTILINE)
    lines = [*indented, *"\n".join(fenced).splitlines()]
    return [line.split(" # ")[0] for line in lines] + re.findall(r"`([^`\n]+)`", text)


def anchors(text: str) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(place: Path) -> Iterator[str]:
    for link in LINK.findall(read(place)):
        path, _, anchor = link.partition("#")
        target = (place.parent / path).resolve() if path else place
        if not path.startswith("https://") and (
            not target.exists() or (anchor and anchor not in anchors(read(target)))
        ):
            yield link


@cache
def files() -> list[str]:
    """All files that a path may mean, and their folders."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    found = [path for path in (*inside, *ROOT.iterdir()) if "__pycache__" not in path.parts]
    return [path.relative_to(ROOT).as_posix() for path in found]


def missing_paths(text: str) -> list[str]:
    """The paths of a text that no file has, from the root or as its last parts."""
    known = files()
    text = re.sub(r"https?://\S+", "", LINK.sub("]", text))
    return [
        path
        for path in dict.fromkeys(PATH.findall(text))
        if not any(_fits(name, PLACEHOLDER.sub("*", path.rstrip("/"))) for name in known)
    ]


def _fits(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(name, f"*/{pattern}")


def is_module(name: str) -> bool:
    """Whether it is a module, or a name that occurs in one."""
    parts = name.split(".")
    return _source(parts) is not None or parts[-1] in (_source(parts[:-1]) or "")


def _source(parts: list[str]) -> str | None:
    stem = ROOT.joinpath(*parts)
    for path in (stem.with_suffix(".py"), stem.with_suffix(".pyi"), stem / "__init__.py"):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return None


def targets() -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## ", read(ROOT / "Makefile"), re.MULTILINE))


def members() -> dict[str, set[str]]:
    """The files and folders at the top, of mime_fast and of csrc; of a checkout those of git."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    paths = listed.stdout.splitlines() if listed.returncode == 0 else files()
    found: dict[str, set[str]] = {"": set(), "mime_fast": set(), "csrc": set()}
    for parts in (path.split("/") for path in paths):
        found[""].add(parts[0])
        if len(parts) > 1 and parts[0] in found:
            found[parts[0]].add(parts[1])
    return found


@cache
def commands() -> dict[str, set[str]]:
    """The options of each command of mime-fast."""
    return {
        name: {"--help"}.union(*((*each.opts, *each.secondary_opts) for each in command.params))
        for name, command in get_group(app).commands.items()
    }


def unknown_commands(snippet: str) -> Iterator[str]:
    """The commands of mime-fast, and their options, that do not exist."""
    for name, rest in COMMAND.findall(snippet):
        if name not in commands():
            yield name
            continue
        flags = re.findall(r"(?<!\S)--[a-z-]+", rest)
        yield from (f"{name} {flag}" for flag in flags if flag not in commands()[name])


in_documents = pytest.mark.parametrize(
    "place", PLACES, ids=lambda path: path.parent.name + "/" + path.name
)


@in_documents
def test_every_link_leads_somewhere(place: Path) -> None:
    assert list(broken_links(place)) == []


@in_documents
def test_every_path_exists(place: Path) -> None:
    assert missing_paths(PROGRAM.sub("", read(place))) == []


@in_documents
def test_every_module_exists(place: Path) -> None:
    assert [name for name in MODULE.findall(read(place)) if not is_module(name)] == []


@in_documents
def test_every_command_exists(place: Path) -> None:
    snippets = code(read(place))
    assert [wrong for snippet in snippets for wrong in unknown_commands(snippet)] == []
    named = {name for snippet in snippets for _, name in TARGET.findall(snippet)}
    assert named - targets() == set()


def test_every_target_and_command_is_documented() -> None:
    snippets = [snippet for place in PLACES for snippet in code(read(place))]
    named = {name for snippet in snippets for _, name in TARGET.findall(snippet)}
    assert targets() - named == set()
    named = {name for snippet in snippets for name, _ in COMMAND.findall(snippet)}
    assert set(commands()) - named == set()


CHECKS = {"lint", "sanitize", "sanitize-threads", "test", "bench-smoke"} | {
    f"test-{name}" for name in ("lower-bounds", "pythons", "ray")
}


def test_the_continuous_checks_run_every_target_of_checks(tmp_path: Path) -> None:
    """With a make that fails for one target: the others run all the same, and the whole fails.

    Two run at a time, and the output of one never stands within another's.
    """
    make = (
        f'#!/bin/sh\necho "$1" >> {tmp_path}/called\n'
        'echo "$1 begins"\nsleep 0.05\necho "$1 ends"\ntest "$1" != "$FAILS"\n'
    )
    for name, text in (("make", make), ("apt-get", "#!/bin/sh\n")):  # nothing is installed
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    failures = {"": 0, "lint": 1, "test": 1, "sdist": 1, ".venv/.stamp-dev": len(CHECKS) - 1}
    for fails, count in failures.items():
        (tmp_path / "called").unlink(missing_ok=True)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "FAILS": fails}
        done = subprocess.run(
            [ROOT / ".ci/run"], env=environment, capture_output=True, text=True, check=False
        )
        called = set(read(tmp_path / "called").split())
        if fails in {"", *CHECKS}:
            assert called == CHECKS | {".venv/.stamp-dev", "sdist"}
        assert (done.returncode != 0, done.stdout.count("FAILED")) == (bool(fails), count)
        lines = done.stdout.splitlines()
        for target in CHECKS & called:
            assert lines[lines.index(f"{target} begins") + 1] == f"{target} ends"
    assert targets() >= CHECKS


def test_a_target_takes_as_long_in_the_documents_as_in_its_help() -> None:
    minutes = r"(\S+?):? .*#.*?\b(\w+) minutes"
    helped = dict(re.findall(rf"^{minutes}", read(ROOT / "Makefile"), re.MULTILINE))
    shown = re.findall(rf"^ +make {minutes}", read(ROOT / "docs/benchmarks.md"), re.MULTILINE)
    assert len(shown) == 4
    assert {name: helped[name] for name, _ in shown} == dict(shown)


def test_a_target_installs_as_much_in_the_documents_as_in_its_help() -> None:
    helped = dict(
        re.findall(r"^([a-z-]+):.*## .*\((\d+ MB)\)", read(ROOT / "Makefile"), re.MULTILINE)
    )
    sizes = r"`make ([a-z-]+)` installs [^.`]*?\((\d+ MB)\)"
    shown = [found for place in PLACES for found in re.findall(sizes, read(place))]
    assert helped == dict(shown) == {"test-ray": "600 MB"}


@pytest.mark.parametrize("folder", members())
def test_the_map_names_every_file_and_folder(folder: str) -> None:
    places = read(ROOT / "docs/architecture.md").split("## Where things are")[1].split("\n## ")[0]
    words = {word.rstrip("/") for word in re.split(r"[\s,;:()]+", places)}
    names = members()[folder] - {"kernels" if folder else ".ci"}  # a link; named by its file
    names = {name for name in names if not name.startswith("__")}
    assert names, "no file was found"
    assert names - words == set()


@pytest.mark.parametrize(
    "path",
    [
        "csrc/engine/json.cc",
        "`mime_fast/search/beam.py`",
        "(docs/nothing.md)",
        "json_writer.cc",
        "csrc/<room>/nothing_<op>.cc",
        "nothing.{h,cc}",
        "mime_fast/nothing/",
    ],
)
def test_a_path_that_is_not_there_is_found(path: str) -> None:
    assert missing_paths(f"The code ({path}) reads it.") == [path.strip("`()/")]


def test_what_is_there_is_not_reported() -> None:
    text = (
        "csrc/io/json.cc, io/json.h, `mime.{h,cc}`; kernels_<isa>.cc (docs/). csrc/io, README.md."
    )
    assert missing_paths(text) == []


@pytest.mark.parametrize("link", ["nothing.md", "glossary.md#nothing", "#nothing", "../nothing"])
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "glossary.md").write_text("# Words: `a` and b\n")
    place = tmp_path / "page.md"
    place.write_text(
        f"# Page\n[a]({link}) [b](#page) [c](glossary.md#words-a-and-b) [d](https://e)\n"
    )
    assert list(broken_links(place)) == [link]


def test_a_module_or_option_that_is_not_there_is_found() -> None:
    assert is_module("mime_fast.models.parameter_shapes")
    assert not is_module("mime_fast.nothing.files")
    assert list(unknown_commands("mime-fast respond a --json --nothing")) == ["respond --nothing"]
    assert list(unknown_commands("mime-fast nothing --json")) == ["nothing"]
