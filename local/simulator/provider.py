"""Answer the calls of the provider's API. This module does not use sockets."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from local.simulator.account import Account, parse_account_query
from local.simulator.answers import Answer, accepts, api_answer, error_answer, json_answer, video_answer
from local.simulator.calls import Call, CallLog
from local.simulator.generations import Generation, Generations, Progress
from local.simulator.inputs import check_links
from local.simulator.job_file import JobFile
from local.simulator.log_query import parse_query
from local.simulator.logs import CREDITS_PER_DOLLAR, Entry, RequestLog
from local.simulator.models import Refused, clip_of
from local.simulator.scripts import Script, Scripts
from local.simulator.videos import CONTENT_TYPES, Clip, render

CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
RUNWAY = re.compile(r"runway|gen\d")
GENERATION_FAILED = {"name": "GenerationFailed", "message": "The simulator was told to fail this generation."}


@dataclass(frozen=True)
class Behaviour:
    """The simulator's settings: the accepted keys, the durations of generations and links, and the clock."""

    keys: Collection[str]
    seconds: float = 6  # duration of a generation
    link_lifetime: float = 600  # seconds
    clock: Callable[[], float] = time.time  # epoch seconds
    jobs: Path | None = None  # a file that keeps jobs across restarts; scripts and counts are not kept


