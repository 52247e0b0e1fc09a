"""Receivers that do not behave: every attempt ends in time, with a word about it."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infrastructure.outgoing import MOST_READ, Outgoing
from tests.webhooks.receiver import Behave, Heard, answering, receiving


async def hang(heard: Heard, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickle(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """One byte of the head at a time, for ever."""
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.02)


async def slow_body(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")
    await writer.drain()
    await asyncio.Event().wait()


async def flood(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def long_head(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def nonsense(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff nothing of HTTP\r\n\r\n")


async def hang_up(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("behave", "status", "word"),
    [
        (answering(200), 200, ""),
        (answering(204, body=b""), 204, ""),
        (answering(500), 500, "500"),
        (answering(400), 400, "400"),
        (answering(410), 410, "410"),
        (answering(301, "location: http://169.254.169.254/latest"), 301, "redirects are not followed"),
        (answering(307, "location: http://127.0.0.1:1/inside"), 307, "redirects are not followed"),
        (answering(308, "location: /elsewhere"), 308, "redirects are not followed"),
        (slow_body, 200, ""),
        (flood, 200, ""),
        (hang, None, "no answer in 0.3 s"),
        (trickle, None, "no answer in 0.3 s|ProtocolError"),
        (long_head, None, "ProtocolError|no answer"),
        (nonsense, None, "ProtocolError"),
        (hang_up, None, "ProtocolError|ReadError"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_receiver_gets_one_request_and_as_long_as_was_said(behave: Behave, status: int | None, word: str) -> None:
    async def story() -> None:
        async with receiving() as receiver:
            receiver.behave = behave
            outgoing = Outgoing(to_loopback=True)
            async with asyncio.timeout(5):
                reply = await outgoing.post(receiver.url, {"webhook-id": "a"}, b'{"a":1}', 0.3)
            await outgoing.aclose()
            assert reply.status == status
            assert any(part in reply.error for part in word.split("|")) if word else reply.error == ""
            (heard,) = receiver.heard
            assert heard.body == b'{"a":1}'
            assert heard.headers["host"] == f"127.0.0.1:{receiver.port}"
            assert heard.headers["user-agent"].startswith("guerdon/")

    asyncio.run(story())


def test_nobody_there_is_said_so() -> None:
    async def story() -> None:
        async with receiving() as receiver:
            url = receiver.url
        outgoing = Outgoing(to_loopback=True)
        reply = await outgoing.post(url, {}, b"{}", 5)
        assert reply.status is None
        assert reply.error.startswith("ConnectError")
        await outgoing.aclose()

    asyncio.run(story())


def test_no_more_of_a_body_is_read_than_the_bound_and_short_answers_keep_the_connection() -> None:
    async def story() -> None:
        sent = 0

        async def counted(heard: Heard, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
            for _ in range(100_000):
                writer.write(b"x" * 1000)
                sent += 1000
                await writer.drain()

        async with receiving() as receiver:
            outgoing = Outgoing(to_loopback=True)
            ports = set()
            for _ in range(3):

                async def noted(heard: Heard, writer: asyncio.StreamWriter) -> None:
                    ports.add(writer.get_extra_info("peername")[1])
                    await answering(200)(heard, writer)

                receiver.behave = noted
                assert (await outgoing.post(receiver.url, {}, b"{}", 5)).good
            assert len(ports) == 1
            receiver.behave = counted
            assert (await outgoing.post(receiver.url, {}, b"{}", 5)).good
            await outgoing.aclose()
            # What lies in the buffers of the two sockets was sent, too.
            assert sent < 16_000_000
            assert MOST_READ < 100_000

    asyncio.run(story())


def test_a_receiver_can_ask_for_time() -> None:
    async def story() -> None:
        async with receiving() as receiver:
            outgoing = Outgoing(to_loopback=True)
            for given, read in (("120", 120), ("soon", None), ("-1", None), ("9" * 30, None)):
                receiver.behave = answering(503, f"retry-after: {given}")
                assert (await outgoing.post(receiver.url, {}, b"{}", 5)).retry_after == read
            await outgoing.aclose()

    asyncio.run(story())


def _certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names[:1]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


def test_a_certificate_is_checked_for_the_name_that_was_asked_for_though_the_connection_goes_to_a_number(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        certificate, key = _certificate(tmp_path)
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(certificate, key)
        trusting = ssl.create_default_context(cafile=str(certificate))

        async def resolve(host: str, port: int) -> list[str]:
            return ["127.0.0.1"]

        async with receiving(serving) as receiver:
            for context, host, good in (
                (trusting, "localhost", True),
                (trusting, "elsewhere.example", False),
                (None, "localhost", False),
            ):
                outgoing = Outgoing(to_loopback=True, resolve=resolve, context=context)
                reply = await outgoing.post(f"https://{host}:{receiver.port}/", {}, b"{}", 5)
                assert reply.good is good, reply
                assert good or "ConnectError" in reply.error
                await outgoing.aclose()
            assert len(receiver.heard) == 1

    asyncio.run(story())
