"""Which addresses a webhook may lead to, and what becomes of those that it may not."""

import asyncio

import pytest

from infrastructure.addresses import outside
from infrastructure.outgoing import Outgoing
from tests.webhooks.receiver import receiving

REFUSED = """
0.0.0.0             this machine
127.0.0.1           this machine
127.8.9.10          this machine
10.0.0.1            a private network
172.16.0.1          a private network
172.31.255.255      a private network
192.168.1.1         a private network
100.64.0.1          a carrier's network
100.100.100.200     Alibaba's metadata
169.254.169.254     metadata
169.254.170.2       metadata of containers
168.63.129.16       Azure's wire server
192.0.0.192         Oracle's metadata
192.0.2.1           documentation
198.18.0.1          benchmarks
198.51.100.7        documentation
203.0.113.7         documentation
192.88.99.1         a relay
224.0.0.1           multicast
240.0.0.1           reserved
255.255.255.255     broadcast
::                  this machine
::1                 this machine
::127.0.0.1         IPv4 in IPv6, the old way
::ffff:127.0.0.1    IPv4 in IPv6
::ffff:169.254.169.254  metadata in IPv6
::ffff:a9fe:a9fe    the same
64:ff9b::7f00:1     IPv4 behind a translator
64:ff9b::a9fe:a9fe  metadata behind a translator
64:ff9b:1::1        a translator of this network
2002:7f00:1::       IPv4 in 6to4
2002:a9fe:a9fe::    metadata in 6to4
2001:0:7f00:1::     a Teredo tunnel
2001:db8::1         documentation
fc00::1             a private network
fd00:ec2::254       Amazon's metadata
fe80::1             a link
fe80::1%eth0        a link
fec0::1             a site
ff02::1             multicast
100::1              discard
localhost           a name is no address
1.2.3               not an address
"""
OUTSIDE = ("93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "2002:808:808::", "64:ff9b::808:808")


def _refused() -> list[str]:
    return [line.split()[0] for line in REFUSED.strip().splitlines()]


@pytest.mark.parametrize("address", _refused())
def test_an_inside_address_is_refused(address: str) -> None:
    assert not outside(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_not(address: str) -> None:
    assert outside(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/hook", "https"),
        ("ftp://example.org/hook", "https"),
        ("file:///etc/passwd", "https"),
        ("example.org", "https"),
        ("", "https"),
        ("https://user:word@example.org/", "user"),
        ("https://example.org/#part", "fragment"),
        ("https:///hook", "host"),
        ("https://exa mple.org/", "spaces"),
        ("https://example.org/\r\nHost: inside", "spaces"),
        ("https://bücher.example/", "ASCII"),
        ("https://example.org:0/", "port"),
        ("https://example.org:65536/", "ort"),
        ("https://localhost/hook", "public"),
        ("https://a.localhost/hook", "public"),
        ("https://127.0.0.1/hook", "public"),
        ("https://169.254.169.254/latest/meta-data", "public"),
        ("https://[::1]/hook", "public"),
        ("https://[::ffff:169.254.169.254]/", "public"),
        ("https://2130706433/", "public"),
        ("https://0177.0.0.1/", "public"),
    ],
)
def test_an_address_that_cannot_be_told_says_why(url: str, why: str) -> None:
    async def story() -> None:
        outgoing = Outgoing()
        with pytest.raises(ValueError, match=why):
            outgoing.check(url)
        assert (await outgoing.post(url, {}, b"{}", 5)).status is None
        await outgoing.aclose()

    asyncio.run(story())


def test_addresses_of_the_internet_can_be_told() -> None:
    async def story() -> None:
        outgoing = Outgoing()
        for url in ("https://example.org/hook?a=b", "https://8.8.8.8:8443/", "https://[2606:4700:4700::1111]/"):
            outgoing.check(url)
        await outgoing.aclose()

    asyncio.run(story())


@pytest.mark.parametrize("address", _refused()[:-2])
def test_a_name_that_means_an_inside_address_is_refused_after_it_was_resolved(address: str) -> None:
    async def story() -> None:
        asked = []

        async def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return [address]

        outgoing = Outgoing(resolve=resolve)
        reply = await outgoing.post("https://example.org/hook", {}, b"{}", 5)
        assert (reply.status, reply.error) == (None, "the address does not lead to the public internet")
        assert asked == ["example.org"]
        await outgoing.aclose()

    asyncio.run(story())


def test_a_name_with_one_inside_address_among_others_is_refused() -> None:
    async def story() -> None:
        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.215.14", "10.0.0.1"]

        outgoing = Outgoing(resolve=resolve)
        reply = await outgoing.post("https://example.org/hook", {}, b"{}", 5)
        assert reply.error == "the address does not lead to the public internet"
        await outgoing.aclose()

    asyncio.run(story())


def test_a_name_that_changes_its_answer_is_asked_once_and_the_connection_goes_to_what_was_checked() -> None:
    """It says loopback, which this one may use; a second question would be answered with a private address."""

    async def story() -> None:
        answers = [["127.0.0.1"], ["10.0.0.1"]]

        async def resolve(host: str, port: int) -> list[str]:
            return answers.pop(0)

        async with receiving() as receiver:
            outgoing = Outgoing(to_loopback=True, resolve=resolve)
            url = f"http://localhost:{receiver.port}/hook"
            assert (await outgoing.post(url, {}, b"{}", 5)).status == 204
            assert len(answers) == 1
            await outgoing.aclose()
            # A connection of its own asks again, and is refused.
            again = Outgoing(to_loopback=True, resolve=resolve)
            assert (await again.post(url, {}, b"{}", 5)).error == "the address does not lead to the public internet"
            await again.aclose()
            assert len(receiver.heard) == 1

    asyncio.run(story())


def test_loopback_may_be_let_in_and_nothing_else_inside_is() -> None:
    async def story() -> None:
        async with receiving() as receiver:
            outgoing = Outgoing(to_loopback=True)
            assert (await outgoing.post(receiver.url, {}, b"{}", 5)).status == 204
            for url in ("http://10.0.0.1/", "https://10.0.0.1/", "http://169.254.169.254/", "https://[fd00:ec2::254]/"):
                with pytest.raises(ValueError, match=r"https|public"):
                    outgoing.check(url)
            await outgoing.aclose()
            closed = Outgoing()
            assert (await closed.post(receiver.url, {}, b"{}", 5)).status is None
            await closed.aclose()
            assert len(receiver.heard) == 1

    asyncio.run(story())