class Provider:
    """The provider's state and its responses. `url` is its own URL. Thread-safe."""

    def __init__(self, url: str, behaviour: Behaviour) -> None:
        self.url = url
        self.keys = frozenset(behaviour.keys)
        self._first_keys = self.keys
        self._link_lifetime = behaviour.link_lifetime
        self._link_secret = secrets.token_bytes()
        self.scripts = Scripts()
        self.calls = CallLog()
        self.generations = Generations(self.scripts, behaviour.seconds, behaviour.clock)
        self.request_log = RequestLog(self.scripts, self.generations)
        self.account = Account(self.scripts, self.generations)
        self._jobs = JobFile(behaviour.jobs) if behaviour.jobs else None
        for entry in self._jobs.load(self.keys) if self._jobs else ():
            self.generations.restore(entry.generation)
            self.request_log.add(entry)

    def reset(self) -> None:
        """Restore the initial state: no generations, scripts, calls or limits, and the initial keys."""
        self.keys = self._first_keys
        for part in (self.scripts, self.calls, self.generations, self.request_log, self.account):
            part.clear()
        if self._jobs:
            self._jobs.clear()

    def counts(self) -> dict[str, Any]:
        calls, counts = self.calls, self.generations.counts()
        return asdict(replace(counts, downloads=calls.downloads, authorization_leaks=calls.authorization_leaks))

    def create(self, call: Call, headers: Message, body: bytes) -> Answer:
        key = self._key(headers)
        if key is None:
            return _unauthorized(call.path)
        try:
            request = json.loads(body)
            clip = clip_of(request)
            fault = check_links(request)
        except Refused as refused:
            return error_answer(refused.status, str(refused), call.path)
        except (ValueError, RecursionError):
            return error_answer(HTTPStatus.BAD_REQUEST, "The body must be JSON.", call.path)
        client_request_id = headers.get("X-Client-Request-Id", "")
        if not CLIENT_REQUEST_ID.fullmatch(client_request_id):
            client_request_id = ""
        generation = self.generations.draft(clip, client_request_id or None, fault)
        call.prompt, call.client_request_id = clip.prompt, generation.client_request_id

        behaviour = self.scripts.take_api(clip.prompt, "create")
        view = self._view(generation, self.generations.first_progress(generation))
        if accepts(behaviour):
            if not self.generations.add(generation):
                return error_answer(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", call.path)
            call.generation_id = generation.id
            entry = Entry(key, generation)
            if self._jobs:
                self._jobs.add(entry)  # before the response, because an accepted job is charged
            self.request_log.add(entry)
        elif behaviour.get("failed_row"):
            self.request_log.add(Entry(key, generation, made_job=False))
        return api_answer(json_answer(view, _identity(generation)), behaviour, call.path)

    def fetch(self, call: Call, headers: Message, query: str) -> Answer:
        if self._key(headers) is None:
            return _unauthorized(call.path)
        call.generation_id = parse_qs(query).get("generation_id", [""])[0]
        if not call.generation_id:
            return error_answer(HTTPStatus.BAD_REQUEST, "generation_id is required.", call.path)
        generation = self.generations.get(call.generation_id)
        if generation is None:
            return error_answer(HTTPStatus.NOT_FOUND, "The generation does not exist.", call.path)
        call.prompt, call.client_request_id = generation.clip.prompt, generation.client_request_id
        view = self._view(generation, self.generations.progress(generation))
        response_headers = _identity(generation)
        if credits_used := view["meta"]["usage"]["credits_used"]:
            response_headers["x-aimlapi-credits-used"] = str(credits_used)
            response_headers["x-aimlapi-usd-spent"] = str(credits_used / CREDITS_PER_DOLLAR)
        behaviour = self.scripts.take_api(generation.clip.prompt, "fetch")
        said = {**view, "status": behaviour.get("word", view["status"])}
        return api_answer(json_answer(said, response_headers), behaviour, call.path)

    def logs(self, call: Call, headers: Message, query: str) -> Answer:
        """Return a page of the request log, with the calls of the same key."""
        key = self._key(headers)
        if key is None:
            return _unauthorized(call.path)
        if not self.request_log.admit(key):
            return error_answer(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", call.path)
        try:
            wanted = parse_query(query, self.generations.clock())
        except Refused as refused:
            return error_answer(refused.status, str(refused), call.path)
        if not key.startswith(wanted.key_prefix):
            return error_answer(HTTPStatus.FORBIDDEN, "key_prefix belongs to another key.", call.path)
        page = self.request_log.page(key, wanted)
        return api_answer(json_answer(page), self.scripts.take_call("logs"), call.path)

    def balance(self, call: Call, headers: Message) -> Answer:
        if self._key(headers) is None:
            return _unauthorized(call.path)
        return json_answer({"current_balance": self.account.balance / CREDITS_PER_DOLLAR, "currency": "USD"})

    def transactions(self, call: Call, headers: Message, query: str) -> Answer:
        """Return a page of the account's transactions, which do not depend on the key."""
        if self._key(headers) is None:
            return _unauthorized(call.path)
        try:
            page = self.account.page(parse_account_query(query))
        except Refused as refused:
            return error_answer(refused.status, str(refused), call.path)
        return api_answer(json_answer(page), self.scripts.take_call("transactions"), call.path)

    def charge_others(self, credits: int | None, model: str, logged: bool) -> str:  # noqa: A002 - as in the request
        """Charge the account now for a request that this simulator never received, and return its id.

        With `logged` it is in the log of every key, else of none, as if someone else's key had been used."""
        other = self.generations.draft(Clip("Another request", model, 5), None)
        self.account.charge(other, other.credits if credits is None else credits)
        for key in self.keys if logged else ():
            self.request_log.add(Entry(key, other))
        return other.id

    def log_others(self, count: int, model: str) -> None:
        """Add rows of requests that this simulator never received to the log of every key."""
        for key in self.keys:
            for _ in range(count):
                other = self.generations.draft(Clip("Another request", model, 5), None)
                self.request_log.add(Entry(key, other))

    def file(self, call: Call, headers: Message, query: str) -> Answer:
        """Return the video of a link, or 403 if the link has expired or was changed."""
        generation_id = unquote(call.path.split("/")[2])
        generation = self.generations.get(generation_id)
        given = {name: values[0] for name, values in parse_qs(query).items()}
        expires = given.get("Expires", "")
        genuine = hmac.compare_digest(
            given.get("Signature", "").encode(), self._signature(generation_id, expires).encode()
        )
        if generation is None or not genuine or self.generations.clock() > float(expires):
            return Answer(HTTPStatus.FORBIDDEN, b"The link has expired or is not valid.", "text/plain")
        call.generation_id, call.prompt = generation.id, generation.clip.prompt
        self.calls.count_download()
        clip = generation.clip
        return video_answer(render(clip), clip.container, self.scripts.take_video(clip.prompt), headers)

    def _key(self, headers: Message) -> str | None:
        """Return the API key of the call if it is accepted, else None."""
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and key.strip() in self.keys else None

    def _view(self, generation: Generation, progress: Progress) -> dict[str, Any]:
        script = self.scripts.get(generation.clip.prompt)
        completed, failed = progress.outcome == "completed", progress.outcome == "error"
        return {
            "id": generation.id,
            "status": progress.word,
            "video": self._shown_video(generation) if completed else None,
            "error": _error(script, generation) if failed else None,
            "meta": {"usage": {"credits_used": generation.credits if completed else None}},
        }

    def _shown_video(self, generation: Generation) -> dict[str, Any] | list[str]:
        """Return the `video` attribute as documented. Runway's models return a list of links."""
        video = self._video(generation)
        return [video["url"]] if RUNWAY.match(generation.clip.model) else video

    def _video(self, generation: Generation) -> dict[str, Any]:
        prompt, container = generation.clip.prompt, generation.clip.container
        expires = str(int(self.generations.clock() + self._link_lifetime))
        signed = urlencode({"Expires": expires, "Signature": self._signature(generation.id, expires)})
        video = {
            "url": f"{self.url}/files/{quote(generation.id, safe='')}/output.{container}?{signed}",
            "content_type": CONTENT_TYPES[container],
            "file_name": f"output.{container}",
            "file_size": self.scripts.video_size(prompt) or len(render(generation.clip)),
        } | self.scripts.get(prompt).get("video_fields", {})
        return {name: value for name, value in video.items() if value is not None}

    def _signature(self, generation_id: str, expires: str) -> str:
        return hmac.new(self._link_secret, f"{generation_id}\n{expires}".encode(), hashlib.sha256).hexdigest()


def _error(script: Script, generation: Generation) -> dict[str, Any] | None:
    if generation.fault:
        return {**GENERATION_FAILED, "message": generation.fault}
    return script.get("error", GENERATION_FAILED)


def _identity(generation: Generation) -> dict[str, str]:
    headers = {"x-inference-id": generation.id}
    if generation.client_request_id:
        headers["x-client-request-id"] = generation.client_request_id
    return headers


def _unauthorized(path: str) -> Answer:
    return error_answer(HTTPStatus.UNAUTHORIZED, "Unauthorized: the API key is missing or not valid.", path)
