"""GET /v1/models: the one model that is served."""

from __future__ import annotations

import msgspec

from mime_fast.server.call import Call
from mime_fast.server.endpoint import Answer, json_answer
from mime_fast.server.openai.parts import check_model
from mime_fast.server.state import ServerState


class Model(msgspec.Struct, kw_only=True):
    """A model. max_model_len: tokens of a context, as in vLLM's answer."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "mime_fast"
    max_model_len: int


class ModelList(msgspec.Struct):
    """All models."""

    data: list[Model]
    object: str = "list"


def _model(state: ServerState) -> Model:
    return Model(id=state.options.model_name, created=state.created, max_model_len=state.longest)


async def list_models(call: Call) -> Answer:
    """List the model."""
    return json_answer(ModelList([_model(call.state)]))


async def get_model(call: Call) -> Answer:
    """Describe the model."""
    check_model(call.scope["path_params"]["model"], call.state)
    return json_answer(_model(call.state))
