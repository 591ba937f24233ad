"""Arguments of the application, as YAML and `serve run` give them; the health of a replica."""

import asyncio
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with accelerate

from mime_fast import Generator, bundled
from mime_fast.checkpoint import CONFIG, GENERATION
from mime_fast.server.generation import NAMES
from tests.ray.cluster import MISSING

# Ray's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ray_serve = pytest.importorskip("mime_fast.ray.serve", reason=MISSING)
Arguments = ray_serve.Arguments
DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "ray.yaml"


def test_numbers_may_be_strings() -> None:
    given = {"max_running": "8", "drain_seconds": "1.5", "page": "false", "top_k": "5"}
    parsed = Arguments.parse({**given, "model_name": "7", "checkpoint": "mime-small"})
    assert (parsed.server.max_running, parsed.server.drain_seconds) == (8, 1.5)
    assert (parsed.server.page, parsed.server.model_name) == (False, "7")
    assert parsed.reply == {"top_k": 5}
    assert parsed.engine == {"checkpoint": "mime-small"}


@pytest.mark.parametrize("choice", [True, False, "never"])
def test_a_choice_may_be_a_string(choice: bool | str) -> None:
    parsed = Arguments.parse({"early_stopping": str(choice).lower(), "on_crisis": "flag"})
    assert parsed.reply == {"early_stopping": choice, "on_crisis": "flag"}


def make_replica(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A replica in this process, which is none of Ray's."""
    monkeypatch.setattr(ray_serve, "assigned_threads", lambda: 1)
    _, undecorated, *_ = ray_serve.Replica.func_or_class.__mro__
    return undecorated(Arguments.parse(given))


@pytest.mark.parametrize(
    "given",
    [
        {"top_k": 5},
        {"temperature": "0.7"},
        {"best_of": "4"},
        {"num_return_sequences": 3},
        {"mbr_samples": 4},
        {"num_beams": 5, "num_return_sequences": 5},
        {"do_sample": "false"},
    ],
)
def test_options_of_a_reply_override_the_defaults_of_the_checkpoint(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = make_replica(given, monkeypatch)._app.state.server.defaults
    changed = {name: float(value) for name, value in given.items() if name != "do_sample"}
    assert changed.items() <= {name: getattr(defaults, name) for name in NAMES}.items()


def test_options_that_do_not_fit_the_checkpoint(tmp_path: Path) -> None:
    folder = copytree(bundled.FOLDER / bundled.DEFAULT, tmp_path / "greedy")
    (folder / GENERATION).unlink()
    assert Arguments.parse({"top_k": 5}).reply == {"top_k": 5}
    with pytest.raises(ValueError, match="top_k=5 needs do_sample=True"):
        ray_serve.build({"checkpoint": str(folder), "top_k": 5})
    (folder / CONFIG).unlink()
    with pytest.raises(ValueError, match=f"greedy lacks {CONFIG}"):
        ray_serve.build({"checkpoint": str(folder)})


def test_a_checkpoint_of_other_machines(tmp_path: Path) -> None:
    """Each option is checked by itself: the defaults that it overrides are not known."""
    folder = str(tmp_path / "absent")
    assert Arguments.parse({"checkpoint": folder, "top_k": 5}).reply == {"top_k": 5}
    with pytest.raises(ValueError, match="top_k must be an integer >= 0, got -1"):
        ray_serve.build({"checkpoint": folder, "top_k": -1})


def test_a_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    assert Arguments.parse({"api_key_file": str(file)}).server.api_key_file == file
    file.write_text("# none\n")
    with pytest.raises(ValueError, match="keys holds no API key"):
        ray_serve.build({"api_key_file": str(file)})


def test_only_the_native_engine_has_threads(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine in ("native", "eager"):
        given = {"checkpoint": str(tiny_checkpoint), "engine": engine}
        generator: Generator = make_replica(given, monkeypatch)._app.state.server.generator
        assert generator.engine.name == engine
        assert getattr(generator.engine, "threads", None) == (1 if engine == "native" else None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_runing": 8}, "unknown argument 'max_runing'; known: access_log, api_key_file"),
        ({"port": 80}, "port is no argument here: set it in Ray's http_options"),
        ({"intra_threads": 2}, "num_cpus"),
        ({"max_running": "x"}, "max_running must be an integer in .*, got 'x'"),
        ({"max_running": 0}, "max_running must be an integer in .*, got 0"),
        ({"top_p": 2}, "top_p must be in"),
        ({"max_new_tokens": 10**6}, r"must be at most \d+ \(the checkpoint's positions\)"),
        ({"best_of": 200}, r"best_of must be at most 128 \(the limit of this server\), got 200"),
        ({"best_of": 4, "mbr_samples": 4}, "mbr_samples=4 does not go with best_of=4"),
        ({"early_stopping": "no"}, "early_stopping must be one of true, false, never, got 'no'"),
        ({"page": "maybe"}, "page must be true or false, got 'maybe'"),
        ({"emotion": "sadd"}, "emotion must be one of .*, got 'sadd'"),
        (
            {"checkpoint": "mime-smal"},
            r"must exist here.* bundled \(mime-base, mime-small\), got 'mime-smal'",
        ),
        ({"checkpoint": 7}, "checkpoint must be a string, got 7"),
        ({"api_key_file": "keys.tx"}, "api_key_file must exist here, .*, got 'keys.tx'"),
        ({"engine": "fast"}, "engine must be one of auto, native, eager, cuda, got 'fast'"),
        ({"compute_type": "int9"}, "compute_type of the native engine must be .*, got 'int9'"),
        ({"compute_type": 8}, "compute_type must be a string, got 8"),
        ({"device": 0}, "device must be a string, got 0"),
        ({"device": "tpu"}, "the native engine runs on the CPU, got device='tpu'"),
        ({"device": "cuda:x"}, "must be 'cuda' or 'cuda:N', got 'cuda:x'"),
        ({"engine": "cuda", "compute_type": "int8"}, "of the cuda engine must be .*, got 'int8'"),
    ],
)
def test_a_wrong_argument_is_an_error_before_replicas_start(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ray_serve.build(given)


def test_ray_limits_what_the_server_does() -> None:
    (application,) = yaml.safe_load(DEPLOY.read_text())["applications"]
    given = application["args"]
    replica = ray_serve.build(given)._bound_deployment
    assert replica.max_ongoing_requests == given["max_running"] + given["max_waiting"]
    assert replica.max_queued_requests == given["max_waiting"]
    assert replica._deployment_config.graceful_shutdown_timeout_s > given["drain_seconds"]
    (deployment,) = application["deployments"]
    assert deployment["name"] == replica.name
    scaling = deployment["autoscaling_config"]
    assert scaling["target_ongoing_requests"] < given["max_running"]


def test_a_dead_engine_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        replica = make_replica({}, monkeypatch)
        app = replica.__serve_build_asgi_app__()
        async with app.state.lifespan(app):
            await replica.check_health()
            assert app.state.server.ready  # Ray sends requests from now on
            await app.state.server.service.aclose()
            with pytest.raises(RuntimeError, match="the engine is dead"):
                await replica.check_health()

    asyncio.run(check())
