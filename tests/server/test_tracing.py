"""Traces: a span for each request, which holds no text, exported by OTLP."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from mime_fast.server.options import ServerOptions
from mime_fast.server.tracing import tracing

RECEIVED: list[tuple[str, bytes]] = []


class Collector(BaseHTTPRequestHandler):
    """What receives spans."""

    def do_POST(self) -> None:
        RECEIVED.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def collector() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_spans_are_exported_without_texts(collector: str) -> None:
    command = [sys.executable, "-m", "mime_fast", "serve", "--port", "0", "--traces"]
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SERVICE_NAME": "kind-words"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | variables
    ) as process:
        assert process.stdout is not None
        with httpx2.Client(base_url=process.stdout.readline().split()[0]) as client:
            body = {"message": "my unicorn left me"}
            text = client.post("/v1/mime/respond", json={**body, "stream": True}).text
            assert "final" in text
            client.get("/health")
        process.terminate()
    assert process.returncode == 0
    ((path, spans),) = RECEIVED
    assert path == "/v1/traces"
    assert b"kind-words" in spans
    assert b"/v1/mime/respond" in spans
    assert b"/health" not in spans
    assert b"unicorn" not in spans


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mime-fast\[otel\]'"):
        tracing()
    assert not ServerOptions().traces
