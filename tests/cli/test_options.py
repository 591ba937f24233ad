"""Options of the command line: each exposed field of a config is one, with its range."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mime_fast.cli import app
from mime_fast.cli.options import Options, takes
from mime_fast.cli.shared import EngineOptions
from mime_fast.config import GenerationConfig, ModelConfig
from mime_fast.evaluation.comparison.options import ComparisonOptions, EvaluateOptions
from mime_fast.evaluation.human.options import AnnotateOptions
from mime_fast.evaluation.page.options import PageOptions
from mime_fast.options import Entry, option, table
from mime_fast.training.config import LossWeights, TrainingConfig

ANSWERING = (GenerationConfig, EngineOptions)
TRAINING = (ModelConfig, TrainingConfig, LossWeights)
TABLES = {
    "respond": ANSWERING,
    "chat": ANSWERING,
    "train": TRAINING,
    "evaluate": (EvaluateOptions,),
    "report": (ComparisonOptions, PageOptions),
    "annotate": (AnnotateOptions,),
}
EXPOSED = [
    pytest.param(command, entry, id=f"{command}-{entry.name}")
    for command, configs in TABLES.items()
    for config in configs
    for entry in table(config)
    if entry.option.exposed
]


def flags(entry: Entry) -> list[str]:
    return list(entry.option.flags) or ["--" + entry.name.replace("_", "-")]


@pytest.fixture(scope="module")
def help_of() -> Callable[[str], str]:
    """The help of a command, its lines joined."""
    shown = {
        command: " ".join(CliRunner().invoke(app, [command, "--help"]).stdout.split())
        for command in TABLES
    }
    return shown.__getitem__


@pytest.mark.parametrize(("command", "entry"), EXPOSED)
def test_every_exposed_field_is_an_option_with_its_help(
    help_of: Callable[[str], str], command: str, entry: Entry
) -> None:
    text = help_of(command)
    for flag in flags(entry):
        assert re.search(rf"(?<![\w-]){re.escape(flag.replace('/', ' / '))}\b", text), flag
    assert entry.option.help in text
    if entry.option.within:
        described = entry.option.within.describe()
        assert f"{entry.option.help} {described[0].upper()}{described[1:]}." in text


def test_groups_are_sections(help_of: Callable[[str], str]) -> None:
    text = help_of("train")
    for group in ("Model:", "Loss:", "Ablations of MIME:", "Options of MoEL:", "Training:"):
        assert f" {group} --" in text


@dataclass(frozen=True)
class Sample:
    """Options of every kind."""

    top_p: float = option(1.0, "Words.", within="(0, 1]")
    stop: tuple[str, ...] = option((), "Strings.")
    early: bool | str = option(default=True, help="When.", choices=(True, False, "never"))
    emotion: str | None = option(None, "Which.", choices=("sad", "joyful"))
    fast: bool = option(default=False, help="Fast.")
    seed: int | None = option(None, "Seed.", flags=("--seed", "-s"))
    hidden: int = option(7, "Not shown.", exposed=False)


@pytest.fixture
def given() -> Callable[..., list[Any]]:
    """What a command with the options of Sample is called with."""

    def call(*arguments: str, **defaults: Any) -> list[Any]:
        calls: list[Any] = []
        program = typer.Typer(add_completion=False)

        @program.command()
        @takes(sample=Options(Sample, defaults=defaults))
        def command(sample: Sample, text: str = "none") -> None:
            calls.extend((sample, text))

        result = CliRunner().invoke(program, list(arguments))
        return calls if result.exit_code == 0 else [result.exit_code, result.stderr]

    return call


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], {}),
        (["--top-p", "0.5"], {"top_p": 0.5}),
        (["--stop", "a", "--stop", "b"], {"stop": ("a", "b")}),
        (["--early", "false"], {"early": False}),
        (["--early", "never"], {"early": "never"}),
        (["--emotion", "sad"], {"emotion": "sad"}),
        (["--fast"], {"fast": True}),
        (["--no-fast", "-s", "3"], {"seed": 3}),
    ],
    ids=str,
)
def test_a_command_gets_the_config_of_its_options(
    given: Callable[..., list[Any]], arguments: list[str], values: dict[str, Any]
) -> None:
    assert given(*arguments, "--text", "x") == [Sample(**values), "x"]


def test_a_default_may_be_the_commands_own(given: Callable[..., list[Any]]) -> None:
    assert given(top_p=0.25) == [Sample(top_p=0.25), "none"]
    assert given("--top-p", "0.5", top_p=0.25) == [Sample(top_p=0.5), "none"]


def test_a_command_may_get_only_what_is_given() -> None:
    calls: list[Any] = []
    program = typer.Typer(add_completion=False)

    @program.command()
    @takes(sample=Options(Sample, given_only=True))
    def command(sample: dict[str, Any]) -> None:
        calls.append(sample)

    runner = CliRunner()
    for arguments in ([], ["--top-p", "1.0", "--no-fast"], ["--stop", "a", "--early", "false"]):
        assert runner.invoke(program, arguments).exit_code == 0
    assert calls == [{}, {"top_p": 1.0, "fast": False}, {"stop": ("a",), "early": False}]


def test_a_field_that_is_not_exposed_is_no_option(given: Callable[..., list[Any]]) -> None:
    code, error = given("--hidden", "3")
    assert code == 2
    assert "--hidden" in error


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_a_shell(shell: str) -> None:
    variables = {"_MIME_FAST_COMPLETE": f"source_{shell}"}
    result = CliRunner().invoke(app, [], prog_name="mime-fast", env=variables)
    assert f"complete_{shell}" in result.stdout
    assert "mime-fast" in result.stdout


def test_completion_is_shown_for_the_shell_that_asks() -> None:
    command = f"{sys.executable} -m mime_fast --show-completion; exit $?"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "complete_bash" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mime-fast tea", {"teach"}),
        ("mime-fast chat --emotion an", {"angry", "annoyed", "anticipating", "anxious"}),
        ("mime-fast train --mixed-precision ", {"no", "bf16", "fp16"}),
        ("mime-fast respond --num-b", {"--num-beams"}),
    ],
)
def test_values_are_completed(typed: str, offered: set[str]) -> None:
    variables = {
        "_MIME_FAST_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    result = CliRunner().invoke(app, [], prog_name="mime-fast", env=variables)
    assert set(result.stdout.split()) == offered
