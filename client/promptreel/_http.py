"""Call the API with timeouts and retries. Retries are safe because every call is idempotent."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests

from promptreel.errors import ApiError, ConfigurationError, ConnectionFailed, NotFound, Unauthorized

TIMEOUT_SECONDS = (10, 60)  # to connect, and between two bytes of a response
ATTEMPTS = 4
DOWN_ATTEMPTS = 2  # if nothing listens on this computer: the local cloud does not start within seconds
BACK_OFF_SECONDS = 0.5  # before the second attempt; doubles
LONGEST_RETRY_AFTER_SECONDS = 60.0
RETRIED = {429, 500, 502, 503, 504}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def address(base_url: str) -> str:
    """Return the base URL without `/v2`, which users may copy from a provider URL and which every path already has."""
    return base_url.strip().rstrip("/").removesuffix("/v2").rstrip("/")


class Http:
    """The API at `base_url`. Every POST must be idempotent, because it is retried like other calls.

    Safe to share between threads.
    """

    def __init__(
        self, base_url: str, api_key: str, *, attempts: int = ATTEMPTS, timeout: tuple[float, float] = TIMEOUT_SECONDS
    ) -> None:
        base_url = address(base_url)
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigurationError(f"{base_url!r} is not a valid API URL: it must start with https://.")
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            raise ConfigurationError(f"{base_url} would send your API key unencrypted: use https://.")
        if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ConfigurationError("The API key contains invalid characters: copy it again.")
        self._base_url = base_url
        self._is_on_this_computer = url.hostname in LOOPBACK
        # As `auth`, because requests would replace a plain header with credentials from ~/.netrc.
        self._auth = _Bearer(api_key)
        self._attempts, self._timeout = attempts, timeout
        self._of_this_thread = threading.local()  # sessions are not thread-safe
        self._sessions: WeakSet[requests.Session] = WeakSet()  # a session is released when its thread ends
        self._is_closed = False
        self.files: dict[str, str] = {}  # local files by their references

    def close(self) -> None:
        """Close the connections. Calls in other threads are not retried any more."""
        self._is_closed = True
        for session in list(self._sessions):
            session.close()

    def with_files(self, message: str) -> str:
        """Replace references in a message with the names of the local files, which the user knows."""
        for reference, file in self.files.items():
            message = message.replace(reference, file)
        return message

    @property
    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._of_this_thread, "session", None)
        if found is None:
            found = self._of_this_thread.session = requests.Session()
            found.auth = self._auth
            self._sessions.add(found)
        return found

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object in the API's response. Raise `ApiError` or `ConnectionFailed`.

        A `body` of bytes is sent unchanged, any other as JSON.
        """
        sent = {"data" if isinstance(body, bytes) else "json": body}
        attempt = 1
        while True:
            try:
                answer = self._session.request(
                    method,
                    self._base_url + path,
                    params=params,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,  # never send the key to another host
                    **sent,  # type: ignore[arg-type]  # requests accepts both
                )
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                is_down = self._is_on_this_computer and _is_refused(error)
                if attempt >= (min(self._attempts, DOWN_ATTEMPTS) if is_down else self._attempts) or self._is_closed:
                    remedy = "start the local cloud with `make up`" if is_down else "check the URL and your connection"
                    raise ConnectionFailed(
                        f"{self._base_url} cannot be reached ({_reason(error)}): {remedy}."
                    ) from error
                told = None
            except requests.RequestException as error:
                raise ConnectionFailed(f"{self._base_url} cannot be called: check the URL.") from error
            else:
                told = _retry_after(answer)
                too_long = told is not None and told > LONGEST_RETRY_AFTER_SECONDS
                if answer.status_code not in RETRIED or attempt >= self._attempts or too_long or self._is_closed:
                    return _read(answer, self.with_files)
            back_off = BACK_OFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            time.sleep(back_off if told is None else told)
            attempt += 1

    def pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Any]:
        """Yield the entries of a list, which is fetched page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.call("GET", path, params={**params, **cursor})
            yield from page["data"]
            if not page.get("next_cursor"):
                return
            cursor = {"cursor": page["next_cursor"]}


@contextmanager
def bearing_faults() -> Iterator[None]:
    """Ignore a temporary error of a poll, because the next poll may succeed."""
    try:
        yield
    except (ConnectionFailed, ApiError) as error:
        if isinstance(error, ApiError) and not error.may_pass:
            raise


class _Bearer(requests.auth.AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _read(answer: requests.Response, told: Callable[[str], str]) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.status_code == HTTPStatus.OK and isinstance(body, dict):
        return body
    message = body.get("message") if isinstance(body, dict) else None
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise Unauthorized(answer.status_code, _unauthorized(str(message)))
    if not message:
        raise ApiError(answer.status_code, f"{answer.url} did not send a Promptreel response: check the URL")
    raise (NotFound if answer.status_code == HTTPStatus.NOT_FOUND else ApiError)(answer.status_code, told(str(message)))


def _unauthorized(message: str) -> str:
    """Return why a key is rejected: it lacks a scope, or it is not valid."""
    if "has the scope" in message:
        return f"{message.rstrip('.')}: ask an operator for a key with that scope (`promptreel keys create`)"
    return "The API key is not valid: set PROMPTREEL_API_KEY to a valid one"


def _retry_after(answer: requests.Response) -> float | None:
    """Return the seconds in Retry-After, which may also be a date. Return None if it is missing or invalid."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError):  # TypeError: a date without a zone
        return None


def _is_refused(error: BaseException | None) -> bool:
    """Return whether nothing listens at the address."""
    while error and not isinstance(error, ConnectionRefusedError):
        error = error.__cause__ or error.__context__
    return error is not None


def _reason(error: requests.RequestException) -> str:
    """Return a short reason, because the full chain of urllib3 and system errors does not help users."""
    if isinstance(error, requests.Timeout):
        return "timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    return "no connection"
