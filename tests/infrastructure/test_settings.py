"""Settings have sensible defaults, and wrong ones are named."""

from base64 import b64encode
from pathlib import Path

import pytest

from infrastructure.settings import Settings, WrongSetting, from_environment

KEY = b64encode(bytes(range(32))).decode()


def test_without_variables_the_database_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = from_environment({})
    assert settings == Settings(
        database_url=None,
        data_dir=tmp_path / ".data",
        host="127.0.0.1",
        port=8080,
        master_key=settings.master_key,
        log_level="INFO",
        workers=1,
        drain_seconds=20,
    )


def test_the_master_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    environ = {"GUERDON_DATA_DIR": str(tmp_path / "new")}
    first = from_environment(environ)
    assert len(first.master_key) == 32
    assert (tmp_path / "new" / "master.key").stat().st_mode & 0o777 == 0o600
    assert from_environment(environ).master_key == first.master_key
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["master.key"]


def test_variables_are_read() -> None:
    settings = from_environment({
        "GUERDON_DATABASE_URL": "postgresql://somewhere/guerdon",
        "GUERDON_MASTER_KEY": KEY,
        "GUERDON_HOST": "0.0.0.0",
        "PORT": "9000",
        "GUERDON_LOG_LEVEL": "debug",
        "GUERDON_WORKERS": "4",
        "GUERDON_REMEMBERED_MEMBERS": "1000",
        "GUERDON_DRAIN_SECONDS": "60",
        "GUERDON_WEBHOOKS_TO_LOOPBACK": "True",
    })  # fmt: skip
    assert settings.database_url == "postgresql://somewhere/guerdon"
    assert settings.master_key == bytes(range(32))
    assert settings.remembered_members == 1_000
    assert settings.webhooks_to_loopback
    assert (settings.host, settings.port, settings.log_level, settings.workers, settings.drain_seconds) == (
        "0.0.0.0",
        9000,
        "DEBUG",
        4,
        60,
    )


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"GUERDON_DATABASE_URL": "postgresql://x/y"}, "GUERDON_MASTER_KEY is not set.*make one with"),
        ({"GUERDON_MASTER_KEY": "not base64!"}, "GUERDON_MASTER_KEY is not base64"),
        (
            {"GUERDON_MASTER_KEY": b64encode(b"short").decode()},
            "GUERDON_MASTER_KEY holds 5 bytes instead of 32",
        ),
        ({"GUERDON_MASTER_KEY": KEY, "PORT": "http"}, "PORT is 'http'; set it to a whole number"),
        ({"GUERDON_MASTER_KEY": KEY, "PORT": "65536"}, "PORT is '65536'"),
        ({"GUERDON_MASTER_KEY": KEY, "GUERDON_WORKERS": "0"}, "GUERDON_WORKERS is '0'"),
        ({"GUERDON_MASTER_KEY": KEY, "GUERDON_REMEMBERED_MEMBERS": "1"}, "GUERDON_REMEMBERED_MEMBERS is '1'"),
        ({"GUERDON_MASTER_KEY": KEY, "GUERDON_DRAIN_SECONDS": "0"}, "GUERDON_DRAIN_SECONDS is '0'"),
        ({"GUERDON_MASTER_KEY": KEY, "GUERDON_LOG_LEVEL": "loud"}, "GUERDON_LOG_LEVEL is 'LOUD'"),
        ({"GUERDON_MASTER_KEY": KEY, "GUERDON_WEBHOOKS_TO_LOOPBACK": "1"}, "GUERDON_WEBHOOKS_TO_LOOPBACK is '1'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(environ: dict[str, str], says: str) -> None:
    with pytest.raises(WrongSetting, match=says):
        from_environment(environ)


def test_settings_do_not_show_secrets() -> None:
    settings = from_environment({"GUERDON_DATABASE_URL": "postgresql://a:hidden@b/c", "GUERDON_MASTER_KEY": KEY})
    assert "hidden" not in repr(settings)
    assert "master_key" not in repr(settings)
