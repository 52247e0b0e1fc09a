"""Keys are wrapped, fields are sealed for one place, fingerprints are unambiguous."""

import pytest

from infrastructure.vault import Unreadable, Vault

MASTER = bytes(range(32))
KEY = bytes(32)


def test_a_wrapped_key_opens_under_its_master_key_only() -> None:
    wrapped = Vault(MASTER).new_key()
    key = Vault(MASTER).unwrap(wrapped)
    assert len(key) == 32
    assert key not in wrapped
    with pytest.raises(Unreadable):
        Vault(bytes(32)).unwrap(wrapped)


def test_keys_differ() -> None:
    vault = Vault(MASTER)
    assert vault.unwrap(vault.new_key()) != vault.unwrap(vault.new_key())


def test_what_is_sealed_opens_again() -> None:
    vault = Vault(MASTER)
    sealed = vault.seal(KEY, b"ada@example.org", b"email")
    assert b"ada" not in sealed
    assert vault.open(KEY, sealed, b"email") == b"ada@example.org"


def test_sealing_twice_gives_different_cipher_text() -> None:
    vault = Vault(MASTER)
    assert vault.seal(KEY, b"same", b"") != vault.seal(KEY, b"same", b"")


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_a_changed_byte_is_found(at: int) -> None:
    vault = Vault(MASTER)
    sealed = bytearray(vault.seal(KEY, b"plain", b"here"))
    sealed[at] ^= 1
    with pytest.raises(Unreadable):
        vault.open(KEY, bytes(sealed), b"here")


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(12)])
def test_too_little_is_unreadable(sealed: bytes) -> None:
    with pytest.raises(Unreadable):
        Vault(MASTER).open(KEY, sealed, b"")


def test_cipher_text_does_not_open_elsewhere() -> None:
    vault = Vault(MASTER)
    with pytest.raises(Unreadable):
        vault.open(KEY, vault.seal(KEY, b"plain", b"member a"), b"member b")


def test_a_fingerprint_is_pinned_for_ever() -> None:
    """Claims in the log hold these; another value would lose every member's e-mail address."""
    assert Vault(MASTER).fingerprint(KEY, "email", "ada@example.org") == ("rgMgxJzFqOiQUOJZ48UvbnVSRjRx4FXqt46L2Mzla8U")


def test_parts_of_a_fingerprint_do_not_run_together() -> None:
    vault = Vault(MASTER)
    prints = {vault.fingerprint(KEY, *parts) for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("abc", "")]}
    assert len(prints) == 4
    assert vault.fingerprint(KEY, "é") == vault.fingerprint(KEY, "é".encode())
    assert vault.fingerprint(KEY, "a") != vault.fingerprint(MASTER, "a")


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        Vault(b"short")


def test_a_vault_does_not_show_its_key() -> None:
    assert repr(Vault(MASTER)) == "Vault(...)"
