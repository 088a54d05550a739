"""The client's methods."""

import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from promptreel import ApiError, Client, DownloadFailed, GenerationFailed, NotFinished, NotFound, WaitTimeout
from tests.support.api_answers import ID, KEY, completed, error, failed, generation, shown
from tests.support.wire import http, reset, serving

VIDEO = b"\0\0\0\x14ftypisom" + b"v" * 1000


def test_a_list_is_fetched_page_by_page_as_it_is_read() -> None:
    first = http(200, {"data": [generation(prompt="1"), generation(prompt="2")], "next_cursor": "c 1"})
    empty = http(200, {"data": [], "next_cursor": "c2"})
    last = http(200, {"data": [generation(prompt="3")], "next_cursor": None})
    with serving(first, empty, last) as wire, Client(wire.url, KEY) as client:
        found = client.list("queued")
        assert next(found).request["prompt"] == "1"
        assert len(wire.requests) == 1
        assert [one.request["prompt"] for one in found] == ["2", "3"]
    assert b"status=queued" in wire.requests[2]
    assert b"cursor=c+1" in wire.requests[1]


def test_waiting_reports_each_stage_once() -> None:
    answers = [shown(), shown(), shown("generating"), shown("generating", stage="archiving"), completed("u", 1)]
    stages: list[str] = []
    with serving(*answers) as wire, Client(wire.url, KEY) as client:
        ended = client.wait(ID, on_change=lambda seen: stages.append(seen.stage))
    assert ended.ended
    assert stages == ["queued", "generating", "archiving", "completed"]


def test_waiting_for_a_failed_generation_raises_its_reason() -> None:
    with serving(shown(), failed()) as wire, Client(wire.url, KEY) as client, pytest.raises(GenerationFailed) as caught:
        client.wait(ID)
    assert str(caught.value) == f"Generation {ID} failed: GenerationFailed: no luck."
    assert caught.value.generation.error


def test_waiting_ends_with_its_timeout() -> None:
    with serving(shown("generating")) as wire, Client(wire.url, KEY) as client, pytest.raises(WaitTimeout) as caught:
        client.wait(ID, timeout=0)
    assert caught.value.generation.stage == "generating"


def test_waiting_survives_temporary_server_errors() -> None:
    trouble = [reset] * 4 + [error(500)] * 4
    with serving(shown(), *trouble, completed("u", 1)) as wire, Client(wire.url, KEY) as client:
        assert client.wait(ID).status == "completed"


def test_waiting_ends_when_the_api_rejects_the_call() -> None:
    with serving(shown(), error(404)) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFound):
        client.wait(ID)


def test_a_download_is_complete_and_sends_no_key(home: Path) -> None:
    with (
        serving(http(200, VIDEO)) as cdn,
        serving(completed(cdn.url, len(VIDEO))) as wire,
        Client(wire.url, KEY) as client,
    ):
        path = client.download(ID, home / "boat.mp4")
    assert path.read_bytes() == VIDEO
    assert [file.name for file in home.iterdir()] == ["boat.mp4"]
    assert cdn.header("Authorization") == []


@pytest.mark.parametrize(
    "broken",
    [http(200, VIDEO, length=len(VIDEO) + 1), http(200, VIDEO[:-1]), http(403, b"expired"), reset],
    ids=["broken off", "another length than the record's", "expired link", "reset"],
)
def test_an_incomplete_download_leaves_nothing(broken: bytes, home: Path) -> None:
    with (
        serving(broken) as cdn,
        serving(completed(cdn.url, len(VIDEO))) as wire,
        Client(wire.url, KEY) as client,
        pytest.raises(DownloadFailed),
    ):
        client.download(ID, home / "boat.mp4")
    assert list(home.iterdir()) == []


def test_an_interrupted_download_is_retried_with_a_fresh_link(home: Path) -> None:
    with (
        serving(http(200, VIDEO, length=2000), http(200, VIDEO)) as cdn,
        serving(completed(cdn.url, len(VIDEO))) as wire,
        Client(wire.url, KEY) as client,
    ):
        client.download(ID, home / "boat.mp4")
    assert len(wire.requests) == 2


