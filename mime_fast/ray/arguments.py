"""Arguments of an application of Ray Serve: a mapping, of YAML or of the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mime_fast.config import GenerationConfig
from mime_fast.options import Entry, table
from mime_fast.server.options import ServerOptions

ENGINE = ("checkpoint", "engine", "device", "compute_type")
# Options of the process of `mime-fast serve`; here Ray listens.
HTTP = ("host", "port", "uds", "workers", "max_connections", "max_header_bytes", "read_seconds")
THREADS = ("intra_threads", "threads")


@dataclass(frozen=True)
class Arguments:
    """What a replica is made of. reply: options of a reply that requests may leave out."""

    server: ServerOptions
    engine: dict[str, Any] = field(default_factory=dict)
    reply: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Arguments:
        """Check the arguments; numbers may be strings, as `serve run` hands them over.

        ValueError: one is unknown, belongs to Ray, or has a wrong value.
        """
        server, reply = _entries(ServerOptions), _entries(GenerationConfig)
        known = {*server, *ENGINE, *reply} - {*HTTP}
        for name in given:
            if name in HTTP:
                raise ValueError(f"{name} is no argument here: set it in Ray's http_options")
            if name in THREADS:
                raise ValueError(f"{name} is no argument: set num_cpus in ray_actor_options")
            if name not in known:
                raise ValueError(f"unknown argument {name!r}; known: {', '.join(sorted(known))}")
        chosen = {name: _value(server[name], given[name]) for name in server if name in given}
        options = {name: _value(reply[name], given[name]) for name in reply if name in given}
        GenerationConfig().overridden(options)  # a wrong value is an error before replicas start
        engine = {name: given[name] for name in ENGINE if name in given}
        return cls(ServerOptions.from_dict(chosen), engine, options)


def _entries(config: type) -> dict[str, Entry]:
    return {entry.name: entry for entry in table(config)}


def _value(entry: Entry, given: Any) -> Any:
    if entry.repeated and isinstance(given, list):
        return tuple(given)
    if not isinstance(given, str) or entry.repeated or entry.option.choices:
        return given
    if entry.kind in (int, float, bool):
        try:
            return json.loads(given)
        except ValueError:
            return given  # the check of the option says what is wrong
    return entry.kind(given)  # a Path
