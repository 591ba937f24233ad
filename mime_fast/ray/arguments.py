"""Arguments of an application of Ray Serve: a mapping, of YAML or of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mime_fast import bundled, checkpoint
from mime_fast.config import GenerationConfig, require
from mime_fast.engines import check_served, choose_engine
from mime_fast.files import parse_json
from mime_fast.options import Entry, checked_value, choice_text, table
from mime_fast.request import checked_options
from mime_fast.server.auth import load_keys
from mime_fast.server.generation import allowed_options
from mime_fast.server.options import ServerOptions

ENGINE = ("checkpoint", "engine", "device", "compute_type")
# Options of the process of `mime-fast serve`; here Ray listens.
HTTP = (
    *("host", "port", "uds", "workers", "allowed_host"),
    *("max_connections", "max_header_bytes", "read_seconds"),
)
THREADS = ("intra_threads", "threads")


@dataclass(frozen=True)
class Arguments:
    """What a replica is made of. reply: options of a reply that requests may leave out."""

    server: ServerOptions
    engine: dict[str, Any] = field(default_factory=dict)
    reply: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Arguments:
        """Check the arguments; numbers and choices may be strings, as `serve run` hands them over.

        ValueError: one is unknown, belongs to Ray, or has a wrong value.
        OSError: the file of API keys is here, and cannot be read.
        """
        server, reply = _entries(ServerOptions), _entries(GenerationConfig)
        _check_names(given, {*server, *ENGINE, *reply} - {*HTTP})
        chosen = {name: _value(server[name], given[name]) for name in server if name in given}
        options = {name: _value(reply[name], given[name]) for name in reply if name in given}
        engine = {name: given[name] for name in ENGINE if name in given}
        parsed = cls(ServerOptions.from_dict(chosen), engine, options)
        parsed._check()
        return parsed

    @property
    def engine_name(self) -> str:
        """The engine that the arguments choose: native, eager or cuda."""
        return choose_engine(**{k: v for k, v in self.engine.items() if k != "checkpoint"})

    def _check(self) -> None:
        """Check what this machine can: another may have the checkpoint, or the file of keys."""
        for name, value in self.engine.items():
            right = isinstance(value, str) or (
                name == "checkpoint" and isinstance(value, Path | None)
            )
            require(right, f"{name} must be a string, got {value!r}")
        engine, folder = self.engine_name, bundled.folder_of(self.engine.get("checkpoint"))
        if (keys := self.server.api_key_file) is not None and _is_here("api_key_file", keys):
            load_keys(keys)
        if not _is_here("checkpoint", folder):
            for name, value in self.reply.items():
                checked_value(_entries(GenerationConfig)[name], value)
            return
        loaded = checkpoint.load(folder)
        check_served(engine, loaded.config)
        defaults = checked_options(loaded.config, loaded.generation, None, self.reply)
        allowed_options({}, defaults, self.server)


def _check_names(given: Mapping[str, Any], known: set[str]) -> None:
    for name in given:
        if name in HTTP:
            raise ValueError(f"{name} is no argument here: set it in Ray's http_options")
        if name in THREADS:
            raise ValueError(f"{name} is no argument: set num_cpus in ray_actor_options")
        if name not in known:
            raise ValueError(f"unknown argument {name!r}; known: {', '.join(sorted(known))}")


def _is_here(name: str, path: Path) -> bool:
    """Whether this machine has it; ValueError: neither it nor, by an absolute path, another."""
    if path.exists():
        return True
    others = f", or bundled ({', '.join(bundled.NAMES)})" if name == "checkpoint" else ""
    require(
        path.is_absolute(),
        f"{name} must exist here, be an absolute path on the replicas' machines{others}, "
        f"got {str(path)!r}",
    )
    return False


def _entries(config: type) -> dict[str, Entry]:
    return {entry.name: entry for entry in table(config)}


def _value(entry: Entry, given: Any) -> Any:
    if entry.repeated and isinstance(given, list):
        return tuple(given)
    if not isinstance(given, str) or entry.repeated:
        return given
    if entry.option.choices:
        named = {choice_text(choice): choice for choice in entry.option.choices}
        return named.get(given, given)
    if entry.kind in (int, float, bool):
        try:
            return parse_json(given)
        except ValueError:
            return given  # the check of the option says what is wrong
    return entry.kind(given)  # a Path
