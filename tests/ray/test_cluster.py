"""Ray Serve and Ray Data on a small cluster, which is started once: a start takes seconds."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml  # type: ignore[import-untyped] # comes with accelerate
from openai import OpenAI
from typer.testing import CliRunner, Result

from mime_fast import Generator
from mime_fast.cli import app
from tests.ray.cluster import actors, kill, local_cluster
from tests.server.serving import SAD, SLOW, eventually, read_on

MISSING = "Ray is not installed: pip install 'mime-fast[ray]'"
ray = pytest.importorskip("ray", reason=MISSING)
serve = pytest.importorskip("ray.serve", reason=MISSING)
data = pytest.importorskip("ray.data", reason=MISSING)
scripts = pytest.importorskip("ray.serve.scripts", reason=MISSING)
assigned_threads = pytest.importorskip("mime_fast.ray.serve", reason=MISSING).assigned_threads
Respond = pytest.importorskip("mime_fast.ray.data", reason=MISSING).Respond

# Ray's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

MESSAGES = [SAD, "I got the job!", "My sister is visiting!", "I failed my exam again."]
TURNS = '{"message": "He ran away.", "history": ["I lost my dog.", "Oh no!"], "id": 7}'
LONGER: Any = {"min_new_tokens": 100, "max_new_tokens": 100}
REPLICA = "ServeReplica:mime-fast:Replica"
DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "ray.yaml"
CLIENTS, REQUESTS = 6, 120
LONG: Any = {"min_new_tokens": 50, "max_new_tokens": 50}  # so that the kill hits some
GREEDY: Any = {"do_sample": False, "avoid_cheer": False}


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(intra_threads=1)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with local_cluster():
        yield


def deploy(folder: Path, port: int, replicas: int) -> None:
    """Deploy what deploy/ray.yaml describes, with replicas of a CPU each."""
    config = yaml.safe_load(DEPLOY.read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    (application,) = config["applications"]
    (deployment,) = application["deployments"]
    deployment["ray_actor_options"]["num_cpus"] = 1
    deployment["autoscaling_config"] |= {"min_replicas": replicas, "max_replicas": replicas}
    file = folder / "ray.yaml"
    file.write_text(yaml.safe_dump(config))
    scripts.cli.main(["run", "--non-blocking", str(file)], standalone_mode=False)
    eventually(lambda: len(actors(REPLICA)) == replicas, 90)
    eventually(lambda: serve.status().applications["mime-fast"].status == "RUNNING", 90)


@pytest.mark.usefixtures("cluster")
def test_a_cluster(tmp_path: Path, generator: Generator, subtests: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    served: Any = (
        *((replies, 1), (a_client_that_goes_away, 1), (a_stream_of_a_killed_replica, 1)),
        *((a_killed_replica, 2), (draining, 2)),
    )
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for check, replicas in served:
            with subtests.test(check.__name__):
                if replicas != len(actors(REPLICA)):
                    deploy(tmp_path, port, replicas)
                check(client, generator)
    serve.shutdown()
    for check in (
        threads_of_a_replica,
        rows_of_a_dataset,
        the_same_output,
        a_killed_actor,
        a_wrong_line,
    ):
        with subtests.test(check.__name__):
            check(tmp_path, generator)


def replies(client: httpx2.Client, generator: Generator) -> None:
    for path in ("/ready", "/health", "/-/healthz", "/"):
        assert client.get(path).status_code == 200
    answer = client.post("/v1/mime/respond", json={"message": SAD, "seed": 1})
    assert answer.json()["text"] == generator.respond(SAD, seed=1).text
    oracle = OpenAI(base_url=f"{client.base_url}/v1", api_key="none")
    with oracle:
        stream = oracle.chat.completions.create(
            model="mime",
            messages=[{"role": "user", "content": SAD}],
            stream=True,
            extra_body=GREEDY,
        )
        pieces = [each.choices[0].delta.content or "" for each in stream if each.choices]
    assert len([piece for piece in pieces if piece]) > 3
    assert "".join(pieces) == generator.respond(SAD, **GREEDY).text
    refused = client.post("/v1/mime/respond", json={"message": ""})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")


def running(client: httpx2.Client) -> float:
    """Requests that run in the only replica."""
    lines = client.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("mime_fast_num_requests_running ")]
    return float(line.split()[1])


def a_client_that_goes_away(client: httpx2.Client, _: Generator) -> None:
    for stream in (False, True):
        body = json.dumps({**SLOW, "message": SAD, "stream": stream}).encode()
        head = f"POST /v1/mime/respond HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.sendall(head.encode() + body)
            eventually(lambda: running(client) == 1)
        eventually(lambda: running(client) == 0, 5)


def a_killed_replica(client: httpx2.Client, generator: Generator) -> None:
    """Clients try again: each request gets one answer, the right one."""
    expected = [generator.respond(SAD, seed=seed, **LONG).text for seed in range(REQUESTS)]
    asked: list[int] = []
    answered: list[int] = []  # status codes
    hooks: Any = {
        "request": [lambda _: asked.append(1)],
        "response": [lambda response: answered.append(response.status_code)],
    }
    oracle = OpenAI(
        base_url=f"{client.base_url}/v1",
        api_key="none",
        max_retries=20,
        http_client=httpx2.Client(timeout=60, event_hooks=hooks),
    )

    def ask(seed: int) -> str:
        found = oracle.completions.create(model="mime", prompt=SAD, seed=seed, extra_body=LONG)
        return found.choices[0].text

    replicas = actors(REPLICA)
    with oracle, ThreadPoolExecutor(CLIENTS) as pool:
        texts = [pool.submit(ask, seed) for seed in range(REQUESTS)]
        eventually(lambda: len(answered) > REQUESTS // 4, 60)
        kill(replicas[0])
        assert [text.result(60) for text in texts] == expected
    assert answered.count(200) == REQUESTS  # none is answered twice
    assert len(asked) > REQUESTS  # the kill hit some
    eventually(lambda: len({*actors(REPLICA)} - {*replicas}) == 1, 60)


def a_stream_of_a_killed_replica(client: httpx2.Client, _: Generator) -> None:
    """It has no clean end. A request that comes while there is no replica waits for the next."""
    found: list[str] = []
    slow = {**SLOW, "message": SAD, "stream": True, "avoid_cheer": False}
    with client.stream("POST", "/v1/mime/respond", json=slow) as stream:
        pieces = stream.iter_text()
        found.append(next(pieces))
        for replica in actors(REPLICA):
            kill(replica)
        with pytest.raises(httpx2.RemoteProtocolError):
            read_on(pieces, found)
    assert '"final":true' not in "".join(found)
    eventually(lambda: client.get("/ready").status_code == 200, 60)


def draining(client: httpx2.Client, _: Generator) -> None:
    """What runs is answered; what comes is refused."""
    slow = {**SLOW, "message": SAD, "num_return_sequences": 4, "stream": True, "avoid_cheer": False}
    slow |= {"min_new_tokens": 300, "max_new_tokens": 300}
    deleting = threading.Thread(target=serve.delete, args=["mime-fast"])
    with client.stream("POST", "/v1/mime/respond", json=slow) as stream:
        lines = stream.iter_lines()
        next(lines)
        deleting.start()
        with httpx2.Client(base_url=client.base_url) as other:
            eventually(lambda: other.get("/ready").status_code == 404)
        last = [line for line in lines if line][-1]
    deleting.join()
    assert json.loads(last.removeprefix("data: "))["final"]


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
    options = "--file", file, "--ray", "--part-lines", "2", "--out", out, *slow
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(respond, *options)
        eventually(lambda: any(out.glob("part-*")), 60)
        kill(actors("MapWorker")[0])
        assert len([*out.glob("part-*")]) < 20
        assert result.result(120).exit_code == 0
    parts = sorted(out.glob("part-*"))
    found = [json.loads(line) for part in parts for line in part.read_text().splitlines()]
    assert len(found) == 40
    seeds = [reply["seed"] for reply in found]
    assert seeds == list(range(seeds[0], seeds[0] + 40))
    alone = generator.respond(SAD, seed=seeds[7], do_sample=True, num_return_sequences=20, **LONGER)
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
