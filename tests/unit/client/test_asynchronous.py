"""Test the asyncio client: the same names, concurrent calls, and clean cancellation."""

import asyncio
import inspect
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import promptreel
from promptreel import AsyncClient, Client, GenerationFailed, NotFound, WaitTimeout
from tests.support.api_answers import ID, KEY, completed, error, failed, generation, shown
from tests.support.wire import http, serving

PUBLIC = [name for name in vars(Client) if not name.startswith("_")]


@pytest.mark.parametrize("name", ["__init__", *PUBLIC])
def test_both_clients_have_the_same_methods_with_the_same_parameters(name: str) -> None:
    ours, theirs = inspect.signature(vars(AsyncClient)[name]), inspect.signature(vars(Client)[name])
    assert ours.parameters == theirs.parameters
    assert inspect.iscoroutinefunction(vars(AsyncClient)[name]) or name in ("__init__", "list")


def test_a_generation_is_created_awaited_and_saved(home: Path) -> None:
    async def use(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            made = await client.create("a boat")
            stages: list[str] = []
            ended = await client.wait(made, on_change=lambda seen: stages.append(seen.stage))
            assert (ended.status, stages) == ("completed", ["queued", "generating", "completed"])
            assert await client.download(made, home / "boat.mp4") == home / "boat.mp4"

    with serving(http(200, b"film")) as cdn:
        done = completed(cdn.url, 4)
        with serving(shown(), shown(), shown("generating"), done) as wire:
            asyncio.run(use(wire.url))
    assert (home / "boat.mp4").read_bytes() == b"film"


def test_errors_are_those_of_the_client() -> None:
    async def use(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            with pytest.raises(GenerationFailed):
                await client.wait(ID)
            with pytest.raises(WaitTimeout):
                await client.wait(ID, timeout=0)
            with pytest.raises(NotFound):
                await client.get(ID)

    with serving(failed(), shown(), error(404)) as wire:
        asyncio.run(use(wire.url))


def test_a_list_is_fetched_page_by_page_as_it_is_read() -> None:
    async def use(url: str) -> list[str]:
        async with AsyncClient(url, KEY) as client:
            return [one.request["prompt"] async for one in client.list("queued", limit=3)]

    first = http(200, {"data": [generation(prompt="1"), generation(prompt="2")], "next_cursor": "c"})
    last = http(200, {"data": [generation(prompt="3"), generation(prompt="4")], "next_cursor": "d"})
    with serving(first, last) as wire:
        assert asyncio.run(use(wire.url)) == ["1", "2", "3"]
    assert [b"limit=3&" in wire.requests[0], b"limit=1&" in wire.requests[1]] == [True, True]


def test_calls_run_concurrently() -> None:
    """Each call is answered only once all have arrived."""
    gate = threading.Barrier(8)

    def together(connection: socket.socket) -> None:
        threading.Thread(target=answer, args=[connection.dup()], daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            gate.wait()
            connection.sendall(shown())

    async def use(url: str) -> int:
        async with AsyncClient(url, KEY) as client:
            return len(await asyncio.gather(*(client.create("a boat") for _ in range(8))))

    with serving(together) as wire:
        assert asyncio.run(use(wire.url)) == 8


def test_a_cancelled_task_returns_immediately_and_a_create_says_how_to_repeat_it() -> None:
    over = threading.Event()

    async def use(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            asked = asyncio.create_task(client.create("a boat", idempotency_key="k1"))
            while not wire.requests:
                await asyncio.sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await asked
            assert "repeat it with the idempotency key k1" in cancelled.value.__notes__[0]

    def late(connection: socket.socket) -> None:
        over.wait(90)
        connection.sendall(shown())

    with serving(late) as wire:
        loop = threading.Thread(target=lambda: asyncio.run(use(wire.url)))
        loop.start()
        loop.join(60)
        ended = not loop.is_alive()
        over.set()
        loop.join()
    assert ended, "it waited for the response"


def test_a_cancelled_download_leaves_nothing(home: Path) -> None:
    stop, halfway = threading.Event(), threading.Event()

    def slow(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 2_000_000)
        halfway.set()
        stop.wait(30)
        with suppress(ConnectionError):  # the cancelled client may have hung up
            connection.sendall(b"x" * 2_000_000)

    async def use(url: str) -> None:
        async with AsyncClient(url, KEY) as client:
            saved = asyncio.create_task(client.download(ID, home / "boat.mp4"))
            while not halfway.is_set():
                await asyncio.sleep(0.01)
            saved.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saved
            stop.set()

    with serving(slow) as cdn, serving(completed(cdn.url, 4_000_000)) as wire:
        asyncio.run(use(wire.url))
        while any(thread.name.startswith("promptreel") for thread in threading.enumerate()):
            time.sleep(0.01)
    assert list(home.iterdir()) == []


def test_a_closed_client_does_not_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://127.0.0.1:1", KEY)
    monkeypatch.setattr("promptreel._http.time.sleep", lambda _: client.close())
    with serving(error(500)) as wire:
        client._http._base_url = wire.url
        with pytest.raises(promptreel.ApiError):
            client.get(ID)
    assert len(wire.requests) == 2


def test_the_version_is_sent() -> None:
    assert promptreel.__version__[0].isdigit()
