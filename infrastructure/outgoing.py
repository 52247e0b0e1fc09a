"""Requests to other systems, whose addresses somebody else has chosen.

A connection goes to an address that was looked at after its name was resolved: to that very address, so a name that
means something else a moment later changes nothing. Redirects are not followed. Nothing of the environment (a proxy)
is used. An answer's body is of no interest, and not read beyond a bound.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

import httpcore2

from application.deliveries import Reply
from infrastructure.addresses import loopback, outside

MOST_READ = 16 * 1024
"""Bytes of an answer's body that are read, so that the connection can be used again."""
_KEPT_OPEN = 30.0
_SHORT = 200
_TO_CONNECT = 3.0
"""Seconds for one address of several: the next one may be reached."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Inside(Exception):
    """The address leads to this machine, its network, or nowhere."""


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name, or of a number however it is written."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def check_url(url: str, *, to_loopback: bool) -> None:
    """What can be said of an address before its name is resolved. Raises ValueError, which says what is wrong."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    own = to_loopback and (host == "localhost" or loopback(host))
    if parts.scheme != "https" and not (own and parts.scheme == "http"):
        raise ValueError("an address begins with https://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an address has no user, password or fragment")
    if not host or not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        raise ValueError("an address has a host, and is written in ASCII without spaces")
    if parts.port == 0:
        raise ValueError("an address has no port 0")
    number = host.replace(".", "").removeprefix("0x")
    if not own and (host == "localhost" or host.endswith(".localhost") or ":" in host or number.isdigit()):
        if outside(host):
            return
        raise ValueError("an address lies in the public internet")


class Outgoing:
    """The `Post` port. `to_loopback` lets requests reach this machine, too: for trying things out."""

    def __init__(
        self, *, to_loopback: bool = False, resolve: Resolve = resolved, context: ssl.SSLContext | None = None
    ) -> None:
        self._to_loopback = to_loopback
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context or httpcore2.default_ssl_context(),
            # No bound for all together: whoever is slow would keep it from the others.
            max_connections=None,
            max_keepalive_connections=100,
            keepalive_expiry=_KEPT_OPEN,
            network_backend=_Checked(self._allowed, resolve),
        )
        self._agent = f"guerdon/{_version()}"

    def check(self, url: str) -> None:
        """Raises ValueError."""
        check_url(url, to_loopback=self._to_loopback)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        """Never raises: what goes wrong is in the reply."""
        began = time.monotonic()
        status, retry_after, error = None, None, ""
        try:
            self.check(url)
            async with (
                asyncio.timeout(seconds),
                self._pool.stream("POST", url, headers=self._headers(headers, body), content=body) as answer,
            ):
                status, retry_after = answer.status, _retry_after(answer.headers)
                # What is answered is answered, whatever becomes of the rest.
                with suppress(httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
                    await _drain(answer)
        except TimeoutError:
            error = "" if status is not None else f"no answer in {seconds:g} s"
        except Inside as refused:
            error = str(refused)
        except ValueError as wrong:
            error = str(wrong)
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as failed:
            error = f"{type(failed).__name__}: {failed}"
        if status is not None:
            error = _said(status)
        return Reply(status, error[:_SHORT], time.monotonic() - began, retry_after)

    async def aclose(self) -> None:
        await self._pool.aclose()

    def _allowed(self, address: str) -> bool:
        return outside(address) or (self._to_loopback and loopback(address))

    def _headers(self, given: Mapping[str, str], body: bytes) -> list[tuple[bytes, bytes]]:
        more = {"user-agent": self._agent, "accept": "*/*", "content-length": str(len(body))}
        return [(name.encode(), value.encode()) for name, value in {**given, **more}.items()]


class _Checked(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were looked at, and to nothing else."""

    def __init__(self, allowed: Callable[[str], bool], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - as httpcore calls it; the whole attempt has a limit
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        # One inside among several is no accident.
        if not addresses or not all(map(self._allowed, addresses)):
            raise Inside("the address does not lead to the public internet")
        failed: Exception | None = None
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, _TO_CONNECT, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        assert failed is not None
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        raise Inside(f"{path} is no address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _drain(answer: httpcore2.Response) -> None:
    """Read a short body to its end; one that is longer closes the connection."""
    read = 0
    async for part in answer.aiter_stream():
        read += len(part)
        if read > MOST_READ:
            return


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 9:
            return int(value)
    return None


def _said(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"{status}: redirects are not followed"
    return f"{status}"


def _version() -> str:
    try:
        return version("guerdon")
    except PackageNotFoundError:
        return "0"