def test_a_download_overwrites_only_if_requested(home: Path) -> None:
    path = home / "boat.mp4"
    path.write_text("mine")
    with (
        serving(http(200, VIDEO)) as cdn,
        serving(completed(cdn.url, None)) as wire,
        Client(wire.url, KEY) as client,
    ):
        with pytest.raises(FileExistsError):
            client.download(ID, path)
        assert (path.read_text(), wire.requests) == ("mine", [])
        client.download(ID, path, overwrite=True)
    assert path.read_bytes() == VIDEO


def test_there_is_nothing_to_download_before_the_end(home: Path) -> None:
    with serving(shown("generating"), failed()) as wire, Client(wire.url, KEY) as client:
        with pytest.raises(NotFinished):
            client.download(ID, home / "boat.mp4")
        with pytest.raises(GenerationFailed):
            client.download(ID, home / "boat.mp4")


def test_cancel_stops_a_running_generation() -> None:
    with serving(shown("generating"), failed("Cancelled")) as wire, Client(wire.url, KEY) as client:
        stopped = client.cancel(ID)
    assert stopped.error
    assert stopped.error.name == "Cancelled"
    assert wire.requests[1].startswith(b"DELETE ")


def test_a_video_has_the_facts_of_its_file_if_the_deployment_knows_them() -> None:
    older = {"url": "https://s3/v?secret", "content_type": "video/mp4", "file_name": "v.mp4", "file_size": 7}
    facts = {"width": 1280, "height": 720, "duration": 4.0, "has_sound": True, "poster_url": "https://s3/p?secret"}
    with serving(shown("completed", video={**older, **facts, "new": 1}), shown("completed", video=older)) as api:
        client = Client(api.url, KEY)
        now, before = client.get(ID).video, client.get(ID).video
    assert now is not None
    assert (now.width, now.height, now.duration, now.has_sound) == (1280, 720, 4.0, True)
    assert now.poster_url == "https://s3/p?secret"
    assert "secret" not in repr(now)
    assert before is not None
    assert (before.width, before.duration, before.has_sound, before.poster_url) == (None,) * 4


def test_cancel_never_deletes_an_existing_video() -> None:
    with serving(completed("u", 1)) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFinished):
        client.cancel(ID)
    assert len(wire.requests) == 1


def test_cancelling_again_changes_nothing() -> None:
    with serving(failed("Cancelled")) as wire, Client(wire.url, KEY) as client:
        assert client.cancel(ID).status == "error"
    assert len(wire.requests) == 1


def test_delete_does_not_cancel_a_running_generation() -> None:
    with serving(shown("generating")) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFinished):
        client.delete(ID)
    assert len(wire.requests) == 1


def test_delete_waits_until_the_end_is_announced() -> None:
    deleted = http(200, {"id": ID, "deleted": True})
    with serving(failed(), failed(), failed(), deleted) as wire, Client(wire.url, KEY) as client:
        client.delete(ID)
    assert len(wire.requests) == 4


def test_deleting_again_changes_nothing_and_an_unknown_id_is_not_found() -> None:
    with serving(error(404), http(200, {"id": ID, "deleted": True}), error(404)) as wire:
        client = Client(wire.url, KEY)
        client.delete(ID)
        with pytest.raises(NotFound):
            client.delete(ID)
        client.close()


def test_a_response_with_only_the_providers_fields_is_read() -> None:
    with serving(http(200, {"id": "x:veo2", "status": "waiting"})) as wire, Client(wire.url, KEY) as client:
        found = client.get("x:veo2")
    assert (found.stage, found.ended, found.video, found.created_at) == ("waiting", False, None, None)


def test_an_unknown_status_is_rejected_by_the_api() -> None:
    refused = error(400, "`status` must be one of …")
    with serving(refused) as wire, Client(wire.url, KEY) as client, pytest.raises(ApiError, match="must be"):
        list(client.list("done"))  # type: ignore[arg-type]  # that is the point


