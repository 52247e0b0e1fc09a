"""Every refusal has a code, every code a status and a page."""

import importlib
import pkgutil

import pytest
from litestar import Litestar

import application
import domain
from api.http.pages import PAGES
from api.http.problems import PROBLEMS, problem
from application.ports import Unavailable
from domain.errors import Refused
from tests.http.conftest import Someone

pytestmark = pytest.mark.anyio


def _refusals(kind: type[Refused]) -> set[type[Refused]]:
    return {kind, *(inner for one in kind.__subclasses__() for inner in _refusals(one))}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(PROBLEMS)


def test_every_page_says_what_it_means_why_and_what_to_do() -> None:
    for code, kind in PROBLEMS.items():
        page = (PAGES / f"{code}.md").read_text("utf-8")
        assert page.startswith(f"# {code}\n\n{kind.status} · {kind.title}\n")
        assert "## Why" in page
        assert "## What to do" in page


def test_every_refusal_of_the_domain_and_the_application_has_a_status() -> None:
    for package in (domain, application):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    codes = {one.code for one in _refusals(Refused) if one.__module__.split(".")[0] in ("domain", "application")}
    assert codes - {Refused.code} <= set(PROBLEMS)


def test_a_fault_of_ours_tells_nothing_of_itself() -> None:
    told = problem(ValueError("ann@example.org"))
    assert (told.status, told.code) == (500, "internal")
    assert "ann" not in told.detail


async def test_a_database_that_is_gone_is_told_as_unavailable() -> None:
    assert problem(Unavailable("no")).status == 503


async def test_a_wrong_address_and_a_wrong_method_are_problems_too(nobody: Someone) -> None:
    assert (await nobody.get("/v2/members")).json()["code"] == "not-found"
    answer = await nobody.ask("DELETE", "/v1/members")
    assert answer.json()["code"] == "method-not-allowed"
    assert "POST" in answer.headers["allow"]


async def test_pages_are_served_to_browsers_and_to_machines(nobody: Someone) -> None:
    for code in PROBLEMS:
        page = await nobody.get(f"/problems/{code}", headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert f"<h1>{code}</h1>" in page.text
    plain = await nobody.get("/problems/behind", headers={"accept": "*/*"})
    assert plain.text.startswith("# behind")
    assert (await nobody.get("/problems/no-such-code")).status_code == 404


async def test_no_page_loads_anything_from_elsewhere(nobody: Someone) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css", "/problems/behind"):
        answer = await nobody.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text
        assert "https://" not in answer.text


async def test_an_unexpected_error_answers_500_without_a_word_of_it(
    app: Litestar, admin: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("ann@example.org")

    monkeypatch.setattr(app.state.wired.store, "log", broken)
    answer = await admin.client.get("/v1/log", headers={"authorization": f"Bearer {admin.key}"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "ann" not in answer.text
