"""The document of the API: complete, and made of the structs that read and write."""

import pytest

from api.http.app import HANDLERS
from api.http.problems import PROBLEMS
from tests.http.conftest import Json, Someone

pytestmark = pytest.mark.anyio


async def _document(nobody: Someone) -> Json:
    document: Json = (await nobody.get("/openapi.json")).json()
    return document


async def test_every_guarded_route_is_documented(nobody: Someone) -> None:
    document = await _document(nobody)
    assert document["openapi"] == "3.1.0"
    found = {(path, method) for path, operations in document["paths"].items() for method in operations}
    routes = {
        (path.replace(":str}", "}"), method.lower())
        for handler in HANDLERS
        if "route" in handler.opt
        for path in handler.paths
        for method in handler.http_methods - {"OPTIONS"}
    }
    assert found == routes


async def test_every_operation_names_its_scope_its_problems_and_an_id_of_its_own(nobody: Someone) -> None:
    document = await _document(nobody)
    names = []
    for operations in document["paths"].values():
        for operation in operations.values():
            names.append(operation["operationId"])
            assert operation["security"] == [{"key": []}]
            assert operation["x-scope"]
            assert {"401", "403", "503"} <= operation["responses"].keys()
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert "application/problem+json" in answer["content"]
                    assert all(line.split(":")[0] in PROBLEMS for line in answer["description"].split(" · "))
    assert len(names) == len(set(names))


async def test_every_reference_leads_somewhere(nobody: Someone) -> None:
    document = await _document(nobody)
    schemas = document["components"]["schemas"]

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return here.union(*(references(one) for one in value.values()))
        if isinstance(value, list):
            return set().union(*(references(one) for one in value))
        return set()

    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


async def test_what_goes_over_a_broker_is_described_too(nobody: Someone) -> None:
    answer = await nobody.get("/asyncapi.json")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["asyncapi"] == "3.0.0"
