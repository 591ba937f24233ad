"""OpenTelemetry: a span for each request, without people's text (extra `otel`)."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware

NOT_TRACED = "health,ready,metrics"


def tracing() -> Middleware:
    """What traces an application, with the provider that the process has when it starts.

    ModuleNotFoundError: the extra is not installed.
    """
    try:
        from opentelemetry.instrumentation import asgi  # noqa: PLC0415 - an extra
        from opentelemetry.util.http import parse_excluded_urls  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed; run: pip install 'mime-fast[otel]'", name=error.name
        ) from error
    kind: Any = asgi.OpenTelemetryMiddleware
    excluded = parse_excluded_urls(NOT_TRACED)
    # Not a span for each piece of a stream.
    return Middleware(kind, excluded_urls=excluded, exclude_spans=["receive", "send"])


def export_traces() -> None:
    """Send spans where OTEL_EXPORTER_OTLP_ENDPOINT says; OTEL_SERVICE_NAME is their service."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
