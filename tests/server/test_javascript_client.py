"""OpenAI's own client for JavaScript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from mime_fast import Generator
from tests.server.node import node_modules
from tests.server.serving import SAD, Running

SCRIPT = Path(__file__).with_name("client.mjs")


def test_the_client_for_javascript(server: Running, generator: Generator, tmp_path: Path) -> None:
    # Modules are looked for beside the script.
    (tmp_path / "node_modules").symlink_to(node_modules())
    shutil.copy(SCRIPT, tmp_path)
    command = ["node", str(tmp_path / SCRIPT.name), f"{server.url}/v1", SAD]
    options = ["--preserve-symlinks", "--preserve-symlinks-main"]
    done = subprocess.run(
        [command[0], *options, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = generator.respond(SAD, seed=1)
    assert found["models"] == ["mime"]
    for name in ("text", "streamed", "completion", "response", "helper"):
        assert found[name] == expected.text, name
    assert found["emotion"] == expected.emotion
    assert found["tokens"] == found["usage"] == expected.timings.tokens
    sampled = generator.respond(SAD, seed=1, do_sample=True, num_return_sequences=3)
    assert found["several"] == [candidate.text for candidate in sampled.candidates]
    assert found["events"][0] == "response.created"
    assert found["events"][-1] == "response.completed"
    wrong = {"name": "BadRequestError", "status": 400, "param": "temperature"}
    assert found["wrong"] == wrong
    assert found["missing"] == {"name": "NotFoundError", "status": 404, "param": "model"}
