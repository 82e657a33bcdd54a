"""Addresses: which ones are the public internet, and which must never be reached.

The lists follow the special-purpose registries for IPv4 and IPv6 (RFC 6890). They are
written out because the standard library's ``is_global`` differs between releases.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

CLOSED_4 = tuple(
    IPv4Network(it)
    for it in (
        "0.0.0.0/8",  # this network, and the unspecified address
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's metadata, on a public address
        "169.254.0.0/16",  # link-local; most clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
OPEN_6 = IPv6Network("2000::/3")
"""All that is assigned to the public; mapped, compatible, local and multicast addresses
lie outside."""
CLOSED_6 = tuple(
    IPv6Network(it)
    for it in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet; NAT64 counts as what it embeds."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in CLOSED_4)
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in OPEN_6 and not any(address in network for network in CLOSED_6)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks as an operator writes them; raises ``ValueError``."""
    return tuple(ip_network(text) for text in texts)
