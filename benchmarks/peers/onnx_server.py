"""A server that one would write without this package: ONNX Runtime behind Starlette.

    python -m benchmarks.peers.onnx_server [--port 0]

It answers POST /v1/mime/respond greedily, with at most NEW_TOKENS tokens, one request at a time on
one thread. It reads `message` and `seed` of the body. The first line that it prints is its address.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.http_load import PATH
from benchmarks.peers.onnx_cached import create
from benchmarks.workload import CHECKPOINT, NEW_TOKENS, Request
from mime_fast import _C, bundled, checkpoint
from mime_fast.engines.base import EMOTION_STREAM
from mime_fast.text.dialogue import encode_dialogue
from mime_fast.text.special import EOS, NEVER_GENERATED, SOS
from mime_fast.text.stop import ReplyText


class OnnxReplies:
    """A bundled checkpoint in float32, text to text."""

    def __init__(self) -> None:
        self._checkpoint = checkpoint.load(bundled.folder_of(CHECKPOINT))
        self._peer = create(self._checkpoint, "float32", threads=1)

    def respond(self, message: str, seed: int) -> str:
        """The greedy reply."""
        text = ReplyText(self._checkpoint.tokenizer, ())
        return text.push(self._greedy(self._request(message, seed))) + text.finish()

    def _request(self, message: str, seed: int) -> Request:
        config, tokenizer = self._checkpoint.config, self._checkpoint.tokenizer
        shape = config.latents, config.noise_dim
        noise = _C.standard_normal(seed, EMOTION_STREAM, shape[0] * shape[1]).reshape(shape)
        return Request(encode_dialogue(tokenizer, [message], config.max_positions), noise)

    @torch.inference_mode()
    def _greedy(self, request: Request) -> list[int]:
        state = self._peer.encode_only([request])
        token, tokens = SOS, list[int]()
        for position in range(NEW_TOKENS):
            logits, state = self._peer.step(state, torch.tensor([token]), position)
            scores = logits[0].numpy()
            scores[list(NEVER_GENERATED)] = -np.inf
            if not tokens:
                scores[EOS] = -np.inf
            token = int(scores.argmax())
            if token == EOS:
                break
            tokens.append(token)
        return tokens


def create_app(replies: OnnxReplies) -> Starlette:
    """The application; a thread answers, so that the event loop goes on."""
    thread = ThreadPoolExecutor(1)

    async def respond(request: HttpRequest) -> JSONResponse:
        body = await request.json()
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(thread, replies.respond, body["message"], body["seed"])
        return JSONResponse({"text": text})

    return Starlette(routes=[Route(PATH, respond, methods=["POST"])])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.onnx_server")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    app = create_app(OnnxReplies())
    listening = socket.create_server(("127.0.0.1", options.port))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
