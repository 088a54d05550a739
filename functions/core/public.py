"""Connect to the host of an untrusted link: never in a private network, and never for longer than allowed.

A name is resolved once, and only its public addresses are connected to. So the name cannot resolve to another address
later, and an open port of a private network looks the same as a closed one. A socket's timeout starts again with each
byte, so a timer closes the connection to a host that sends its bytes slowly.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError
from urllib3.util import parse_url
from urllib3.util.connection import allowed_gai_family

# The IANA special-purpose address registries as of 9 October 2025, and multicast. An entry inside another one is left
# out, and so are the IPv6 entries outside of 2000::/3. The few entries that are globally reachable are not public here:
# they are addresses of protocols, and no web server has one. Properties such as `is_global` follow a registry of
# another date in each version of Python.
# https://www.iana.org/assignments/iana-ipv4-special-registry/
# https://www.iana.org/assignments/iana-ipv6-special-registry/
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",  # with Teredo
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

# An address in these networks leads to the IPv4 address in its last 32 bits: IPv4-mapped, and NAT64, through which an
# IPv6-only network of AWS reaches IPv4. Where NAT64's local prefix (64:ff9b:1::/48) holds the IPv4 address is up to the
# network, so none of its addresses is public.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
# ISATAP: bits 64 to 95 of an address that leads to the IPv4 address in its last 32 bits, with either "universal" bit.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


class PrivateAddress(Exception):
    """The host has no address on the public internet."""

    def __init__(self, host: str, address: object) -> None:
        self.host, self.address = host, address
        super().__init__(f"{host}, a private address ({address})")


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of a plain link. Return None for any other link: parsers may find different hosts in it, and
    the host that was checked has to be the host that is connected to."""
    try:
        parts, connected = urlsplit(url), parse_url(url)
        _ = parts.port
    except (ValueError, LocationParseError):
        return None
    is_plain = parts.hostname == connected.host and "@" not in parts.netloc and re.fullmatch(r"[!-\[\]-~]+", url)
    return parts if is_plain else None


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet; raise ValueError if it is not an IP address."""
    found = ipaddress.ip_address(address)
    last_bits = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    if any(found in network for network in _TRANSLATED):
        found = last_bits
    if isinstance(found, ipaddress.IPv6Address):
        if found not in _GLOBAL_UNICAST:
            return False
        if int(found) >> 32 & 0xFFFF_FFFF in _ISATAP and _is_special(last_bits):
            return False
    return not _is_special(found)


def is_private(host: str) -> bool:
    """Return whether a name or an address leads to an address that is not on the public internet."""
    try:
        return not all(map(is_public, _addresses_of(host)))
    except (OSError, UnicodeError):
        return False  # the name does not exist


def _addresses_of(host: str, port: int | None = None) -> list[str]:
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in _SPECIAL)


class InTime(HTTPConnection):
    """Limit the time of the whole TLS handshake to the connect timeout, and of the whole head of an answer to the
    read timeout."""

    _wire: socket.socket | None = None
    _limit: Timer | None = None
    _is_late = False

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._wire = connection.dup()  # TLS takes over the other one and hides it during the handshake
        self._begin()
        return connection

    def connect(self) -> None:
        """Connect. Raise TimeoutError if the timer closed the connection."""
        with self._in_time():
            super().connect()

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        """Return the head of the answer. Raise TimeoutError if the timer closed the connection."""
        self._begin()
        with self._in_time():
            response = super().getresponse()
            if self._is_late:  # the bytes received until then may look like a head
                response.close()
        return response

    def close(self) -> None:
        """Close the connection."""
        super().close()
        wire, self._wire = self._wire, None
        if wire:
            wire.close()

    def _begin(self) -> None:
        self._is_late = False
        self._limit = Timer(self.timeout or 0, self._hang_up)
        self._limit.daemon = True
        self._limit.start()

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Stop the timer after the block. If it closed the connection, raise TimeoutError and no other error."""
        try:
            yield
        except (OSError, HTTPException, HTTPError):
            if not self._is_late:
                raise
        finally:
            if self._limit:
                self._limit.cancel()
        if self._is_late:
            raise TimeoutError

    def _hang_up(self) -> None:
        self._is_late = True
        wire = self._wire
        if wire:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)


class InTimeTls(InTime, HTTPSConnection):
    """Limit the times in the same way over TLS."""


class PublicOnly(InTimeTls):
    """Connect over TLS to public addresses only. Raise `PrivateAddress` if the host has none."""

    def _new_conn(self) -> socket.socket:
        name, addresses = self._dns_host, self._addresses()
        public = [address for address in addresses if is_public(address)]
        if not public:
            raise PrivateAddress(self.host, addresses[0])
        try:
            for self._dns_host in public[:-1]:
                with suppress(HTTPError):
                    return super()._new_conn()
            self._dns_host = public[-1]
            return super()._new_conn()
        finally:
            self._dns_host = name  # which the certificate has to be for

    def _addresses(self) -> list[str]:
        host = self._dns_host.strip("[]")  # some versions of Python keep the brackets of an IPv6 address
        try:
            return _addresses_of(host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise LocationParseError(self.host) from None
