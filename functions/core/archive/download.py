"""Reading the provider's link: from allowed hosts only, over https, never into our own network, and never more than
allowed.

The link comes from outside, so it is treated as hostile (`core.public`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import urllib3

from core import tls
from core.errors import VideoForbidden, VideoInvalid, VideoUnavailable
from core.public import InTime, InTimeTls, PrivateAddress, PublicOnly, parts_of

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0  # what breaks off goes on where it broke
MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Allowed:
    """Say where a video may come from. Two lists add up, and a host on either of them is allowed.

    The catalogue lists the hosts of each model (`core.models.hosts_of`): a person chose them from the provider's
    reference, so a video of one vendor cannot come from the host of another. The stage's setting `video_hosts` lists
    hosts for all models, so that an operator can allow a host that the catalogue does not have yet.
    """

    hosts: tuple[str, ...]  # names, or "*." and a domain for all names below it
    max_bytes: int
    local: bool = False  # allows http and private addresses, for the simulator next to a local cloud

    def for_model(self, hosts: tuple[str, ...]) -> "Allowed":
        """Return what is allowed for a model with these `hosts` in the catalogue."""
        return replace(self, hosts=tuple(dict.fromkeys((*self.hosts, *hosts))))


class Connection:
    """Asks for a link, and for where it redirects to, which is only where the link itself could have led.

    What it opened stays open for the next request to the same host. It belongs to one thread.
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._pools = urllib3.PoolManager(ssl_context=tls.context())
        self._pools.pool_classes_by_scheme = (
            {"http": _LocalPool, "https": _LocalTlsPool} if allowed.local else {"https": _PublicOnlyPool}
        )

    def get(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """The answer, its body still to be read; `VideoUnavailable` if there is none."""
        for _ in range(MAX_REDIRECTS + 1):
            _check(url, self._allowed)
            response = self._get(url, headers)
            if response.status not in _REDIRECTS:
                return response
            url = urljoin(url, response.headers.get("Location", ""))
            response.close()
        raise VideoUnavailable(f"The video's link redirects more than {MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Hang up."""
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
    """`VideoInvalid` if what was answered cannot be a video, or not byte for byte."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind == "application/json":
        raise VideoInvalid(f"The video's link served {kind} instead of a video.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise VideoInvalid("The video's link served an encoded body although none was asked for.")


def _check(url: str, allowed: Allowed) -> None:
    parts = parts_of(url)
    if parts is None:  # and the sentence does not hold it, signature and all
        raise VideoForbidden("The video's link is not a plain one: it is not followed.")
    if parts.scheme != "https" and not (allowed.local and parts.scheme == "http"):
        raise VideoForbidden(f"The video's link is no https link ({parts.scheme or 'none'}): it is not followed.")
    if not any(_is(parts.hostname or "", host) for host in allowed.hosts):
        raise VideoForbidden(
            f"The video's link leads to {parts.hostname}, which is not one of the stage's video_hosts "
            f"({', '.join(allowed.hosts)})."
        )


def _is(name: str, host: str) -> bool:
    return name.endswith(host[1:]) if host.startswith("*.") else name == host


def too_large(allowed: Allowed) -> VideoForbidden:
    """The error for a video over the cap."""
    return VideoForbidden(f"The video is larger than {allowed.max_bytes} bytes, the stage's max_video_bytes.")


class _LocalPool(urllib3.HTTPConnectionPool):
    ConnectionCls = InTime


class _LocalTlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = InTimeTls


class _PublicOnlyPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = PublicOnly
