"""Send the POST of a delivery: only to the public internet, without following redirects, and within a time limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import SplitResult

from urllib3.exceptions import HTTPError

from core import tls
from core.public import InTime, InTimeTls, PrivateAddress, PublicOnly, is_private, parts_of

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
NOT_PUBLIC = "The webhook's URL does not lead to the public internet."
NOT_ACCEPTED = "The webhook did not accept the message. Its address is private, so only the operator's log says why."


@dataclass(frozen=True)
class Answer:
    """The result of an attempt. `problem` is a sentence for the owner, without the receiver's own text.

    If the address is private, `problem` is always the same sentence. Otherwise an owner could find out which ports of
    the operator's network are open.
    """

    status: int | None
    problem: str | None = None
    is_final: bool = False  # trying again would change nothing
    detail: str | None = None  # what the operator's log says in addition


@dataclass(frozen=True)
class Sender:
    """Sends messages. With `local` it can also reach private addresses and use http."""

    local: bool

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a message once."""
        parts = parts_of(url)
        if parts is None or not parts.hostname or (parts.scheme != "https" and not self.local):
            return Answer(None, "The webhook's URL is not allowed.", is_final=True)
        answer = self._post(parts, body, headers)
        if answer.problem and self.local and is_private(parts.hostname):
            return Answer(None, NOT_ACCEPTED, is_final=answer.is_final, detail=answer.problem)
        return answer

    def _post(self, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
            connection.timeout = ANSWER_SECONDS
            return _answer(connection.getresponse().status)
        except PrivateAddress as private:
            return Answer(None, NOT_PUBLIC, is_final=True, detail=f"It leads to {private}.")
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            return Answer(None, f"The webhook's URL does not answer: {type(error).__name__}.")
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> InTime:
        if scheme == "http":
            return InTime(host, port, timeout=CONNECT_SECONDS)
        secure = InTimeTls if self.local else PublicOnly
        return secure(host, port, timeout=CONNECT_SECONDS, ssl_context=tls.context())


def host_of(url: str) -> str:
    """Return the host of a webhook's URL, in the one form that all spellings of it share."""
    parts = parts_of(url)
    return (parts.hostname or "").lower().rstrip(".") if parts else ""


def _answer(status: int) -> Answer:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(status)
    if status == HTTPStatus.GONE:  # in the specification, a request to stop
        return Answer(status, "The webhook answered 410, so it wants no more messages.", is_final=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Answer(status, f"The webhook answered {status}, but redirects are not followed.")
    return Answer(status, f"The webhook answered {status}.")
