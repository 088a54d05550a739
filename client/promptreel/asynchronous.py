"""The client for asyncio.

Each call of `Client` runs in a thread, since its connections are requests'. Pauses and whole waits are asyncio's, so
that a thousand that wait need no thread each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, Unpack
from uuid import uuid4

from promptreel._batches import DAY, BatchWatch
from promptreel._http import ATTEMPTS, TIMEOUT_SECONDS, bearing_faults
from promptreel._webhooks import Delivery, Webhook
from promptreel.batch import Batch, BatchCheck, ReportRow
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

CALLS_AT_ONCE = 32

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """`Client` with methods of the same names to be awaited; `list` is an asynchronous iterator.

    A task that is cancelled goes on at once. The call that it waited for ends by itself, within its time-outs: a
    `create` may have arrived, and with its idempotency key it can be repeated; a `download` leaves nothing behind.
    `CALLS_AT_ONCE` calls are under way at once, and more wait their turn.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        """As `Client`: what is not given comes from the environment or the configuration file."""
        self._client = Client(base_url, api_key, attempts=attempts, timeout=timeout)
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="promptreel")

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; what has not been sent is not."""
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
        """Ask for a video, and return at once. See `Client.create`."""
        key = idempotency_key or uuid4().hex
        told: dict[str, Any] = {"tags": tags, "webhook": webhook}
        try:
            return await self._call(self._client.create, prompt, model, idempotency_key=key, **told, **parameters)
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(may_have_arrived(key))
            raise

    async def estimate(self, prompt: str | None = None, model: str = DEFAULT_MODEL, **parameters: Any) -> Estimate:
        """What the same call of `create` would cost; nothing is asked for."""
        return await self._call(self._client.estimate, prompt, model, **parameters)

    async def usage(self, by: str = "day", first: date | None = None, last: date | None = None) -> Usage:
        """What your generations cost that ended in these days. See `Client.usage`."""
        return await self._call(self._client.usage, by, first, last)

    async def budgets(self) -> tuple[Budget, ...]:
        """The limits that count what you ask for, and what they have left."""
        return await self._call(self._client.budgets)

    async def upload(self, file: str | Path) -> str:
        """Upload a picture, a sound or a video: the reference that stands for it. See `Client.upload`."""
        return await self._call(self._client.upload, file)

    async def get(self, generation: Which) -> Generation:
        """The generation as it is now, with a fresh link to its video; `NotFound`."""
        return await self._call(self._client.get, generation)

    def list(
        self, status: Status | None = None, *, limit: int | None = None, **filters: Unpack[Filters]
    ) -> AsyncIterator[Generation]:
        """Return your generations, newest first, fetched as you iterate. See `Client.list`."""
        return self._read(Pages(status, limit, filters))

    async def _read(self, pages: Pages) -> AsyncIterator[Generation]:
        while (params := pages.next_params()) is not None:
            for generation in pages.read(await self._call(self._client._http.call, "GET", PATH, params=params)):
                yield generation

    async def wait(
        self, generation: Which, timeout: float = DEFAULT_TIMEOUT_SECONDS, on_change: OnChange | None = None
    ) -> Generation:
        """The generation once it is completed; `GenerationFailed`, `WaitTimeout`. See `Client.wait`."""
        watch = Watch(timeout, on_change)
        seen = await self.get(generation)
        while (pause := watch.pause_after(seen)) is not None:
            await asyncio.sleep(pause)
            with bearing_faults():
                seen = await self.get(seen)
        return seen

    async def download(self, generation: Which, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the video as `path`, which is there only once it is whole. See `Client.download`."""
        is_left = Event()
        try:
            return await self._call(
                self._client._save, generation, Path(path), overwrite=overwrite, is_stopped=is_left.is_set
            )
        finally:
            is_left.set()

    async def cancel(self, generation: Which) -> Generation:
        """Stop a running generation; the provider may still finish it, and charge. See `Client.cancel`."""
        return await self._call(self._client.cancel, generation)

    async def delete(self, generation: Which) -> None:
        """Remove an ended generation, its video included; `NotFinished` if it still runs."""
        await self._call(self._client.delete, generation)

    async def models(self, vendor: str | None = None, kind: str | None = None) -> tuple[Model, ...]:
        """The models that can be asked for. See `Client.models`."""
        return await self._call(self._client.models, vendor, kind)

    async def model(self, model_id: str) -> Model:
        """One model, with the JSON Schema of its requests; `NotFound`."""
        return await self._call(self._client.model, model_id)

    async def check_batch(self, file: str | Path, *, name: str | None = None, local_inputs: bool = False) -> BatchCheck:
        """What a file holds, and what of it was made before. See `Client.check_batch`."""
        return await self._call(self._client.check_batch, file, name=name, local_inputs=local_inputs)

    async def create_batch(
        self,
        file: str | Path,
        *,
        name: str | None = None,
        force: bool = False,
        max_concurrency: int | None = None,
        local_inputs: bool = False,
    ) -> Batch:
        """Send a file of requests; what its batch has made is not made again. See `Client.create_batch`."""
        return await self._call(
            self._client.create_batch,
            file,
            name=name,
            force=force,
            max_concurrency=max_concurrency,
            local_inputs=local_inputs,
        )

    async def batch(self, batch_id: str) -> Batch:
        """The batch as it is now, with its rows counted by status; `NotFound`."""
        return await self._call(self._client.batch, batch_id)

    async def batches(self) -> AsyncIterator[Batch]:
        """Your batches, newest first, fetched as you iterate; their rows are not counted."""
        found = self._client.batches()
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def report(self, batch_id: str) -> AsyncIterator[ReportRow]:
        """What became of each row, in order, as it is now; fetched as you iterate."""
        found = self._client.report(batch_id)
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def wait_for_batch(
        self, batch_id: str, timeout: float = DAY, on_change: Callable[[Batch], None] | None = None
    ) -> Batch:
        """The batch once nothing of it runs; `BatchTimeout`, `BatchFailed`. See `Client.wait_for_batch`."""
        watch = BatchWatch(timeout, on_change)
        seen = await self.batch(batch_id)
        while (pause := watch.pause_after(seen)) is not None:
            await asyncio.sleep(pause)
            with bearing_faults():
                seen = await self.batch(batch_id)
        return seen

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Start no more rows, and cancel those that run; the provider may still finish them, and charge."""
        return await self._call(self._client.cancel_batch, batch_id)

    async def retry_batch(self, batch_id: str) -> Batch:
        """Run the rows again that failed, were cancelled or were not reached. See `Client.retry_batch`."""
        return await self._call(self._client.retry_batch, batch_id)

    async def webhook_deliveries(self, limit: int | None = None) -> AsyncIterator[Delivery]:
        """What became of your webhooks, newest first, fetched as you iterate."""
        found = self._client.webhook_deliveries(limit)
        while (one := await self._call(next, found, None)) is not None:
            yield one

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Send one again, now, whatever became of it; `NotFound`. See `Client.redeliver`."""
        return await self._call(self._client.redeliver, delivery_id)

    async def webhook_secret(self, *, rotate: bool = False) -> str:
        """The secret that your webhooks are signed with. See `Client.webhook_secret`."""
        return await self._call(self._client.webhook_secret, rotate=rotate)

    async def _call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(method, *args, **kwargs))
