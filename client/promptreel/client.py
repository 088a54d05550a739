"""The client of Promptreel's HTTP API."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

from promptreel import _download, configuration
from promptreel._http import Http
from promptreel.errors import (
    ApiError,
    ConnectionFailed,
    DownloadFailed,
    GenerationFailed,
    NotFinished,
    NotFound,
    PromptreelError,
    WaitTimeout,
)
from promptreel.generation import Generation, Model

PATH = "/v2/video/generations"
DEFAULT_MODEL = "veo2"
DEFAULT_TIMEOUT_SECONDS = 1800.0
POLL_SECONDS = 2.0
PAGE = 100
DOWNLOAD_ATTEMPTS = 3
DELETE_ATTEMPTS = 5

Status = Literal["queued", "generating", "completed", "error"]


class Client:
    """Creates, follows, fetches and deletes the generations of one API key.

    Every call has a time-out, and is tried up to four times where the network or the server fails; nothing runs twice
    by that. All methods raise errors of `promptreel.errors`. To be used by one thread at a time, and as a context
    manager where connections should be closed.
    """

    def __init__(self, base_url: str | None = None, api_key: str | None = None) -> None:
        """What is not given comes from PROMPTREEL_URL, PROMPTREEL_API_KEY or the configuration file."""
        if base_url is None or api_key is None:
            found = configuration.load()
            base_url, api_key = base_url or found.required_url(), api_key or found.required_api_key()
        self._http = Http(base_url, api_key)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create(
        self, prompt: str, model: str = DEFAULT_MODEL, *, idempotency_key: str | None = None, **parameters: Any
    ) -> Generation:
        """Ask for a video; returns at once. `parameters` are the model's own, such as `duration=5`; see `models`.

        The same idempotency key and request always stand for the same generation, so a program that may be interrupted
        and run again should bring its own.
        """
        key = idempotency_key or uuid4().hex
        body = {"model": model, "prompt": prompt, **parameters}
        try:
            return Generation.from_json(self._http.call("POST", PATH, json=body, headers={"Idempotency-Key": key}))
        except (PromptreelError, KeyboardInterrupt) as error:
            if not isinstance(error, ApiError) or error.may_pass:
                error.add_note(
                    f"The request may have arrived: repeat it with the idempotency key {key}, and it runs only once."
                )
            raise

    def get(self, generation_id: str) -> Generation:
        """The generation as it is now, with a fresh link to its video; `NotFound`."""
        return Generation.from_json(self._http.call("GET", PATH, params={"generation_id": generation_id}))

    def list(self, status: Status | None = None) -> Iterator[Generation]:
        """Your generations, newest first, fetched as you iterate."""
        params: dict[str, str | int] = {"limit": PAGE} | ({"status": status} if status else {})
        while True:
            page = self._http.call("GET", PATH, params=params)
            yield from map(Generation.from_json, page["data"])
            if not page.get("next_cursor"):
                return
            params["cursor"] = page["next_cursor"]

    def wait(
        self,
        generation_id: str,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        on_change: Callable[[Generation], None] | None = None,
    ) -> Generation:
        """The generation once it is completed; `GenerationFailed` if it fails, `WaitTimeout` after `timeout` seconds.

        `on_change` hears of it at first and whenever its stage changes. A server or network that fails meanwhile is no
        reason to give up.
        """
        deadline = time.monotonic() + timeout
        generation, shown = self.get(generation_id), None
        while True:
            if on_change and generation.stage != shown:
                on_change(generation)
                shown = generation.stage
            if generation.status == "error":
                raise GenerationFailed(generation)
            if generation.ended:
                return generation
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(
                    f"Generation {generation.id} is still {generation.stage} after {timeout:.0f} s, and goes on.",
                    generation,
                )
            time.sleep(min(POLL_SECONDS, left))
            try:
                generation = self.get(generation_id)
            except (ConnectionFailed, ApiError) as error:
                if isinstance(error, ApiError) and not error.may_pass:
                    raise

    def download(self, generation_id: str, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the video as `path`, which is there only once it is whole.

        Raises FileExistsError unless `overwrite`, `NotFinished` or `GenerationFailed` if there is no video,
        `DownloadFailed` if it broke off three times, and OSError if it cannot be written.
        """
        path = Path(path)
        if not overwrite:
            _download.refuse_existing(path)
        attempt = 1
        while True:
            generation = self.get(generation_id)  # each time, for a fresh link
            if generation.status == "error":
                raise GenerationFailed(generation)
            if generation.video is None:
                raise NotFinished(f"Generation {generation_id} has no video yet: it is {generation.stage}.", generation)
            try:
                _download.save(generation.video.url, generation.video.file_size, path, overwrite=overwrite)
            except DownloadFailed:
                if attempt == DOWNLOAD_ATTEMPTS:
                    raise
                attempt += 1
            else:
                return path

    def cancel(self, generation_id: str) -> Generation:
        """Stop a running generation; the provider may still finish it, and charge.

        The generation is then `error`, named `Cancelled`. Raises `NotFinished` if it has ended before: the API's same
        call would delete it.
        """
        generation = self.get(generation_id)
        if generation.error and generation.error.name == "Cancelled":
            return generation
        if generation.ended:
            raise NotFinished(f"Generation {generation_id} has ended: nothing is left to cancel.", generation)
        return Generation.from_json(self._delete(generation_id, only_running="true"))

    def delete(self, generation_id: str) -> None:
        """Remove an ended generation, its video included; again, nothing happens. `NotFinished` if it still runs."""
        try:
            generation = self.get(generation_id)
        except NotFound:
            self._delete(generation_id)  # tells one that was deleted from one that never was
            return
        if not generation.ended:
            raise NotFinished(f"Generation {generation_id} is {generation.stage}: cancel it first.", generation)
        for attempt in range(DELETE_ATTEMPTS):
            if self._delete(generation_id).get("deleted"):
                return
            time.sleep(POLL_SECONDS if attempt else 0)  # its end is announced first
        raise NotFinished(f"Generation {generation_id} has only just ended: delete it in a minute.", generation)

    def models(self) -> tuple[Model, ...]:
        """The models that can be asked for, with the JSON Schema of their requests, and how long they take."""
        found = self._http.call("GET", "/v2/models")["data"]
        return tuple(map(Model.from_json, found))

    def _delete(self, generation_id: str, **parameters: str) -> dict[str, Any]:
        return self._http.call("DELETE", PATH, params={"generation_id": generation_id, **parameters})
