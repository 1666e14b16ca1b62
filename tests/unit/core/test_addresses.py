"""Which addresses lie inside, in every disguise."""

from __future__ import annotations

import pytest

from redrive.core.addresses import why_inside

INSIDE = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
    "private": [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"),
        *("fec0::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "fd00:ec2::254"),
    ],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:a9fe:a9fe"],
    "shared by a carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": [
        *("240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "2002:7f00:1::1"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b:1::1", "::127.0.0.1", "100::1"),
        *("4000::1", "5f00::1"),
    ],
    "for benchmarks": ["198.18.0.1", "198.19.255.255"],
    "for documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"],
    "no address": ["", "localhost", "127.1", "0x7f.1", "2130706433"],
}
OUTSIDE = (
    *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.1"),
    *("192.167.255.255", "192.169.0.1", "223.255.255.255", "2606:4700:4700::1111"),
    *("::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2a00:1450:4001::1"),
)


@pytest.mark.parametrize(
    ("address", "why"), [(each, why) for why, those in INSIDE.items() for each in those]
)
def test_addresses_inside(address: str, why: str) -> None:
    """What is not plainly of the public internet is refused, and it is said why."""
    assert why_inside(address) == why


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside(address: str) -> None:
    """What is next to them is allowed."""
    assert why_inside(address) is None
