"""Which addresses are outside: where a request that somebody else has asked for may go.

An address counts as it is, not as it is written: IPv4 inside IPv6 is looked at as IPv4, in every form there is.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Networks that Python's registries call global in some version, or that lead inside all the same.
_INSIDE = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's own service on every virtual machine
        "::/96", "100::/64", "2001::/23", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
    )
)  # fmt: skip
_MAPPED_BY_NETWORK = IPv6Network("64:ff9b::/96")
_LOCAL_MAPPED = IPv6Network("64:ff9b:1::/48")


def outside(text: str) -> bool:
    """Whether an address lies in the public internet. What is no address does not."""
    found = _read(text)
    return found is not None and all(_public(one) for one in _meant(found))


def loopback(text: str) -> bool:
    """Whether an address is this machine's own."""
    found = _read(text)
    return found is not None and all(one.is_loopback for one in _meant(found))


def _read(text: str) -> Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _meant(address: Address) -> list[Address]:
    """What an address leads to: the IPv4 addresses in it, if there are any, or itself."""
    if isinstance(address, IPv4Address):
        return [address]
    inner: list[Address] = []
    if address.ipv4_mapped is not None:
        inner.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address in _MAPPED_BY_NETWORK:
        inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return inner or [address]


def _public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and address not in _LOCAL_MAPPED
        and not any(address in network for network in _INSIDE)
    )
