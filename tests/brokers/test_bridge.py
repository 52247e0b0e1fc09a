"""What the bridge is told, and what it tells of it."""

import pytest
from click.testing import CliRunner

from api.broker.bridge import Plan, carrier
from api.cli.main import guerdon
from infrastructure.brokers.names import safe


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://localhost:4222", "nats://localhost:4222"),
        ("nats://me:secret@broker.example:4222", "nats://broker.example:4222"),
        ("kafka://one:9092,two:9092", "kafka://one:9092,two:9092"),
        ("amqps://me:secret@broker.example:5671/shop", "amqps://broker.example:5671"),
    ],
)
def test_no_password_is_printed(url: str, shown: str) -> None:
    assert safe(url) == shown


@pytest.mark.parametrize("url", ["", "localhost:4222", "mqtt://localhost", "http://localhost:4222"])
def test_an_address_of_no_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="nats://localhost:4222"):
        carrier(Plan(url=url))
    said = CliRunner().invoke(guerdon, ["bridge", url])
    assert said.exit_code == 2
    assert "give the address of a broker" in said.output
