"""Services: requests of one event loop that share an engine, and the errors that refuse them."""

from mime_fast.engines.base import Engine
from mime_fast.engines.native import NativeEngine
from mime_fast.service.base import (
    CLOSED,
    DeadlineExceeded,
    DraftCount,
    Limits,
    QueueFull,
    Service,
    ServiceClosed,
)
from mime_fast.service.native import NativeService
from mime_fast.service.threads import ThreadService

__all__ = [
    "CLOSED",
    "DeadlineExceeded",
    "DraftCount",
    "Limits",
    "QueueFull",
    "Service",
    "ServiceClosed",
    "create_service",
]


def create_service(engine: Engine, limits: Limits) -> Service:
    """The service of an engine."""
    if isinstance(engine, NativeEngine):
        return NativeService(engine, limits)
    return ThreadService(limits)
