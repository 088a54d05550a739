"""The provider of one process: its jobs are in memory, and its videos show shapes and their prompt."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from local.simulator.account import Account
from local.simulator.answers import Answer, video_answer
from local.simulator.calls import Call, CallLog
from local.simulator.clips import Clip
from local.simulator.generations import Generation, Generations
from local.simulator.job_file import JobFile
from local.simulator.logs import Entry, RequestLog
from local.simulator.provider import Parts, Provider
from local.simulator.scripts import Scripts
from local.simulator.videos import render


@dataclass(frozen=True)
class Behaviour:
    """The simulator's settings: the accepted keys, the durations of generations and links, and the clock."""

    keys: Collection[str]
    seconds: float = 6  # duration of a generation
    link_lifetime: float = 600  # seconds
    clock: Callable[[], float] = time.time  # epoch seconds
    jobs: Path | None = None  # a file that keeps jobs across restarts; scripts and counts are not kept


class RenderedFiles:
    """Videos that are rendered for each request, under signed links below `url`."""

    def __init__(self, url: str, lifetime: float, scripts: Scripts, clock: Callable[[], float]) -> None:
        self._url = url
        self._lifetime = lifetime
        self._scripts = scripts
        self._clock = clock
        self._secret = secrets.token_bytes()

    def link(self, generation: Generation) -> str:
        expires = str(int(self._clock() + self._lifetime))
        signed = urlencode({"Expires": expires, "Signature": self._signature(generation.id, expires)})
        return f"{self._url}/files/{quote(generation.id, safe='')}/output.{generation.clip.container}?{signed}"

    def size(self, generation: Generation) -> int:
        return self._scripts.video_size(generation.clip.prompt) or len(render(generation.clip))

    def is_genuine(self, generation_id: str, query: str) -> bool:
        """Return whether the query string of a link belongs to this generation and has not expired."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        expires = given.get("Expires", "")
        signature = self._signature(generation_id, expires)
        genuine = hmac.compare_digest(given.get("Signature", "").encode(), signature.encode())
        return genuine and self._clock() <= float(expires)

    def _signature(self, generation_id: str, expires: str) -> str:
        return hmac.new(self._secret, f"{generation_id}\n{expires}".encode(), hashlib.sha256).hexdigest()


class ProcessProvider(Provider):
    """The provider's state and its responses. `url` is its own URL. Thread-safe."""

    def __init__(self, url: str, behaviour: Behaviour) -> None:
        scripts = Scripts()
        generations = Generations(scripts, behaviour.seconds, behaviour.clock)
        self._rendered = RenderedFiles(url, behaviour.link_lifetime, scripts, behaviour.clock)
        parts = Parts(
            scripts=scripts,
            generations=generations,
            request_log=RequestLog(scripts, generations),
            account=Account(scripts, generations),
            files=self._rendered,
        )
        super().__init__(behaviour.keys, parts)
        self.url = url
        self._first_keys = self.keys
        self.calls = CallLog()
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

    def answer(self, call: Call, headers: Message, query: str, body: bytes) -> Answer:
        if call.path.startswith("/files/") and call.method == "GET":
            return self._file(call, headers, query)
        return super().answer(call, headers, query, body)

    def _keep(self, entry: Entry) -> None:
        if self._jobs:
            self._jobs.add(entry)
        super()._keep(entry)

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

    def _file(self, call: Call, headers: Message, query: str) -> Answer:
        """Return the video of a link, or 403 if the link has expired or was changed."""
        generation_id = unquote(call.path.split("/")[2])
        generation = self.generations.get(generation_id)
        if generation is None or not self._rendered.is_genuine(generation_id, query):
            return Answer(HTTPStatus.FORBIDDEN, b"The link has expired or is not valid.", "text/plain")
        call.generation_id, call.prompt = generation.id, generation.clip.prompt
        self.calls.count_download()
        clip = generation.clip
        return video_answer(render(clip), clip.container, self.scripts.take_video(clip.prompt), headers)
