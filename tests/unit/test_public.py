"""Which addresses are public is the same with every version of Python; a private address is never connected to."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from urllib3.exceptions import HTTPError, NameResolutionError

from core.public import PrivateAddress, PublicOnly, is_public

# Every entry of https://www.iana.org/assignments/iana-ipv4-special-registry/ as of 9 October 2025, and multicast.
SPECIAL_IPV4 = """
    0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24
    192.52.193.0/24 192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 240.0.0.0/4 255.255.255.255/32 224.0.0.0/4
"""
# Every entry of https://www.iana.org/assignments/iana-ipv6-special-registry/ as of 9 October 2025, and the other blocks
# that are not global unicast. IPv4-mapped and NAT64 addresses have a test of their own.
SPECIAL_IPV6 = """
    ::1/128 ::/128 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
    2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32
    2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 ::/96 ::ffff:0:0:0/96 4000::/3 8000::/1
    fec0::/10 ff00::/8
"""
PUBLIC_IPV4 = """
    1.0.0.0 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0
    192.31.195.255 192.31.197.0 192.52.192.255 192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
    192.175.47.255 192.175.49.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
    223.255.255.255
"""
PUBLIC_IPV6 = """
    2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::
    2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 2606:4700::6810:85e5 2620:4f:7fff:ffff:ffff:ffff:ffff:ffff
    2620:4f:8001:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""


def samples(block: str) -> Iterator[str]:
    network = ipaddress.ip_network(block)
    for place in (0, network.num_addresses // 2, -1):
        yield str(network[place])


def embedded(prefix: str, ipv4: str, shift: int = 0) -> str:
    """Return the IPv6 address that has these bits in addition to an IPv4 address, so many bits from its end."""
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(ipv4)) << shift))


@pytest.mark.parametrize("block", [*SPECIAL_IPV4.split(), *SPECIAL_IPV6.split()])
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    assert [address for address in samples(block) if is_public(address)] == []


@pytest.mark.parametrize("address", [*PUBLIC_IPV4.split(), *PUBLIC_IPV6.split()])
def test_an_address_next_to_a_special_block_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("prefix", ["::ffff:0:0", "64:ff9b::", "2606:4700::5efe:0:0", "2606:4700::200:5efe:0:0"])
def test_a_mapped_nat64_or_isatap_address_is_public_if_its_ipv4_address_is(prefix: str) -> None:
    assert [ipv4 for ipv4 in PUBLIC_IPV4.split() if not is_public(embedded(prefix, ipv4))] == []
    special = [ipv4 for block in SPECIAL_IPV4.split() for ipv4 in samples(block)]
    assert [ipv4 for ipv4 in special if is_public(embedded(prefix, ipv4))] == []


def local_nat64(ipv4: str) -> str:
    """Return the address of a /48 prefix (RFC 6052): 16 bits, eight zeros, 16 bits."""
    bits = int(ipaddress.IPv4Address(ipv4))
    address = int(ipaddress.IPv6Address("64:ff9b:1::")) | bits >> 16 << 64 | (bits & 0xFFFF) << 40
    return str(ipaddress.IPv6Address(address))


def inverted(ipv4: str) -> str:
    """Return the IPv4 address with each bit flipped, as Teredo writes the address of a client."""
    return str(ipaddress.IPv4Address(int(ipaddress.IPv4Address(ipv4)) ^ 0xFFFF_FFFF))


NEVER_PUBLIC: dict[str, Callable[[str], str]] = {
    "IPv4-compatible": lambda ipv4: embedded("::", ipv4),
    "translated": lambda ipv4: embedded("::ffff:0:0:0", ipv4),
    "local NAT64, /48": local_nat64,
    "local NAT64, /96": lambda ipv4: embedded("64:ff9b:1:fffe::", ipv4),
    "6to4": lambda ipv4: embedded("2002::1", ipv4, 80),
    "Teredo's server": lambda ipv4: embedded("2001:0:0:0:8000:63bf:a247:27dd", ipv4, 64),
    "Teredo's client": lambda ipv4: embedded("2001:0:4136:e378:8000:63bf::", inverted(ipv4)),
    "ISATAP, link-local": lambda ipv4: embedded("fe80::5efe:0:0", ipv4),
}


@pytest.mark.parametrize("form", NEVER_PUBLIC)
@pytest.mark.parametrize("ipv4", ["93.184.216.34", "10.0.0.1"])
def test_the_other_forms_that_embed_an_ipv4_address_are_never_public(form: str, ipv4: str) -> None:
    assert not is_public(NEVER_PUBLIC[form](ipv4))


def test_the_zone_of_an_address_changes_nothing() -> None:
    assert not is_public("fe80::1%eth0")
    assert not is_public("::ffff:10.0.0.1%1")
    assert is_public("2606:4700::1%eth0")


@pytest.mark.parametrize("name", ["example.com", "127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "[::1]", ""])
def test_a_name_is_not_an_address(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        is_public(name)


class Network:
    """A network without wires: `connected` is every address that a connection was attempted to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str, reachable: tuple[str, ...] = ()) -> None:
        self.connected: list[str] = []
        self._addresses, self._reachable = addresses, reachable
        monkeypatch.setattr("socket.getaddrinfo", self._resolve)
        monkeypatch.setattr("urllib3.util.connection.create_connection", self._connect)

    def _resolve(self, host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        assert host == "hooks.example.com", "it is resolved once"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self._addresses]

    def _connect(self, address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        self.connected.append(address[0])
        if address[0] not in self._reachable:
            raise ConnectionRefusedError
        return socket.socket()


def connect() -> None:
    """Connect to the host as far as to the TLS handshake."""
    connection = PublicOnly("hooks.example.com", 443, timeout=5)
    with closing(connection), closing(connection._new_conn()):
        assert connection.host == "hooks.example.com", "the certificate is for the name"


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["::1", "127.0.0.1"], ["fe80::1%eth0"], ["::ffff:169.254.169.254"]]
)
def test_a_private_address_is_not_connected_to(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, *addresses, reachable=tuple(addresses))
    with pytest.raises(PrivateAddress, match=re.escape(f"hooks.example.com, a private address ({addresses[0]})")):
        connect()
    assert network.connected == []


def test_of_several_addresses_the_public_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["10.0.0.1", "2606:4700::1", "::1", "93.184.216.34", "93.184.216.35"]
    network = Network(monkeypatch, *addresses, reachable=("10.0.0.1", "::1", "93.184.216.34"))
    connect()
    assert network.connected == ["2606:4700::1", "93.184.216.34"]


def test_if_no_public_address_can_be_reached_the_last_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, "93.184.216.34", "2606:4700::1", "10.0.0.1")
    with pytest.raises(HTTPError, match="Failed to establish a new connection"):
        connect()
    assert network.connected == ["93.184.216.34", "2606:4700::1"]


@pytest.mark.parametrize("host", ["hooks.invalid", "a" * 64 + ".example.com"])
def test_a_name_that_cannot_be_resolved_is_an_error_of_urllib3(host: str) -> None:
    with pytest.raises(HTTPError) as failed:
        PublicOnly(host, 443, timeout=5).connect()
    assert isinstance(failed.value, NameResolutionError) is host.endswith(".invalid")


@pytest.mark.parametrize("host", ["127.1", "0x7f.0.0.1", "2130706433", "0177.0.0.1", "[::1]"])
def test_another_notation_of_a_private_address_is_not_connected_to(host: str) -> None:
    with pytest.raises(PrivateAddress):
        PublicOnly(host, 443, timeout=5).connect()
