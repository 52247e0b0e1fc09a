"""Traces by OpenTelemetry, where its standard variables ask for them: `OTEL_EXPORTER_OTLP_ENDPOINT` and the others.

The library is the extra `otel`. It is imported only when it is asked for.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Protocol

from application.ports import SaveRefused
from application.spans import Attributes, trace_with
from domain.errors import Refused

SERVICE = "guerdon"
_PATIENCE = 3.0
"""Seconds that a process which ends waits for its collector."""
_CONTEXT = (b"traceparent", b"tracestate")
_ANSWERS = (Refused, SaveRefused)


class Request(Protocol):
    """The span of a request, which learns in the end what it was. `trace` is the trace's id, in hex."""

    @property
    def trace(self) -> str: ...

    def answered(self, method: str, route: str, status: int) -> None: ...


class Traces:
    """What a process sends to a collector. Begin it in the process itself: threads do not survive a fork."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # What the operator has set, by the library's own reading of its variables, comes first.
        named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        name = {} if named else {"service.name": SERVICE}
        self._provider = TracerProvider(resource=Resource.create(name), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SERVICE)
        trace_with(self._span)

    def stop(self) -> None:
        """Send what is left, for a few seconds at most."""
        trace_with(None)
        sending = Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PATIENCE)

    @contextmanager
    def _span(self, name: str, attributes: Attributes) -> Iterator[None]:
        from opentelemetry.trace import Status, StatusCode

        # An exception is told by its class: its message, which the library would send, may quote a member's data.
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                if not isinstance(error, _ANSWERS):
                    span.set_status(Status(StatusCode.ERROR))
                raise

    @contextmanager
    def request(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Request]:
        """The span of a request; within the trace of the caller, if its headers say so (W3C `traceparent`)."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name in _CONTEXT}
        context = TraceContextTextMapPropagator().extract(sent)
        with self._tracer.start_as_current_span(
            "HTTP", context=context, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            yield _Request(span)


class _Request:
    def __init__(self, span: Any) -> None:
        self._span = span

    @property
    def trace(self) -> str:
        return f"{self._span.get_span_context().trace_id:032x}"

    def answered(self, method: str, route: str, status: int) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.update_name(f"{method} {route}".strip())
        self._span.set_attributes(
            {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
