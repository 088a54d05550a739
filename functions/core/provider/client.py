"""The provider's contract: create a generation once, and fetch it as often as needed.

Source: AIML API, video generation (https://docs.aimlapi.com). Where the documentation is silent, this client assumes
the case that cannot cost twice and cannot lose a video.
"""

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter

from core import tls
from core.errors import (
    ProviderKeyRejected,
    ProviderOutOfCredits,
    ProviderUnavailable,
    RequestRefused,
    SubmissionUnknown,
)
from core.provider import account
from core.provider.account import LoggedCall, Movement, Unreadable

PATH, MODELS_PATH = "/v2/video/generations", "/v1/models"
PRICED = {"output_modalities": "video", "include": "pricing"}  # video models only, with prices
CONNECT_SECONDS, CREATE_SECONDS, FETCH_SECONDS = 5.0, 60.0, 20.0
MAX_ANSWER_BYTES = 1 << 20
MAX_MODELS_BYTES = 8 << 20  # the list of models of all kinds has 1.3 MB
CHUNK_BYTES = 1 << 16  # read from an answer at once
MAX_TEXT = 500  # characters of the provider's message in one of ours
MAX_URL = 8192  # characters of a link; no storage service signs longer ones
LOG_ROWS = 2_000  # read from the log in one search
LOG_WINDOW = timedelta(minutes=10)  # before and after the call: clocks differ, and a row may have the answer's time
NO_GENERATION = "00000000-0000-0000-0000-000000000000"
_CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SIGNED = re.compile(r"(https?:[^\s?\"'<>]*)\?[^\s\"'<>]*")  # a link, and its query
AGREE_SECONDS = 10.0  # between two polls that have to agree that a job has ended

# The words are compared in lower case. The first ones of each line are documented, others were seen in samples or are
# in the reference's list of the words of vendors.
_PENDING = {"queued", "generating", "waiting", "active", "running", "processing", "queueing", "preparing"}
_DONE = {"completed", "succeeded", "success"}
_FAILED = {"error"}
_ENDED = {"failed", "cancelled", "canceled", "expired", "rejected"}  # if two polls agree, like any unknown word
_UNSURE = "unsure"  # the outcome until then


class Throttled(Exception):
    """The provider rejected a call for now (429, or 503 with Retry-After); `retry_after` is in seconds, if known."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Key(Protocol):
    """The provider's API key, which may be rotated while we run."""

    def get(self) -> str:
        """Return the key, which may be cached."""

    def renew(self) -> bool:
        """Read the key again. Return whether it differs from the cached one."""


@dataclass(frozen=True)
class ProviderGeneration:
    """The provider's answer: `outcome` is `pending`, `completed` or `error`; `status` is its word in lower case."""

    outcome: str
    status: str
    video: dict[str, Any] | None
    error: str
    credits_used: int | None


