"""What Ray Data must do with messages: the same replies, whoever is killed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mime_fast import Generator
from mime_fast.cli import app
from tests.ray.cluster import MISSING, PATIENCE, actors, kill
from tests.server.serving import SAD, eventually

ray = pytest.importorskip("ray", reason=MISSING)
data = pytest.importorskip("ray.data", reason=MISSING)
assigned_threads = pytest.importorskip("mime_fast.ray.serve", reason=MISSING).assigned_threads
Respond = pytest.importorskip("mime_fast.ray.data", reason=MISSING).Respond
MESSAGES = [SAD, "I got the job!", "My sister is visiting!", "I failed my exam again."]
TURNS = '{"message": "He ran away.", "history": ["I lost my dog.", "Oh no!"], "id": 7}'
LONG: Any = {"min_new_tokens": 100, "max_new_tokens": 100}


def threads_of_a_replica(_: Path, __: Generator) -> None:
    for cpus, threads in (2, 2), (1.5, 1), (0.5, 1):
        assert ray.get(ray.remote(num_cpus=cpus)(assigned_threads).remote()) == threads


def rows_of_a_dataset(_: Path, generator: Generator) -> None:
    rows: list[dict[str, Any]] = [
        {"message": message, "seed": seed, "id": seed} for seed, message in enumerate(MESSAGES)
    ]
    answered = data.from_items(rows, override_num_blocks=3).map_batches(
        Respond,
        fn_constructor_args=[generator],
        fn_constructor_kwargs={"num_beams": 2},
        batch_size=2,
        num_cpus=1,
        compute=data.ActorPoolStrategy(size=2),
    )
    found = sorted(answered.take_all(), key=lambda row: int(row["id"]))
    for row, given in zip(found, rows, strict=True):
        alone = generator.respond(given["message"], seed=given["seed"], num_beams=2)
        assert {name: row[name] for name in given} == given
        assert row["reply"] == json.loads(row["response"])["text"] == alone.text


def respond(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["respond", *map(str, arguments)])


def without_times(text: str) -> list[dict[str, Any]]:
    return [{**json.loads(line), "timings": None} for line in text.splitlines()]


def the_same_output(folder: Path, _: Generator) -> None:
    """For any number of actors, and as without Ray."""
    file = folder / "messages"
    file.write_text("".join(f"{message}\n" for message in [*MESSAGES, TURNS] * 3))
    plain = respond("--file", file, "--seed", "3")
    for actors_count, lines in ("1", "4"), ("2", "5"):
        options = "--file", file, "--seed", "3", "--ray", "--actors", actors_count
        result = respond(*options, "--part-lines", lines)
        assert (result.stdout, result.stderr) == (plain.stdout, plain.stderr)
    as_json = respond("--file", file, "--seed", "3", "--json")
    out = folder / "out"
    result = respond(*options, "--part-lines", "5", "--out", out)
    assert (result.stdout, result.stderr) == ("", f"{out} holds 15 replies in 3 parts\n")
    parts = sorted(out.glob("part-*"))
    assert [part.name for part in parts] == [f"part-00000{number}.jsonl" for number in range(3)]
    text = "".join(part.read_text() for part in parts)
    assert without_times(text) == without_times(as_json.stdout)


def a_killed_actor(folder: Path, generator: Generator) -> None:
    """Its part is answered by another one. What was answered is not answered again."""
    file, out = folder / "many", folder / "kept"
    file.write_text(f"{SAD}\n" * 40)
    slow = "-n", "20", "--sample", "--min-new-tokens", "100", "--max-new-tokens", "100"
    small = "--checkpoint", "mime-small"
    options = "--file", file, "--ray", "--part-lines", "2", "--out", out, *small, *slow
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(respond, *options)
        eventually(lambda: any(out.glob("part-*")), PATIENCE)
        kill(actors("MapWorker")[0])
        assert len([*out.glob("part-*")]) < 20
        assert result.result(3 * PATIENCE).exit_code == 0
    parts = sorted(out.glob("part-*"))
    found = [json.loads(line) for part in parts for line in part.read_text().splitlines()]
    assert len(found) == 40
    seeds = [reply["seed"] for reply in found]
    assert seeds == list(range(seeds[0], seeds[0] + 40))
    alone = generator.respond(SAD, seed=seeds[7], do_sample=True, num_return_sequences=20, **LONG)
    assert found[7]["text"] == alone.text

    before = {part: part.stat().st_mtime_ns for part in parts}
    lost = parts[3].read_text()
    parts[3].unlink()
    assert respond(*options).exit_code == 0
    assert without_times(parts[3].read_text()) == without_times(lost)
    again = {part for part in parts if part.stat().st_mtime_ns != before[part]}
    assert again == {parts[3]}
    refused = respond(*options, "--top-k", "5")
    assert str(refused.exception) == (
        f"{out} holds replies of another run: options differ; name another folder, or remove it"
    )


def a_wrong_line(folder: Path, _: Generator) -> None:
    """It is named before work begins."""
    file, out = folder / "wrong", folder / "nothing"
    file.write_text(f"{SAD}\n" * 6 + "\n" + f"{SAD}\n")
    result = respond("--file", file, "--ray", "--part-lines", "3", "--out", out)
    assert str(result.exception).startswith(f"{file}:7: ")
    assert not [*out.glob("part-*")]


def too_many_threads(folder: Path, _: Generator) -> None:
    """No machine of this cluster will ever have as many CPUs: Ray would wait for one."""
    file = folder / "one"
    file.write_text(SAD)
    result = respond("--file", file, "--ray", "--threads", "3")
    assert str(result.exception) == "--threads must be at most 2, the CPUs that Ray has, got 3"
