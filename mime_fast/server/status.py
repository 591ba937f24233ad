"""What operators ask: health, readiness, metrics, version."""

from __future__ import annotations

from mime_fast import __version__
from mime_fast.server.call import Call
from mime_fast.server.endpoint import Answer, json_answer


async def health(call: Call) -> Answer:
    """503 where the engine's thread is dead: only a restart helps."""
    alive = call.state.alive
    return json_answer({"status": "ok" if alive else "the engine is dead"}, 200 if alive else 503)


async def ready(call: Call) -> Answer:
    """503 before the warm-up ended, and after a signal to stop."""
    state = call.state
    why = "ready" if state.ready else "draining" if state.draining else "warming up"
    return json_answer({"status": why if state.alive else "dead"}, 200 if state.ready else 503)


async def metrics(call: Call) -> Answer:
    """Numbers for Prometheus."""
    call.state.show_load()
    kind = b"text/plain; version=0.0.4; charset=utf-8"
    return Answer(call.state.metrics.text(), media_type=kind)


async def version(_: Call) -> Answer:
    """The version of mime_fast."""
    return json_answer({"version": __version__})
