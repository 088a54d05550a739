"""Answer the calls of the provider's API. This module uses neither sockets nor storage."""

import hmac
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs

from local.simulator import prices
from local.simulator.account import Account, parse_account_query
from local.simulator.answers import Answer, accepts, api_answer, error_answer, json_answer
from local.simulator.calls import Call
from local.simulator.clips import CONTENT_TYPES
from local.simulator.generations import Generation, Generations, Progress
from local.simulator.inputs import HERE, check_links
from local.simulator.log_query import parse_query
from local.simulator.logs import CREDITS_PER_DOLLAR, Entry, RequestLog
from local.simulator.models import Refused, clip_of
from local.simulator.scripts import Script, Scripts

GENERATION_PATH = re.compile("/v2/(?:video/generations|generate/video/[a-z]+/generation)")
CLIENT_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
RUNWAY = re.compile(r"runway|gen\d")
GENERATION_FAILED = {"name": "GenerationFailed", "message": "The simulator was told to fail this generation."}


class Files(Protocol):
    """Where the videos are."""

    def link(self, generation: Generation) -> str:
        """Return a new link to the video of a completed generation, which expires."""

    def size(self, generation: Generation) -> int:
        """Return the size of the file in bytes."""


@dataclass(frozen=True)
class Parts:
    """The memory of the provider. The sandbox on AWS has other parts (sandbox/)."""

    scripts: Scripts
    generations: Generations
    request_log: RequestLog
    account: Account
    files: Files


class Provider:
    """The provider's responses to callers with one of `keys`. It fetches inputs only from `input_hosts`."""

    def __init__(self, keys: Collection[str], parts: Parts, input_hosts: Collection[str] = HERE) -> None:
        self.keys = frozenset(keys)
        self.scripts, self.generations = parts.scripts, parts.generations
        self.request_log, self.account = parts.request_log, parts.account
        self._files = parts.files
        self._input_hosts = input_hosts

    def answer(self, call: Call, headers: Message, query: str, body: bytes) -> Answer:
        """Return the response to a call of any path."""
        if GENERATION_PATH.fullmatch(call.path) and call.method == "POST":
            return self._create(call, headers, body)
        if call.method == "GET":
            if GENERATION_PATH.fullmatch(call.path):
                return self._fetch(call, headers, query)
            match call.path:
                case "/v1/models":
                    return prices.answer(query, headers)
                case "/v2/logs":
                    return self._logs(call, headers, query)
                case "/v2/billing":
                    return self._balance(call, headers)
                case "/v2/billing/transactions":
                    return self._transactions(call, headers, query)
        return error_answer(HTTPStatus.NOT_FOUND, f"Cannot {call.method} {call.path}", call.path)

    def _create(self, call: Call, headers: Message, body: bytes) -> Answer:
        key = self._key(headers)
        if key is None:
            return _unauthorized(call.path)
        client_request_id = headers.get("X-Client-Request-Id", "")
        if not CLIENT_REQUEST_ID.fullmatch(client_request_id):
            client_request_id = ""
        try:
            request = json.loads(body)
            clip = clip_of(request)
            fault = check_links(request, self._input_hosts)
            generation = self.generations.draft(clip, client_request_id or None, fault)
        except Refused as refused:
            return error_answer(refused.status, str(refused), call.path)
        except (ValueError, RecursionError):
            return error_answer(HTTPStatus.BAD_REQUEST, "The body must be JSON.", call.path)
        call.prompt, call.client_request_id = clip.prompt, generation.client_request_id

        behaviour = self.scripts.take_api(clip.prompt, "create")
        view = self._view(generation, self.generations.first_progress(generation))
        if accepts(behaviour):
            if not self.generations.add(generation):
                return error_answer(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", call.path)
            call.generation_id = generation.id
            self._keep(Entry(key, generation))
        elif behaviour.get("failed_row"):
            self.request_log.add(Entry(key, generation, made_job=False))
        return api_answer(json_answer(view, _identity(generation)), behaviour, call.path)

    def _keep(self, entry: Entry) -> None:
        """Keep an accepted job. Called before the response, because an accepted job is charged."""
        self.request_log.add(entry)

    def _fetch(self, call: Call, headers: Message, query: str) -> Answer:
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

    def _logs(self, call: Call, headers: Message, query: str) -> Answer:
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

    def _balance(self, call: Call, headers: Message) -> Answer:
        if self._key(headers) is None:
            return _unauthorized(call.path)
        return json_answer({"current_balance": self.account.balance / CREDITS_PER_DOLLAR, "currency": "USD"})

    def _transactions(self, call: Call, headers: Message, query: str) -> Answer:
        """Return a page of the account's transactions, which do not depend on the key."""
        if self._key(headers) is None:
            return _unauthorized(call.path)
        try:
            page = self.account.page(parse_account_query(query))
        except Refused as refused:
            return error_answer(refused.status, str(refused), call.path)
        return api_answer(json_answer(page), self.scripts.take_call("transactions"), call.path)

    def _key(self, headers: Message) -> str | None:
        """Return the API key of the call if it is accepted, else None."""
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" and self._is_accepted(key.strip()) else None

    def _is_accepted(self, key: str) -> bool:
        return any(hmac.compare_digest(key.encode(), one.encode()) for one in self.keys)

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
        video = {
            "url": self._files.link(generation),
            "content_type": CONTENT_TYPES[container],
            "file_name": f"output.{container}",
            "file_size": self._files.size(generation),
        } | self.scripts.get(prompt).get("video_fields", {})
        return {name: value for name, value in video.items() if value is not None}


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
