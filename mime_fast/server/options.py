"""Options of the server; the command line is made of this table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mime_fast.config import Config, require
from mime_fast.options import option


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
    access_log: bool = option(
        True, "Log a line for each request, without people's text.", group="Access"
    )
    traces: bool = option(
        False, "Export traces with OpenTelemetry, by OTLP over HTTP (extra `otel`).", group="Access"
    )
    log_texts: bool = option(False, "Log messages and replies, too.", group="Access")
    max_running: int = option(32, "Requests decoded at once.", within="[1, inf)", group="Limits")
    max_waiting: int = option(
        256, "Requests that wait; more are refused (429).", within="[0, inf)", group="Limits"
    )
    max_wait_seconds: float = option(
        10.0, "A request that waits longer is refused (429).", within="(0, inf)", group="Limits"
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
        for origin in self.cors_origin:
            require(
                origin == "*" or "://" in origin,
                f"cors_origin must be like https://example.org, got {origin!r}",
            )
