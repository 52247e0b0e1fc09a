"""A server that is told where to, sends its traces there, and they name nobody."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from httpx2 import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infrastructure.settings import WrongSetting, from_environment
from tests.cli.server import PATIENCE, ROOT, prepared, serving
from tests.cli.test_drain import headers, purchase
from tests.infrastructure.test_settings import KEY

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class Collector:
    """The spans that arrived, and the names of the services that sent them."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.raw = b""

    def take(self, body: bytes) -> None:
        self.raw += body
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {one.value.string_value for one in sent.resource.attributes if one.key == "service.name"}
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@contextmanager
def collector() -> Iterator[tuple[Collector, str]]:
    """A receiver of OTLP over HTTP, and its address."""
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the library's name

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as receiver:
        receiving = threading.Thread(target=receiver.serve_forever)
        receiving.start()
        try:
            yield found, f"http://127.0.0.1:{receiver.server_port}"
        finally:
            receiver.shutdown()
            receiving.join()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_the_steps_of_a_request_are_in_the_trace_of_its_caller(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    with collector() as (found, address):
        with (
            serving(database_url, OTEL_EXPORTER_OTLP_ENDPOINT=address) as served,
            Client(base_url=f"http://127.0.0.1:{served.port}", headers=headers(key)) as client,
        ):
            traced = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            answer = client.post("/v1/activities", json=purchase("qx-order-1"), headers=traced)
            assert answer.status_code == 201
            deadline = time.monotonic() + PATIENCE
            # The follower has taken the entry when its tables have it.
            while 'guerdon_follower_behind_entries{follower="analytics"} 0.0' not in client.get("/metrics").text:
                assert time.monotonic() < deadline
        # What is left is sent when the processes end.
        ours = {span.name: span for span in found.spans if span.trace_id.hex() == TRACE}
        assert set(ours) == {"POST /v1/activities", "decide", "append"}
        request = ours["POST /v1/activities"]
        assert request.parent_span_id.hex() == CALLER
        assert request.kind == request.SPAN_KIND_SERVER
        assert attributes(request) == {
            "http.request.method": "POST",
            "http.route": "/v1/activities",
            "http.response.status_code": 201,
        }
        for step in ("decide", "append"):
            assert ours[step].parent_span_id == request.span_id
        assert {"saves": 1} in [attributes(span) for span in found.named("write batch")]
        assert {attributes(span)["follower"] for span in found.named("follow batch")} >= {"analytics"}
        assert found.named("rebuild")
        assert found.named("sweep")
        assert found.services == {"guerdon"}
        for mark in (b"qx-order", b"ann", key.encode()):
            assert mark not in found.raw.replace(b"analytics", b"")


def test_a_collector_that_is_not_there_keeps_nobody_from_anything(database_url: str) -> None:
    key = asyncio.run(prepared(database_url))
    with serving(database_url, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as served:
        with Client(base_url=f"http://127.0.0.1:{served.port}", headers=headers(key)) as client:
            assert client.post("/v1/activities", json=purchase("o1")).status_code == 201
        began = time.monotonic()
        served.process.terminate()
        assert served.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 20


def test_without_the_variables_the_library_is_not_even_imported() -> None:
    code = "import sys, api.http.app, api.cli.serve; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_asking_for_traces_without_the_packages_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"GUERDON_MASTER_KEY": KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert from_environment(asked).traces
    assert not from_environment(asked | {"OTEL_SDK_DISABLED": "true"}).traces
    assert not from_environment({"GUERDON_MASTER_KEY": KEY}).traces
    monkeypatch.setattr("infrastructure.settings.find_spec", lambda _: None)
    with pytest.raises(WrongSetting, match=r"OTEL_EXPORTER_OTLP_ENDPOINT asks for traces.*install guerdon\[otel\]"):
        from_environment(asked)