def test_a_generation_can_be_passed_instead_of_its_id() -> None:
    done = completed("http://127.0.0.1:1/v", 1)
    with serving(shown(), shown(), done, done, failed("Cancelled")) as wire, Client(wire.url, KEY) as client:
        made = client.create("a boat")
        assert client.get(made).id == ID
        assert client.wait(made).ended
        with pytest.raises(NotFinished):
            client.cancel(made)
        client.cancel(made)
    assert all(f"generation_id={ID}".encode() in request for request in wire.requests[1:])


def test_a_list_can_be_limited_and_filtered() -> None:
    page = http(200, {"data": [generation()] * 2, "next_cursor": "c"})
    berlin = timezone(timedelta(hours=1))
    with serving(page) as wire, Client(wire.url, KEY) as client:
        found = client.list(limit=3, model="m", text="é", created_after=datetime(2026, 1, 1, tzinfo=berlin), tags="a")
        assert len(list(found)) == 3
        assert list(client.list(limit=0)) == []
    first, second = wire.requests
    assert first.split()[1].endswith(b"?limit=3&model=m&text=%C3%A9&created_after=2025-12-31T23%3A00%3A00Z&tag=a")
    assert b"limit=1&" in second
    assert b"cursor=c" in second


def test_an_unknown_id_prefix_deletes_nothing() -> None:
    with serving(error(404)) as wire, Client(wire.url, KEY) as client, pytest.raises(NotFound):
        client.delete(ID[:5])
    assert len(wire.requests) == 1


def test_deleting_and_cancelling_send_the_whole_id() -> None:
    gone = http(200, {"id": ID, "deleted": True})
    with serving(shown(), failed("Cancelled"), failed(), gone) as wire, Client(wire.url, KEY) as client:
        client.cancel(ID[:5])
        client.delete(ID[:5])
    assert f"generation_id={ID}&".encode() in wire.requests[1]
    assert f"generation_id={ID} ".encode() in wire.requests[3]


@pytest.mark.parametrize("ending", ["", "/", "/v2", "/v2/", "//", " "])
def test_a_url_may_end_as_the_providers_does(ending: str) -> None:
    with serving(shown()) as wire, Client(wire.url + ending, KEY) as client:
        client.get(ID)
    assert wire.requests[0].split()[1] == f"/v2/video/generations?generation_id={ID}".encode()


def everything(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/v.mp4?X-Amz-Signature=s3cr3t",  # refused
        "http://127.0.0.1:99999/v.mp4?X-Amz-Signature=s3cr3t",  # no port
        "http://[broken/v.mp4?X-Amz-Signature=s3cr3t",
        "nothing?X-Amz-Signature=s3cr3t",
        "https://does-not-exist.invalid/v.mp4?X-Amz-Signature=s3cr3t",
    ],
)
def test_errors_and_tracebacks_do_not_show_the_link(link: str, home: Path) -> None:
    with serving(completed(link, 4)) as wire, Client(wire.url, KEY) as client:
        with pytest.raises(DownloadFailed) as caught:
            client.download(ID, home / "boat.mp4")
        with pytest.raises(NotFinished) as ended:
            client.cancel(ID)
        assert "s3cr3t" not in repr(client.get(ID))
    assert "s3cr3t" not in everything(caught.value)
    assert "s3cr3t" not in everything(ended.value) + repr(ended.value.generation)


def test_errors_of_a_broken_link_do_not_show_the_link(home: Path) -> None:
    for answer in (http(200, VIDEO, length=len(VIDEO) + 9), http(403, b"expired"), reset):
        with serving(answer) as cdn, serving(completed(f"{cdn.url}/v?Signature=s3cr3t", None)) as wire:
            client = Client(wire.url, KEY)
            with pytest.raises(DownloadFailed) as caught:
                client.download(ID, home / "boat.mp4")
            client.close()
        assert "s3cr3t" not in everything(caught.value)


def test_several_threads_can_use_one_client() -> None:
    with serving(shown()) as wire, Client(wire.url, KEY) as client, ThreadPoolExecutor(8) as pool:
        assert {one.id for one in pool.map(client.get, [ID] * 40)} == {ID}
        assert len(client._http._sessions) <= 8
