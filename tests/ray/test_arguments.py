"""Arguments of the application, as YAML and `serve run` give them; the health of a replica."""

import asyncio
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # comes with accelerate

# Ray's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ray_serve = pytest.importorskip(
    "mime_fast.ray.serve", reason="Ray is not installed: pip install 'mime-fast[ray]'"
)
Arguments = ray_serve.Arguments
DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "ray.yaml"


def test_numbers_may_be_strings() -> None:
    given = {"max_running": "8", "drain_seconds": "1.5", "page": "false", "top_k": "5"}
    parsed = Arguments.parse({**given, "do_sample": "true", "model_name": "7", "checkpoint": "a"})
    assert (parsed.server.max_running, parsed.server.drain_seconds) == (8, 1.5)
    assert (parsed.server.page, parsed.server.model_name) == (False, "7")
    assert parsed.reply == {"top_k": 5, "do_sample": True}
    assert parsed.engine == {"checkpoint": "a"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_runing": 8}, "unknown argument 'max_runing'; known: access_log, api_key_file"),
        ({"port": 80}, "port is no argument here: set it in Ray's http_options"),
        ({"intra_threads": 2}, "num_cpus"),
        ({"max_running": "x"}, "max_running must be an integer >= 1, got 'x'"),
        ({"max_running": 0}, "max_running must be an integer >= 1, got 0"),
        ({"top_p": 2}, "top_p must be in"),
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
    monkeypatch.setattr(ray_serve, "assigned_threads", lambda: 1)  # this process is no replica
    _, undecorated, *_ = ray_serve.Replica.func_or_class.__mro__

    async def check() -> None:
        replica = undecorated(Arguments.parse({}))
        app = replica.__serve_build_asgi_app__()
        async with app.state.lifespan(app):
            await replica.check_health()
            assert app.state.server.ready  # Ray sends requests from now on
            await app.state.server.service.aclose()
            with pytest.raises(RuntimeError, match="the engine is dead"):
                await replica.check_health()

    asyncio.run(check())
