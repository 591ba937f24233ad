"""Options of the server; the command line is made of this table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mime_fast.config import Config, require
from mime_fast.options import option

HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"  # a name in ASCII, or an address


@dataclass(frozen=True)
class ServerOptions(Config):
    """Where the server listens, whom it answers, and what it limits."""

    host: str = option("127.0.0.1", "Listen on this address.", group="Server")
    port: int = option(8000, "0 takes a free one.", within="[0, 65535]", group="Server")
    uds: Path | None = option(
        None, "Listen on this Unix socket instead.", flags=("--uds",), group="Server"
    )
    workers: int = option(
        1,
        "Processes; they share the memory of the weights.",
        within="[1, 1000]",
        group="Server",
    )
    model_name: str = option("mime", "The name of the model in requests.", group="Server")
    page: bool = option(True, "Show the chat page at /.", group="Server")
    drain_seconds: float = option(
        30.0, "Time for running requests after SIGTERM.", within="[0, inf)", group="Server"
    )
    api_key_file: Path | None = option(
        None,
        "File of API keys, one a line; also taken from MIME_FAST_API_KEYS, comma-separated.",
        group="Access",
    )
    cors_origin: tuple[str, ...] = option(
        (), "Let pages of this origin call the API; repeat the option.", group="Access"
    )
    allowed_host: tuple[str, ...] = option(
        (),
        "Name by which a server without keys on this machine may be called, beside localhost; "
        "repeat the option.",
        group="Access",
    )
    access_log: bool = option(
        True, "Log a line for each request, without people's text.", group="Access"
    )
    traces: bool = option(
        False, "Export traces with OpenTelemetry, by OTLP over HTTP (extra `otel`).", group="Access"
    )
    log_texts: bool = option(False, "Log messages and replies, too.", group="Access")
    max_running: int = option(32, "Requests decoded at once.", within="[1, 2**31)", group="Limits")
    max_waiting: int = option(
        256, "Requests that wait; more are refused (429).", within="[0, 2**31)", group="Limits"
    )
    max_wait_seconds: float = option(
        10.0, "A request that waits longer is refused (429).", within="(0, 2**31)", group="Limits"
    )
    max_connections: int = option(
        512, "Connections at once; more are refused (429).", within="[1, inf)", group="Limits"
    )
    max_body_bytes: int = option(
        1_000_000, "Largest body of a request.", within="[1, inf)", group="Limits"
    )
    max_header_bytes: int = option(
        32_768, "Largest headers of a request.", within="[1024, inf)", group="Limits"
    )
    max_turns: int = option(
        500, "Most messages of a conversation, or prompts.", within="[1, inf)", group="Limits"
    )
    max_sequences: int = option(
        128, "Most replies, samples or beams of a request.", within="[1, inf)", group="Limits"
    )
    max_request_tokens: int = option(
        8192,
        "Most tokens that a request may ask for: replies, samples or beams times max_new_tokens.",
        within="[1, 2**31)",
        group="Limits",
    )
    request_seconds: float = option(
        10.0, "Time for a client to send its request.", within="(0, inf)", group="Limits"
    )
    read_seconds: float = option(
        10.0,
        "A client that reads nothing for so long is cut off.",
        within="(0, inf)",
        group="Limits",
    )

    def _check_combinations(self) -> None:
        require(bool(self.model_name.strip()), "model_name must hold a name, got an empty one")
        require(
            self.model_name.isprintable(),
            f"model_name must be printable text, got {self.model_name!a}; requests repeat it",
        )
        for origin in self.cors_origin:
            _check_origin(origin)
        for host in self.allowed_host:
            require(
                re.fullmatch(HOST, host) is not None and host.strip(".") != "",
                f"allowed_host must be a name like example.org, without a port, got {host!a}",
            )


def _check_origin(origin: str) -> None:
    """ValueError unless browsers may send it: they compare each letter of it."""
    if origin == "*":
        return
    parts = re.fullmatch(f"([a-z][a-z0-9+.-]*)://({HOST})(?::([0-9]+))?/?", origin, re.IGNORECASE)
    require(parts is not None, f"cors_origin must be like https://example.org, got {origin!a}")
    scheme, host, port = cast("re.Match[str]", parts).groups()
    usual = {"http": "80", "https": "443"}.get(scheme.lower())
    sent = f"{scheme}://{host}".lower() + (f":{port}" if port not in (None, usual) else "")
    require(origin == sent, f"cors_origin must be {sent}, as browsers send it, got {origin!a}")
