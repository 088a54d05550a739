"""Read the provider's link: only from allowed hosts, over https, from public addresses, and up to the size limit.

The link is untrusted (`core.public`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import urllib3

from core import tls
from core.errors import VideoForbidden, VideoInvalid, VideoUnavailable
from core.public import InTime, InTimeTls, PrivateAddress, PublicOnly, parts_of

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0  # short, because an interrupted download continues where it stopped
MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Allowed:
    """The limits of a download. A host is allowed if it is on one of two lists.

    The catalogue lists the hosts of each model (`core.models.hosts_of`): a person chose them from the provider's
    reference, so one vendor's videos are not accepted from another vendor's host. The stage's setting `video_hosts`
    lists hosts for all models, so that an operator can allow a host that the catalogue does not have yet.
    """

    hosts: tuple[str, ...]  # names, or "*." and a domain for all names below it
    max_bytes: int
    local: bool = False  # also http and private addresses, for a provider simulator next to a local cloud

    def for_model(self, hosts: tuple[str, ...]) -> "Allowed":
        """Return what is allowed for a model with these `hosts` in the catalogue."""
        return replace(self, hosts=tuple(dict.fromkeys((*self.hosts, *hosts))))


class Connection:
    """Connections for the requests of one thread, kept open for the next request to the same host.

    A redirect is followed only if its target passes the same checks as the link.
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._pools = urllib3.PoolManager(ssl_context=tls.context())
        self._pools.pool_classes_by_scheme = (
            {"http": _LocalPool, "https": _LocalTlsPool} if allowed.local else {"https": _PublicOnlyPool}
        )

    def get(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Return the response without reading its body. Raise `VideoUnavailable` without one, or `VideoForbidden`."""
        for _ in range(MAX_REDIRECTS + 1):
            _check(url, self._allowed)
            response = self._get(url, headers)
            if response.status not in _REDIRECTS:
                return response
            url = urljoin(url, response.headers.get("Location", ""))
            response.close()
        raise VideoUnavailable(f"The video's link redirects more than {MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()

    def _get(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pools.request(
                "GET",
                url,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except PrivateAddress as private:
            raise VideoForbidden(f"The video's link leads to {private}.") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise VideoUnavailable(f"The video's link does not answer: {type(error).__name__}.") from error


def check_body(response: urllib3.BaseHTTPResponse) -> None:
    """Raise `VideoInvalid` if the response cannot be a video, or does not contain its exact bytes."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind == "application/json":
        raise VideoInvalid(f"The video's link served {kind} instead of a video.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise VideoInvalid("The video's link served an encoded body, which was not requested.")


def _check(url: str, allowed: Allowed) -> None:
    parts = parts_of(url)
    if parts is None:  # the message omits the link, because its signature is secret
        raise VideoForbidden("The video's link was not followed, because it is not a plain URL.")
    if parts.scheme != "https" and not (allowed.local and parts.scheme == "http"):
        scheme = parts.scheme or "none"
        raise VideoForbidden(f"The video's link was not followed, because its scheme is not https ({scheme}).")
    if not any(_is(parts.hostname or "", host) for host in allowed.hosts):
        raise VideoForbidden(
            f"The video's link leads to {parts.hostname}, which is not an allowed host of this model "
            f"({', '.join(allowed.hosts)}). The stage's video_hosts can allow more."
        )


def _is(name: str, host: str) -> bool:
    return name.endswith(host[1:]) if host.startswith("*.") else name == host


def too_large(allowed: Allowed) -> VideoForbidden:
    """Return the error for a video above the size limit."""
    return VideoForbidden(f"The video is larger than {allowed.max_bytes} bytes, the stage's max_video_bytes.")


class _LocalPool(urllib3.HTTPConnectionPool):
    ConnectionCls = InTime


class _LocalTlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = InTimeTls


class _PublicOnlyPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = PublicOnly
