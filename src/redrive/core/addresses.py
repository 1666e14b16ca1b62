"""Which internet addresses lie outside: those that a server may ask on behalf of somebody who may
only ask this server. Pure.

An address that is not plainly of the public internet is refused: this machine's own, the
neighbours' (private, link-local and with it a cloud's metadata, shared by a carrier), many at once,
documentation, and those that hold such a one in disguise.
Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_INSIDE_4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_INSIDE_6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),  # Teredo among them, which holds an IPv4 address in disguise
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "reserved"),  # 6to4, as well
        ("3fff::/20", "for documentation"),
    )
)
_OUTSIDE_6 = IPv6Network("2000::/3")
"""Of all others nothing is given out to the public internet."""

_HOLDING_4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Mapped addresses and those of a NAT64: the last four bytes are an IPv4 address."""


def why_inside(text: str) -> str | None:
    """Return why an address may not be asked, such as "loopback", or None. Text that is no address
    is refused.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "no address"
    if isinstance(address, IPv6Address):
        if not any(address in network for network in _HOLDING_4):
            return _why_6(address)
        address = IPv4Address(int(address) & 0xFFFF_FFFF)
    return next((kind for network, kind in _INSIDE_4 if address in network), None)


def _why_6(address: IPv6Address) -> str | None:
    kind = next((kind for network, kind in _INSIDE_6 if address in network), None)
    return kind if kind is not None or address in _OUTSIDE_6 else "reserved"
