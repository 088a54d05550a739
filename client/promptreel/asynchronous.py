"""The client for asyncio.

Each call runs a method of `Client` in a thread, because `requests` is synchronous. Waiting between polls uses asyncio,
so a thousand waiting tasks do not need a thousand threads.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack
from uuid import uuid4

from promptreel import _download
from promptreel._batches import DAY, BatchWatch, Sending
from promptreel._http import ATTEMPTS, TIMEOUT_SECONDS, bearing_faults
from promptreel._links import WEEK, Link
from promptreel._webhooks import Delivery, Webhook
from promptreel.batch import Batch, BatchCheck, Existing, ReportRow
from promptreel.client import (
    DEFAULT_MODEL,
    DEFAULT_TIMEOUT_SECONDS,
    PATH,
    Client,
    Filters,
    OnChange,
    Pages,
    Status,
    Watch,
    Which,
    may_have_arrived,
)
from promptreel.generation import Generation, Model
from promptreel.money import Budget, Estimate, Usage

if TYPE_CHECKING:
    from promptreel._sync import Synced

CALLS_AT_ONCE = 32

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """The asyncio version of `Client`: await the same methods, and use `async for` with `list` and other iterators.

    Cancelling a task takes effect immediately, but its current call runs on until it finishes or times out. A cancelled
    `create` may have arrived; repeat it with its idempotency key. A cancelled `download` leaves no file behind. At most
    `CALLS_AT_ONCE` calls run at the same time; further calls wait.
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
        """Create a client with the same defaults as `Client`."""
        self._client = Client(base_url, api_key, attempts=attempts, timeout=timeout, strict=strict)
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="promptreel")

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Calls that have not started yet are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def create(
        self,
        prompt: str | None = None,
        model: str = DEFAULT_MODEL,
        *,
        idempotency_key: str | None = None,
        tags: Iterable[str] = (),
        webhook: str | Webhook | None = None,
        **parameters: Any,
    ) -> Generation:
        """Request a video and return immediately. See `Client.create`."""
        key = idempotency_key or uuid4().hex
        told: dict[str, Any] = {"tags": tags, "webhook": webhook}
        try:
            return await self._call(self._client.create, prompt, model, idempotency_key=key, **told, **parameters)
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(may_have_arrived(key))
            raise

    async def estimate(self, prompt: str | None = None, model: str = DEFAULT_MODEL, **parameters: Any) -> Estimate:
        """Return what the same call of `create` would cost, without requesting a video."""
        return await self._call(self._client.estimate, prompt, model, **parameters)

    async def usage(self, by: str = "day", first: date | None = None, last: date | None = None) -> Usage:
        """Return the cost of your generations that ended in a date range. See `Client.usage`."""
        return await self._call(self._client.usage, by, first, last)

    async def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets that apply to your requests, and how much of each is left."""
        return await self._call(self._client.budgets)

    async def upload(self, file: str | Path) -> str:
        """Upload an image, audio or video file, and return its reference. See `Client.upload`."""
        return await self._call(self._client.upload, file)

    async def get(self, generation: Which) -> Generation:
        """Return the generation's current state with a fresh link to its video. See `Client.get`."""
        return await self._call(self._client.get, generation)

    def list(
        self, status: Status | None = None, *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> AsyncIterator[Generation]:
        """Return your generations, newest first. They are fetched as you iterate. See `Client.list`."""
        return self._read(Pages(status, limit, filters))

    async def _read(self, pages: Pages) -> AsyncIterator[Generation]:
        while (params := pages.next_params()) is not None:
            for generation in pages.read(await self._call(self._client._http.call, "GET", PATH, params=params)):
                yield generation

    async def wait(
        self, generation: Which, timeout: float = DEFAULT_TIMEOUT_SECONDS, on_change: OnChange | None = None
    ) -> Generation:
        """Return the generation once it is completed. See `Client.wait`."""
        watch = Watch(timeout, on_change)
        seen = await self.get(generation)
        while (pause := watch.pause_after(seen)) is not None:
            await asyncio.sleep(pause)
            with bearing_faults():
                seen = await self.get(seen)
        return seen

    async def download(self, generation: Which, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the video as `path`. The file appears only once it is complete. See `Client.download`."""
        is_left = Event()
        try:
            await self._call(self._client._save, generation, Path(path), overwrite=overwrite, is_stopped=is_left.is_set)
        finally:
            is_left.set()
        return Path(path)

    async def sync(
        self,
        folder: str | Path,
        *,
        tags: Iterable[str] = (),
        batch: str | None = None,
        verify: bool = False,
        on_saved: Callable[[Path], None] | None = None,
    ) -> "Synced":
        """Save the videos that the folder does not have yet. See `Client.sync`.

        `on_saved` is called in another thread. After the task is cancelled, the current video is still saved, and no
        other.
        """
        is_left = Event()

        def stop(path: Path) -> None:
            if on_saved:
                on_saved(path)
            if is_left.is_set():
                raise _download.Stopped

        try:
            return await self._call(self._client.sync, folder, tags=tags, batch=batch, verify=verify, on_saved=stop)
        finally:
            is_left.set()

    async def cancel(self, generation: Which) -> Generation:
        """Cancel a running generation. The provider may still charge. See `Client.cancel`."""
        return await self._call(self._client.cancel, generation)

    async def delete(self, generation: Which) -> None:
        """Delete a finished generation and its video. See `Client.delete`."""
        await self._call(self._client.delete, generation)

    async def tag(
        self, generation: Which, add: Iterable[str] = (), *, remove: Iterable[str] = (), name: str | None = None
    ) -> Generation:
        """Change the tags and the name of a generation. See `Client.tag`."""
        return await self._call(self._client.tag, generation, add, remove=remove, name=name)

    async def models(self, vendor: str | None = None, kind: str | None = None) -> tuple[Model, ...]:
        """Return the available models. See `Client.models`."""
        return await self._call(self._client.models, vendor, kind)

    async def model(self, model_id: str) -> Model:
        """Return a model with the JSON Schema of its requests. See `Client.model`."""
        return await self._call(self._client.model, model_id)

    async def check_batch(
        self,
        file: str | Path,
        *,
        name: str | None = None,
        local_inputs: bool = False,
        existing: Existing | None = None,
    ) -> BatchCheck:
        """Check a file of requests without starting it. See `Client.check_batch`."""
        check = partial(self._client.check_batch, local_inputs=local_inputs, existing=existing)
        return await self._call(check, file, name=name)

    async def create_batch(self, file: str | Path, **sending: Unpack[Sending]) -> Batch:
        """Run a file of requests. Rows that its batch already has are not run again. See `Client.create_batch`."""
        return await self._call(self._client.create_batch, file, **sending)

    async def batch(self, batch_id: str) -> Batch:
        """Return the batch's current state, with its rows counted by status. See `Client.batch`."""
        return await self._call(self._client.batch, batch_id)

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield your batches, newest first, without counts of their rows. They are fetched as you iterate."""
        found = self._client.batches()
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def report(self, batch_id: str, revision: int | None = None) -> AsyncIterator[ReportRow]:
        """Yield the current state of each row, in order. Rows are fetched as you iterate. See `Client.report`."""
        found = self._client.report(batch_id, revision)
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def save_rows(self, batch_id: str, path: str | Path, *, failed: bool = False) -> int:
        """Save the rows of a batch as they were sent, to fix them. See `Client.save_rows`."""
        return await self._call(self._client.save_rows, batch_id, path, failed=failed)

    async def wait_for_batch(
        self, batch_id: str, timeout: float = DAY, on_change: Callable[[Batch], None] | None = None
    ) -> Batch:
        """Return the batch once it has ended. See `Client.wait_for_batch`."""
        watch = BatchWatch(timeout, on_change)
        seen = await self.batch(batch_id)
        while (pause := watch.pause_after(seen)) is not None:
            await asyncio.sleep(pause)
            with bearing_faults():
                seen = await self.batch(batch_id)
        return seen

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel the batch and its running rows. The provider may still charge. See `Client.cancel_batch`."""
        return await self._call(self._client.cancel_batch, batch_id)

    async def retry_batch(self, batch_id: str) -> Batch:
        """Run rows again that failed, were cancelled or never started. See `Client.retry_batch`."""
        return await self._call(self._client.retry_batch, batch_id)

    async def create_link(
        self, generation: Which, lifetime: timedelta | None = WEEK, *, show_prompt: bool = False
    ) -> Link:
        """Make a short link to a video. See `Client.create_link`."""
        return await self._call(partial(self._client.create_link, generation, lifetime, show_prompt=show_prompt))

    async def links(self, generation: Which) -> tuple[Link, ...]:
        """Return the short links of a generation that work, oldest first."""
        return await self._call(self._client.links, generation)

    async def revoke_link(self, generation: Which, number: int) -> None:
        """Revoke a short link. See `Client.revoke_link`."""
        await self._call(self._client.revoke_link, generation, number)

    async def webhook_deliveries(self, limit: int | None = None) -> AsyncIterator[Delivery]:
        """Yield your webhook deliveries, newest first. They are fetched as you iterate."""
        found = self._client.webhook_deliveries(limit)
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Send a delivery again now, whatever its status. See `Client.redeliver`."""
        return await self._call(self._client.redeliver, delivery_id)

    async def webhook_secret(self, *, rotate: bool = False) -> str:
        """Return the secret that signs your webhooks. See `Client.webhook_secret`."""
        return await self._call(self._client.webhook_secret, rotate=rotate)

    async def _call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(method, *args, **kwargs))
