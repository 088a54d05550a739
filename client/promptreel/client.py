"""The client of Promptreel's HTTP API."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack
from uuid import uuid4

from promptreel import _download, configuration
from promptreel._batches import Batches
from promptreel._http import ATTEMPTS, TIMEOUT_SECONDS, Http, bearing_faults
from promptreel._inputs import Uploads, referenced
from promptreel._links import Links
from promptreel._webhooks import Webhook, Webhooks
from promptreel.errors import (
    ApiError,
    DownloadFailed,
    GenerationFailed,
    NotFinished,
    NotFound,
    PromptreelError,
    WaitTimeout,
)
from promptreel.generation import ID_DIGITS, Generation, Model
from promptreel.money import Budget, Estimate, Usage

if TYPE_CHECKING:
    from promptreel._sync import Synced

PATH = "/v2/video/generations"
DEFAULT_MODEL = "veo2"
DEFAULT_TIMEOUT_SECONDS = 1800.0
POLL_SECONDS = 2.0
PAGE = 100
DOWNLOAD_ATTEMPTS = 3
DELETE_ATTEMPTS = 5


Status = Literal["queued", "generating", "completed", "error"]
Which = str | Generation  # a generation, its id, or a unique beginning of the id
OnChange = Callable[[Generation], None]


class Filters(TypedDict, total=False):
    """Filters for a list. A generation is listed if it passes all filters."""

    model: str | None
    batch: str | None  # a batch's id
    text: str | None  # words of the prompt, the name or the tags, in any order; "words in quotes" are a phrase
    created_after: datetime | None  # inclusive; a time without a zone is local
    created_before: datetime | None  # exclusive
    tags: Iterable[str]  # the generation must have all these tags; a key without a value matches any value


class Client(Batches, Links, Webhooks):
    """A client that creates, follows, downloads and deletes the generations and batches of one API key.

    Every call has a timeout and is attempted up to four times if the network or the server fails; retries never start
    a job twice. All methods raise the errors of `promptreel.errors`. A client is safe to share between threads. Used as
    a context manager, it closes its connections. Methods accept a `Generation`, its id, or the beginning of its id.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
        strict: bool = True,
    ) -> None:
        """Create a client. The URL and key default to PROMPTREEL_URL, PROMPTREEL_API_KEY or the configuration file.

        `timeout` is in seconds: to connect, and between two bytes of a response. If not `strict`, requests and rows of
        files pass parameters that their model does not have to the provider unchecked. `raw["meta"]["unchecked"]` names
        those of a generation, and `check_batch` those of a file.
        """
        if base_url is None or api_key is None:
            found = configuration.load()
            base_url, api_key = base_url or found.required_url(), api_key or found.required_api_key()
        self._http = Http(base_url, api_key, attempts=attempts, timeout=timeout)
        self._strictness = {"strict": "true"} if strict else {}
        self._strictness_of_files = {} if strict else {"strict": "false"}

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
        self,
        prompt: str | None = None,
        model: str = DEFAULT_MODEL,
        *,
        idempotency_key: str | None = None,
        tags: Iterable[str] = (),
        webhook: str | Webhook | None = None,
        **parameters: Any,
    ) -> Generation:
        """Request a video and return immediately. `parameters` are the model's, such as `duration=5`; see `model`.

        Most models require a prompt. Where a model accepts a link to an image, audio or video, you can pass a `Path`,
        which is uploaded, or a `Generation`, whose video is used once it is completed.

        The same idempotency key and request always return the same generation. A program that may be interrupted and
        run again should therefore pass its own key. `tags` (`"project=boats"` or a word) help you find the generation.
        `webhook` is a URL to notify when the job ends; a `Webhook` can select the events.
        """
        key = idempotency_key or uuid4().hex
        given = self._with_inputs(parameters)
        body = {"model": model, **({} if prompt is None else {"prompt": prompt}), **given}
        try:
            headers, told = {"Idempotency-Key": key}, {**self._strictness, **asides(tags, webhook)}
            return Generation.from_json(self._http.call("POST", PATH, params=told, body=body, headers=headers))
        except (PromptreelError, KeyboardInterrupt) as error:
            if not isinstance(error, ApiError) or error.may_pass:
                error.add_note(may_have_arrived(key))
            raise

    def _with_inputs(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Upload the files in the parameters, and return the parameters with references to files and generations."""
        uploads = Uploads(self._http)
        given: dict[str, Any] = referenced(parameters, uploads, lambda beginning: self.get(beginning).id)
        uploads.send()
        return given

    def estimate(self, prompt: str | None = None, model: str = DEFAULT_MODEL, **parameters: Any) -> Estimate:
        """Return what the same call of `create` would cost, without requesting a video."""
        body = {"model": model, **({} if prompt is None else {"prompt": prompt}), **self._with_inputs(parameters)}
        return Estimate.from_json(self._http.call("POST", "/v2/estimates", params=self._strictness, body=body))

    def usage(self, by: str = "day", first: date | None = None, last: date | None = None) -> Usage:
        """Return the cost of your generations that ended from `first` to `last` (UTC; by default the last 30 days).

        `by` is the grouping: day, model, tag, key or batch. Grouped by batch, all batches count, whatever the days.
        """
        days = {"from": first, "to": last}
        params = {"by": by, **{name: str(day) for name, day in days.items() if day}}
        return Usage.from_json(self._http.call("GET", "/v2/usage", params=params))

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets that apply to your requests, and how much of each is left."""
        return tuple(map(Budget.from_json, self._http.call("GET", "/v2/budgets")["data"]))

    def upload(self, file: str | Path) -> str:
        """Upload an image, audio or video file, and return the reference to use for it in requests.

        The upload is kept as long as a generation that uses it. An unused upload is deleted after a day.
        """
        uploads = Uploads(self._http)
        reference = uploads.reference(Path(file))
        uploads.send()
        return reference

    def get(self, generation: Which) -> Generation:
        """Return the generation's current state with a fresh link to its video. Raise `NotFound` if it is unknown."""
        return Generation.from_json(self._http.call("GET", PATH, params={"generation_id": id_of(generation)}))

    def list(
        self, status: Status | None = None, *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> Iterator[Generation]:
        """Return your generations, newest first, at most `limit`. They are fetched as you iterate. See `Filters`."""
        return self._read(Pages(status, limit, filters))

    def _read(self, pages: "Pages") -> Iterator[Generation]:
        while (params := pages.next_params()) is not None:
            yield from pages.read(self._http.call("GET", PATH, params=params))

    def wait(
        self, generation: Which, timeout: float = DEFAULT_TIMEOUT_SECONDS, on_change: OnChange | None = None
    ) -> Generation:
        """Return the generation once it is completed.

        Raise `GenerationFailed` if it fails, and `WaitTimeout` after `timeout` seconds. `on_change` is called with the
        generation at first, and whenever its stage or its position in the queue changes. Polling continues through
        errors of the network or the server.
        """
        watch = Watch(timeout, on_change)
        seen = self.get(generation)
        while (pause := watch.pause_after(seen)) is not None:
            time.sleep(pause)
            with bearing_faults():
                seen = self.get(seen)
        return seen

    def download(self, generation: Which, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the video as `path`. The file appears only once it is complete.

        Raise FileExistsError if the file exists and `overwrite` is false, `NotFinished` or `GenerationFailed` if there
        is no video, `DownloadFailed` after three incomplete downloads, and OSError if the file cannot be written.
        """
        self._save(generation, Path(path), overwrite=overwrite)
        return Path(path)

    def _save(
        self,
        generation: Which,
        path: Path,
        *,
        overwrite: bool = False,
        part: Path | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Generation:
        """Save the video, and return the generation. `part` is the file for an interrupted download."""
        if not overwrite:
            _download.refuse_existing(path)
        attempt = 1
        while True:
            seen = self.get(generation)  # again for each attempt: links expire
            if seen.status == "error":
                raise GenerationFailed(seen)
            if seen.video is None:
                raise NotFinished(seen.no_video, seen)
            try:
                _download.save(seen.video, path, overwrite=overwrite, is_stopped=is_stopped, part=part)
            except DownloadFailed:
                if attempt == DOWNLOAD_ATTEMPTS:
                    raise
                attempt += 1
            else:
                return seen

    def sync(
        self,
        folder: str | Path,
        *,
        tags: Iterable[str] = (),
        batch: str | None = None,
        verify: bool = False,
        on_saved: Callable[[Path], None] | None = None,
    ) -> "Synced":
        """Save the videos of a batch, or of all generations with these tags, that the folder does not have yet.

        Each video appears only once it is complete and its checksum was verified, with a sidecar that describes it. An
        interrupted download is continued. Videos that the folder has are not downloaded again; with `verify`, their
        checksums are compared. Nothing is deleted: `Synced.unselected` lists videos that are not selected any more.
        `on_saved` is called with the path of each new video. Raise `PromptreelError` if another sync of the folder is
        running.
        """
        from promptreel import _sync  # noqa: PLC0415 - most programs do not need it

        if bool(batch) == bool(asked := [tags] if isinstance(tags, str) else list(tags)):
            raise PromptreelError("Select the videos to save by their batch or by tags, and not by both.")
        batch_id = self._whole(batch) if batch else None
        _sync.opened(Path(folder), batch_id)
        selected = _sync.by_batch(self.report(batch_id)) if batch_id else _sync.by_tag(self.list(tags=asked))

        def save(generation_id: str, path: Path, part: Path) -> Generation:
            return self._save(generation_id, path, part=part)

        return _sync.Sync(save, self.get, Path(folder), verify, on_saved).run(selected)

    def cancel(self, generation: Which) -> Generation:
        """Cancel a running generation. The provider may still finish and charge for the video.

        The generation ends with the status `error` and the error `Cancelled`. Raise `NotFinished` if it has already
        ended, because the same API call would then delete it.
        """
        seen = self.get(generation)
        if seen.error and seen.error.name == "Cancelled":
            return seen
        if seen.ended:
            raise NotFinished(f"Generation {seen.id} has already ended, so it cannot be cancelled.", seen)
        return Generation.from_json(self._delete(seen.id, only_running="true"))

    def delete(self, generation: Which) -> None:
        """Delete a finished generation and its video. Deleting it again does nothing.

        Raise `NotFinished` if it is still running.
        """
        try:
            seen = self.get(generation)
        except NotFound:
            if len(id_of(generation)) < ID_DIGITS:
                raise
            self._delete(id_of(generation))  # raises `NotFound` unless it was deleted earlier
            return
        if not seen.ended:
            raise NotFinished(f"Generation {seen.id} is {seen.stage}: cancel it first.", seen)
        for attempt in range(DELETE_ATTEMPTS):
            if self._delete(seen.id).get("deleted"):
                return
            time.sleep(POLL_SECONDS if attempt else 0)  # the API announces its end before it can be deleted
        raise NotFinished(f"Generation {seen.id} has only just ended: delete it in a minute.", seen)

    def tag(
        self, generation: Which, add: Iterable[str] = (), *, remove: Iterable[str] = (), name: str | None = None
    ) -> Generation:
        """Change the tags of a generation, running or finished, and its name if one is given. Return the generation.

        An added tag replaces the tag with the same key; a key without a value removes its tag whatever the value. An
        empty name removes the name. Changes by several programs at the same time are all made.
        """
        changes = {"add": joined(add), "remove": joined(remove)}
        body = {**changes, **({} if name is None else {"name": name})}
        return Generation.from_json(
            self._http.call("PATCH", PATH, params={"generation_id": id_of(generation)}, body=body)
        )

    def models(self, vendor: str | None = None, kind: str | None = None) -> tuple[Model, ...]:
        """Return the available models and how long they take, optionally only of one vendor or kind."""
        params: dict[str, str | int] = {"limit": PAGE}
        params |= {name: value for name, value in (("vendor", vendor), ("kind", kind)) if value is not None}
        return tuple(map(Model.from_json, self._http.pages("/v2/models", params)))

    def model(self, model_id: str) -> Model:
        """Return a model with the JSON Schema of its requests. Raise `NotFound` if it is unknown."""
        return Model.from_json(self._http.call("GET", "/v2/models", params={"id": model_id}))

    def _delete(self, generation_id: str, **parameters: str) -> dict[str, Any]:
        return self._http.call("DELETE", PATH, params={"generation_id": generation_id, **parameters})


def may_have_arrived(key: str) -> str:
    """Return the note for a `create` that got no response."""
    return f"The request may have arrived: repeat it with the idempotency key {key}, and it will run only once."


def asides(tags: Iterable[str], webhook: str | Webhook | None) -> dict[str, str]:
    """Return the query parameters of a request, which are for Promptreel and not for the provider."""
    hook = webhook if isinstance(webhook, Webhook) else Webhook(webhook or "")
    told = {"tag": joined(tags), "webhook": hook.url, "webhook_events": joined(hook.events)}
    return {name: text for name, text in told.items() if text}


def joined(words: Iterable[str]) -> str:
    """Join several words with commas, as the API expects, or return a single one unchanged."""
    return words if isinstance(words, str) else ",".join(words)


def id_of(generation: Which) -> str:
    """Return the id of a generation, or the id itself."""
    return generation.id if isinstance(generation, Generation) else generation


class Watch:
    """The common part of both clients' `wait`: decides when to poll again."""

    def __init__(self, timeout: float, on_change: OnChange | None) -> None:
        self._timeout, self._on_change = timeout, on_change
        self._deadline = time.monotonic() + timeout
        self._last: object = None

    def pause_after(self, seen: Generation) -> float | None:
        """Return the seconds until the next poll, or None once completed. Raise `GenerationFailed` or `WaitTimeout`."""
        now = (seen.stage, seen.ahead, seen.waits_for, seen.waits_for_credits)
        if self._on_change and now != self._last:
            self._on_change(seen)
            self._last = now
        if seen.status == "error":
            raise GenerationFailed(seen)
        if seen.ended:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeout(
                f"Generation {seen.id} is still {seen.stage} after {self._timeout:.0f} s, and continues.", seen
            )
        return min(POLL_SECONDS, left)


class Pages:
    """The common part of both clients' `list`: follows the pages of a list."""

    def __init__(self, status: str | None, limit: int | None, filters: Filters) -> None:
        if unknown := filters.keys() - Filters.__annotations__.keys():
            raise TypeError(f"list() has no filter `{min(unknown)}`: use {', '.join(Filters.__annotations__)}.")
        after, before = filters.get("created_after"), filters.get("created_before")
        asked: dict[str, str | None] = {
            "status": status,
            "model": filters.get("model"),
            "batch": filters.get("batch"),
            "text": filters.get("text"),
            "created_after": _iso(after) if after else None,
            "created_before": _iso(before) if before else None,
            "tag": joined(filters.get("tags", ())) or None,
        }
        self._params: dict[str, str | int] = {name: value for name, value in asked.items() if value is not None}
        self._left = limit
        self._is_over = False

    def next_params(self) -> dict[str, str | int] | None:
        """Return the query of the next page, or None after the last."""
        if self._is_over or self._left == 0:
            return None
        return {"limit": PAGE if self._left is None else min(PAGE, self._left), **self._params}

    def read(self, page: dict[str, Any]) -> Iterator[Generation]:
        """Yield the generations of a page."""
        for raw in page["data"][: self._left]:
            if self._left is not None:
                self._left -= 1
            yield Generation.from_json(raw)
        self._is_over = not page.get("next_cursor")
        self._params["cursor"] = page.get("next_cursor") or ""


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
