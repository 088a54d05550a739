"""Connections to where a stranger's link leads: never into our own network, and never to be kept waiting.

The address is checked on the connection itself, after the name was resolved, which leaves no gap for a name that
resolves differently the second time. A time-out is for each byte alone: a host that trickles is hung up on.
"""

import ipaddress
import re
import socket
from contextlib import suppress
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

# IPv6 whose last 32 bits are an IPv4 address, which it leads to: as it is, mapped, translated, and by NAT64, which a
# network of AWS's may have.
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))


class PrivateAddress(Exception):
    """The name leads to an address that is not of the public internet."""

    def __init__(self, host: str, address: object) -> None:
        self.host, self.address = host, address
        super().__init__(f"{host}, a private address ({address})")


def parts_of(url: str) -> SplitResult | None:
    """What a plain link is made of. None for any other: parsers disagree on those, and it is another one's host that
    is connected to."""
    try:
        parts, connected = urlsplit(url), parse_url(url)
        _ = parts.port
    except (ValueError, LocationParseError):
        return None
    is_plain = parts.hostname == connected.host and "@" not in parts.netloc and re.fullmatch(r"[!-\[\]-~]+", url)
    return parts if is_plain else None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; raises ValueError for what is none."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if any(found in network for network in _TRANSLATED):
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        elif found.is_site_local:
            return False
    return found.is_global and not found.is_multicast


class InTime(HTTPConnection):
    """A connection of urllib3 whose TLS takes no longer than a connection may, and of whose answer the head as a whole
    is waited for as long as for its first byte."""

    _wire: socket.socket | None = None
    _limit: Timer | None = None
    _is_late = False

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._wire = connection.dup()  # the other one becomes TLS's, and is not to be reached meanwhile
        self._begin()
        return connection

    def connect(self) -> None:
        """Connect; TimeoutError, or what else comes of being hung up on."""
        try:
            super().connect()
        finally:
            self._end()
        if self._is_late:
            raise TimeoutError

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        """The head of the answer; TimeoutError, or what else comes of hanging up."""
        self._begin()
        try:
            response = super().getresponse()
        finally:
            self._end()
        if self._is_late:  # what came until then may look like a head
            response.close()
            raise TimeoutError
        return response

    def close(self) -> None:
        """Hang up."""
        super().close()
        wire, self._wire = self._wire, None
        if wire:
            wire.close()

    def _begin(self) -> None:
        self._is_late = False
        self._limit = Timer(self.timeout or 0, self._hang_up)
        self._limit.daemon = True
        self._limit.start()

    def _end(self) -> None:
        if self._limit:
            self._limit.cancel()

    def _hang_up(self) -> None:
        self._is_late = True
        wire = self._wire
        if wire:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)


class InTimeTls(InTime, HTTPSConnection):
    """The same, over TLS."""


class PublicOnly(InTimeTls):
    """The same, to the public internet only: else it ends with `PrivateAddress` before anything is sent over it."""

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        address = connection.getpeername()[0]
        if not is_public(address):
            connection.close()
            raise PrivateAddress(self.host, address)
        return connection
