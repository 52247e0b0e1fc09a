"""A session is believed if this installation wrote it, and until it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.sessions import LIFE, Sessions

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)
SESSIONS = Sessions(b"m" * 32)


def test_a_session_names_its_key_until_it_is_over() -> None:
    begun = SESSIONS.begin("key_1", NOW)
    assert SESSIONS.opened(begun.token, NOW + LIFE - timedelta(seconds=1)) == begun
    assert SESSIONS.opened(begun.token, NOW + LIFE) is None


@pytest.mark.parametrize("place", range(10))
def test_a_session_that_was_changed_anywhere_is_none(place: int) -> None:
    token = SESSIONS.begin("key_1", NOW).token
    at = place * len(token) // 10
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert SESSIONS.opened(changed, NOW) is None


@pytest.mark.parametrize("token", ["", ".", "...", "key_1.99999999999.x.", "é.1.2.3", "a" * 10_000])
def test_what_is_no_session_is_none(token: str) -> None:
    assert SESSIONS.opened(token, NOW) is None


def test_another_installation_does_not_believe_it() -> None:
    assert Sessions(b"n" * 32).opened(SESSIONS.begin("key_1", NOW).token, NOW) is None


def test_each_session_has_a_csrf_token_of_its_own_that_is_not_the_cookie() -> None:
    one, two = SESSIONS.begin("key_1", NOW), SESSIONS.begin("key_1", NOW)
    assert one.csrf != two.csrf
    assert one.csrf not in one.token