class Provider:
    """One provider account at `base_url`."""

    def __init__(self, base_url: str, key: Key, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = base_url.rstrip("/")
        self.key = key
        self._sleep = sleep

    def create(self, request: dict[str, Any], client_request_id: str) -> str:
        """Send the one create call and return the provider's id of the generation.

        Raise errors as in the table "What counts as accepted" (docs/errors.md): `ProviderUnavailable` and `Throttled`
        if the call may be sent again, `RequestRefused`, `ProviderOutOfCredits` and `ProviderKeyRejected` for a
        permanent rejection, and `SubmissionUnknown` in all other cases.
        """
        if not _CLIENT_REQUEST_ID.fullmatch(client_request_id):
            raise ValueError("client_request_id would be dropped by the provider")
        body = json.dumps(request).encode()
        answer = self._post(body, client_request_id)
        if answer.status == http.HTTPStatus.UNAUTHORIZED and self.key.renew():
            answer = self._post(body, client_request_id)  # safe, because the first call was rejected
        return _accepted_id(answer)

    def fetch(self, provider_id: str) -> ProviderGeneration:
        """Return the generation's status. Raise `ProviderUnavailable` without a usable answer.

        A word that is not documented as an end is one only if a second poll says the same: a wrong end would free the
        slot and the budget of a paid video. An unknown word that comes with a video then means that it is finished.
        """
        first = self.poll(provider_id)
        if first.outcome != _UNSURE:
            return first
        self._sleep(AGREE_SECONDS)
        second = self.poll(provider_id)
        if second.outcome != _UNSURE:
            return second
        if second.status != first.status:
            return replace(second, outcome="pending")
        has_video = second.video is not None and second.status not in _ENDED
        return replace(second, outcome="completed" if has_video else "error")

    def poll(self, provider_id: str) -> ProviderGeneration:
        """Return the status of one poll, whose outcome may also be `unsure`. Raise `ProviderUnavailable`."""
        status, content = self._get(f"{PATH}?{urlencode({'generation_id': provider_id})}")
        if status != http.HTTPStatus.OK:
            raise ProviderUnavailable(f"The provider answered a check with {status}: {_message(content)}")
        return _generation(content)

    def try_key(self) -> None:
        """Check at no cost that the provider accepts our key. Raise `ProviderKeyRejected` or `ProviderOutOfCredits`.

        The call asks for a generation that does not exist. The provider answers 404 if it knows the key. Raise
        `ProviderUnavailable` for an answer that does not depend on the key.
        """
        status, content = self._get(f"{PATH}?{urlencode({'generation_id': NO_GENERATION})}")
        match status:
            case http.HTTPStatus.OK | http.HTTPStatus.NOT_FOUND:
                return
            case http.HTTPStatus.UNAUTHORIZED:
                raise ProviderKeyRejected("The provider rejected the stored API key. Store a valid one.")
            case http.HTTPStatus.PAYMENT_REQUIRED | http.HTTPStatus.FORBIDDEN:
                raise ProviderOutOfCredits(f"The provider account is out of credits ({status}): {_message(content)}")
            case _:
                raise ProviderUnavailable(f"The provider answered with {status}: {_message(content)}")

    def prices(self, etag: str | None) -> tuple[str | None, list[dict[str, Any]]] | None:
        """Return the list's ETag and all video models with their prices, or None if `etag` is still current.

        Raise `ProviderUnavailable` if the list cannot be read.
        """
        unless = {"If-None-Match": etag} if etag else {}
        status, content, headers = self._ask(f"{MODELS_PATH}?{urlencode(PRICED)}", unless, MAX_MODELS_BYTES)
        if status == http.HTTPStatus.NOT_MODIFIED:
            return None
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        models = answer.get("data") if isinstance(answer, dict) else None
        if status != http.HTTPStatus.OK or not isinstance(models, list):
            raise ProviderUnavailable(f"The provider's list of models answered with {status}: {_message(content)}")
        return headers.get("ETag"), [model for model in models if isinstance(model, dict)]

    def find(self, client_request_id: str, sent_at: datetime) -> LoggedCall | None:
        """Return the create call of this name from the provider's log, or None if it is not listed (yet).

        The log has the calls made with the current key and cannot filter by name, so the rows around `sent_at` are
        read. Raise `ProviderUnavailable` if not all of them can be read.
        """
        failed = None
        for number, call in enumerate(self.log(sent_at - LOG_WINDOW, sent_at + LOG_WINDOW)):
            if number == LOG_ROWS:
                raise ProviderUnavailable(f"The provider's log has more than {LOG_ROWS} rows of that time.")
            if call.client_request_id == client_request_id:
                if not call.has_failed:
                    return call
                failed = call
        return failed

    def log(self, start: datetime, end: datetime) -> Iterator[LoggedCall]:
        """Return the calls made with our key from `start` to `end`, newest first.

        Raise `ProviderUnavailable` if not all of them can be read.
        """
        return account.log(self._page, start, end)

    def movements(self, start: datetime, end: datetime) -> Iterator[Movement | Unreadable]:
        """Return the account's transactions, with any key, from `start` until before `end`, newest first.

        Raise `ProviderUnavailable` if not all of them can be read.
        """
        return account.movements(self._page, start, end)

    def _page(self, path: str, query: Mapping[str, str | int]) -> bytes:
        status, content = self._get(f"{path}?{urlencode(query)}")
        if status != http.HTTPStatus.OK:
            raise ProviderUnavailable(f"The provider answered a call for {path} with {status}: {_message(content)}")
        return content

    def _post(self, body: bytes, client_request_id: str) -> "_Answer":
        """Send one POST on a new connection. The phase of a failure decides whether the request may have been sent.

        This is why it uses no HTTP library. Libraries raise the same error for a connection that was never made and for
        one that broke after sending, and some of them repeat or redirect a POST.
        """
        headers = {
            "Authorization": f"Bearer {self.key.get()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Client-Request-Id": client_request_id,
        }
        connection = _connection(self._url)
        try:
            try:
                connection.connect()  # DNS, TCP and TLS
            except OSError as error:
                raise ProviderUnavailable(f"The provider at {self._url} was not reached: {_why(error)}.") from error
            connection.sock.settimeout(CREATE_SECONDS)
            try:
                connection.request("POST", urlsplit(self._url).path + PATH, body, headers)
                response = connection.getresponse()
                content = response.read(MAX_ANSWER_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise SubmissionUnknown(
                    f"The request was sent to the provider, but the answer was lost ({_why(error)}). "
                    "The provider may have accepted it."
                ) from error
            return _Answer(response.status, response.headers, content)
        finally:
            connection.close()

    def _get(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of a read-only call. Raise `ProviderUnavailable` without an answer."""
        status, content, _ = self._ask(path, {}, MAX_ANSWER_BYTES)
        return status, content

    def _ask(self, path: str, also: Mapping[str, str], most: int) -> tuple[int, bytes, Mapping[str, str]]:
        answer = self._ask_once(path, also, most)
        if answer[0] == http.HTTPStatus.UNAUTHORIZED and self.key.renew():
            answer = self._ask_once(path, also, most)
        return answer

    def _ask_once(self, path: str, also: Mapping[str, str], most: int) -> tuple[int, bytes, Mapping[str, str]]:
        headers = {
            **also,
            "Authorization": f"Bearer {self.key.get()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # a small compressed answer could decompress to a huge one
        }
        try:
            # Each call uses a new connection, because a kept one may be dead after the function was frozen.
            with (
                _Session() as session,
                session.get(
                    self._url + path,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, FETCH_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise ProviderUnavailable("The provider's answer is encoded, which was not requested.")
                return answer.status_code, _at_most(answer, most), answer.headers
        except requests.RequestException as error:
            raise ProviderUnavailable(f"The provider did not answer: {_why(error)}.") from error


class _Session(requests.Session):
    """Sends a request without the environment's proxies and passwords, and does not follow redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.mount("https://", _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target: requests reads the whole body of a redirect, however large, even if it does not follow."""


class _Adapter(HTTPAdapter):
    """Uses the authorities of `tls.context()`; requests would load them for each connection (20 ms of CPU time)."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=tls.context())

    def cert_verify(self, *_: Any) -> None:
        """Leave the verification to the context."""


def _at_most(answer: requests.Response, most: int) -> bytes:
    """Return the body. Raise `ProviderUnavailable` if it has more than `most` bytes."""
    content = bytearray()
    for chunk in answer.iter_content(CHUNK_BYTES):
        content += chunk
        if len(content) > most:
            raise ProviderUnavailable(f"The provider's answer is larger than {most} bytes.")
    return bytes(content)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    content: bytes


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=tls.context())
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)
    connection.auto_open = 0  # never reconnect, which would send the request again
    return connection


def _accepted_id(answer: _Answer) -> str:
    status, message = answer.status, _message(answer.content)
    match status:
        case _ if 200 <= status < 300:  # noqa: PLR2004 - documented: 200, and 201 in older schemas
            try:
                provider_id = json.loads(answer.content)["id"]
            except (ValueError, TypeError, KeyError, RecursionError):
                provider_id = None
            if isinstance(provider_id, str) and 0 < len(provider_id) <= MAX_TEXT:
                return provider_id
            raise SubmissionUnknown(
                f"The provider answered {status} without a readable id. It may have accepted the request."
            )
        case 429:
            raise Throttled(f"The provider answered 429: {message}", _retry_after(answer.headers))
        case 503 if "Retry-After" in answer.headers:
            raise Throttled(f"The provider answered 503: {message}", _retry_after(answer.headers))
        case 401:
            raise ProviderKeyRejected("The provider rejected the stored API key. Store a valid one.")
        case 402 | 403:
            raise ProviderOutOfCredits(f"The provider account is out of credits ({status}): {message}")
        case 400 | 404 | 422:
            raise RequestRefused(f"The provider rejected the request ({status}): {message}")
        case _:
            raise SubmissionUnknown(
                f"The provider answered the request with {status}, so it may have accepted it. Its message: {message}"
            )


def _generation(content: bytes) -> ProviderGeneration:
    try:
        body = json.loads(content)
        word = body["status"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProviderUnavailable("The provider's answer to a check is not a generation.") from error
    if not isinstance(word, str):
        raise ProviderUnavailable("The provider's answer to a check has no status.")
    status = _shown(word).lower()
    video = _video(body.get("video"))
    if status in _DONE and video is None:
        raise ProviderUnavailable("The provider has finished the video but returned no link to it.")
    return ProviderGeneration(
        outcome=_outcome(status),
        status=status,
        video=video,
        error=_error(body.get("error")),
        credits_used=_credits(body),
    )


def _outcome(status: str) -> str:
    if status in _PENDING:
        return "pending"
    return "completed" if status in _DONE else "error" if status in _FAILED else _UNSURE


def _video(video: object) -> dict[str, Any] | None:
    """Return the useful properties of the provider's video, or None without a link. (A record is limited to 400 KB.)

    For Runway's models the provider answers with a list of links, and the reference allows a list of videos for some
    others. A request is for one video, so the first is used.
    """
    if isinstance(video, list):
        video = video[0] if video else None
    if isinstance(video, str):
        video = {"url": video}
    if not isinstance(video, dict) or not isinstance(video.get("url"), str) or len(video["url"]) > MAX_URL:
        return None
    texts = {name: video[name][:MAX_TEXT] for name in ("content_type", "file_name") if isinstance(video.get(name), str)}
    size = video.get("file_size")
    return {"url": video["url"], **texts, **({"file_size": size} if type(size) is int and size > 0 else {})}


def is_known(status: str) -> bool:
    """Return whether we know this status of the provider. An unknown one is logged."""
    return status in _PENDING | _DONE | _FAILED | _ENDED


def _error(error: object) -> str:
    if isinstance(error, dict):
        said = ": ".join(str(error[part]) for part in ("name", "message") if error.get(part))
    else:
        said = str(error) if error else ""
    return _shown(said) or "no reason given"


def _credits(body: dict[str, Any]) -> int | None:
    try:
        return account.whole_credits(body["meta"]["usage"]["credits_used"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _message(content: bytes) -> str:
    """Return the provider's message from an error body, shortened for a sentence."""
    try:
        body = json.loads(content)
        text = str(body["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        text = content[:200].decode("utf-8", "replace").strip() or "(no message)"
    return _shown(text)


def _shown(text: str) -> str:
    """Return the provider's text for publication, without the signatures of our links, which it may quote.

    JSON may contain half surrogate pairs, which cannot be stored.
    """
    return _SIGNED.sub(r"\1?...", text[:MAX_URL])[:MAX_TEXT].encode("utf-8", "replace").decode()


def _retry_after(headers: http.client.HTTPMessage) -> float | None:
    """Return the delay in seconds of a `Retry-After` header, which contains seconds or a date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
