"""Test local files as inputs: uploaded, and referenced in requests by their content."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from promptreel import Client
from promptreel._inputs import with_paths
from promptreel.errors import ApiError, ConnectionFailed, PromptreelError
from tests.support.api_answers import ID, KEY, completed, shown
from tests.support.wire import Answer, http, serving

Run = Callable[..., tuple[int, str, str]]
CAT = b"\x89PNG a cat"
REFERENCE = "upload:" + hashlib.sha256(CAT).hexdigest()[:32]
FIELDS = [
    {"field": "image_url", "media": ["image"]},
    {"field": "tail_image_url", "media": ["image"]},
    {"field": "elements[].video_url", "media": ["video"]},
    {"field": "audio_urls[]", "media": ["audio"]},
]


@pytest.fixture
def cat(home: Path) -> Path:
    path = home / "cat.png"
    path.write_bytes(CAT)
    return path


@contextmanager
def storage(*answers: Answer) -> Iterator[tuple[Answer, Any]]:
    """Serve S3, and an API that responds with an upload form."""
    with serving(*(answers or (http(204, {}),))) as s3:
        form = {"url": s3.url, "fields": {"key": "uploads/ann/x"}, "max_bytes": 100, "expires_in": 60}
        yield http(200, {"id": "x", "reference": REFERENCE, "upload": form}), s3


def bodies(requests: list[bytes]) -> list[dict[str, Any]]:
    parts = [request.partition(b"\r\n\r\n") for request in requests]
    return [json.loads(body) for head, _, body in parts if head.startswith(b"POST ")]


@pytest.mark.parametrize("given", ["cat.png", " ./cat.png", "../{home}/cat.png"])
def test_a_file_that_a_parameter_names_is_uploaded(ask: Run, cat: Path, given: str) -> None:
    with storage() as (form, s3):
        given = given.replace("{home}", cat.parent.name)
        code, out, err = ask("create", "a", "--param", f"image_url={given}", answers=[form, shown()])
    assert (code, out.strip()) == (0, ID), err
    asked, created = bodies(ask.sent)  # type: ignore[attr-defined]  # see the fixture
    assert asked == {"content_type": "image/png", "sha256": hashlib.sha256(CAT).hexdigest()}
    assert created["image_url"] == REFERENCE
    (sent,) = s3.requests
    assert CAT in sent
    assert KEY.encode() not in sent, "the key is only for the API"


def test_a_rejected_file_is_reported_by_name(ask: Run, cat: Path) -> None:
    refused = http(400, {"message": f"`image_url`: {REFERENCE} is audio/wav, not an image (image/png)."})
    with storage() as (form, _):
        code, _, err = ask("create", "a", "--param", f"image_url={cat.name}", answers=[form, refused])
    assert (code, err.count("`image_url`: cat.png is audio/wav")) == (1, 1), err


@pytest.mark.parametrize(
    "given", ["https://example.com/cat.png", "s3://prompts/owners/ann/cat.png", "data:image/png;base64,aa.png", "16:9"]
)
def test_other_texts_are_sent_unchanged(ask: Run, given: str) -> None:
    assert ask("create", "a cat.png", "--param", f"image_url={given}", answers=[shown()])[0] == 0
    (created,) = bodies(ask.sent)  # type: ignore[attr-defined]
    assert (created["image_url"], created["prompt"]) == (given, "a cat.png")


def test_a_missing_file_is_reported_and_nothing_is_sent(ask: Run) -> None:
    code, _, err = ask("create", "a", "--param", 'image_urls=["cat.png"]', answers=[shown()])
    assert (code, bodies(ask.sent)) == (1, [])  # type: ignore[attr-defined]
    assert "The request names cat.png, but there is no such file." in err


def test_one_option_per_kind_finds_the_models_parameters(ask: Run, cat: Path) -> None:
    links = ["https://x/1.png", "https://x/2.png"]
    sounds = ["--audio", "https://x/1.mp3", "--audio", "https://x/2.mp3"]
    model = http(200, {"id": "m", "title": "M", "inputs": FIELDS})
    given = ["create", "a", "--model", "m", "--image", links[0], "--image", links[1], *sounds]
    assert ask(*given, answers=[model, shown()])[0] == 0
    (created,) = bodies(ask.sent)  # type: ignore[attr-defined]
    assert [created["image_url"], created["tail_image_url"]] == links
    assert created["audio_urls"] == ["https://x/1.mp3", "https://x/2.mp3"]

    for kind, known in (("video", "accepts no such input"), ("image", "accepts only image_url, tail_image_url")):
        many = [part for _ in range(3) for part in (f"--{kind}", str(cat))]
        code, _, err = ask("create", "a", "--model", "m", *many, answers=[model, shown()])
        assert (code, known in " ".join(err.split())) == (2, True), err


def test_a_generation_can_be_named_by_an_id_prefix(ask: Run) -> None:
    given = ["create", "a", "--param", f"video_url=generation:{ID[:6]}"]
    assert ask(*given, answers=[completed("https://x", 1), shown()])[0] == 0
    (created,) = bodies(ask.sent)  # type: ignore[attr-defined]
    assert created["video_url"] == f"generation:{ID}"


def test_several_of_one_prompt_upload_once(ask: Run, cat: Path) -> None:
    with storage() as (form, s3):
        given = ["create", "a", "--count", "2", "--param", f"image_url={cat}"]
        assert ask(*given, answers=[form, shown(), shown()])[0] == 0
    assert len(s3.requests) == 1


def test_the_client_accepts_paths_and_generations_but_no_text_as_a_path(cat: Path) -> None:
    with storage() as (form, s3), serving(form, shown(), shown()) as api, Client(api.url, KEY) as client:
        generation = client.create("a", image_url=cat)
        client.create("b", image_url="cat.png", elements=[{"video_url": generation}])
    _, first, second = bodies(api.requests)
    assert (first["image_url"], len(s3.requests)) == (REFERENCE, 1)
    assert (second["image_url"], second["elements"]) == ("cat.png", [{"video_url": f"generation:{ID}"}])


def test_a_file_that_storage_rejects_is_reported(cat: Path) -> None:
    with storage(http(403, {})) as (form, _), serving(form) as api, Client(api.url, KEY) as client:
        with pytest.raises(ConnectionFailed, match=r"cat\.png could not be uploaded \(HTTP 403\)"):
            client.upload(cat)
        with pytest.raises(PromptreelError, match="is not an image, audio or video file"):
            client.upload("cat.txt")


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("a.csv", "prompt,Image URL\na,cat.png\nb,\n", f"prompt,Image URL\r\na,{REFERENCE}\r\nb,\r\n"),
        ("a.csv", 'sep=;\nprompt;image_url\n"a;\nb";cat.png\n', f'sep=;\nprompt;image_url\r\n"a;\nb";{REFERENCE}\r\n'),
        ("a.tsv", 'model\timage_urls\nm\t["cat.png"]\n', f'model\timage_urls\r\nm\t"[""{REFERENCE}""]"\r\n'),
        (
            "a.jsonl",
            '{"prompt": "a"}\n{"image_url": "cat.png"}\n',
            f'{{"prompt": "a"}}\n{{"image_url": "{REFERENCE}"}}\n',
        ),
        (
            "a.json",
            '[{"e": [{"url": "cat.png"}], "_n": "no.png"}]',
            f'[{{"e": [{{"url": "{REFERENCE}"}}], "_n": "no.png"}}]',
        ),
        ("a.csv", "prompt,name\ncat.png,cat.png\n", None),
        ("a.csv", "text\ncat.png\n", None),
        ("a.jsonl", "{\n", None),
        (
            "a.jsonl",
            '{"image_url": "cat.png"}\n{"prompt": "a\u2028b"}\nno JSON\n',
            f'{{"image_url": "{REFERENCE}"}}\n{{"prompt": "a\u2028b"}}\nno JSON\n',
        ),
        ("a.csv", 'prompt,image_url\na,cat.png\n"b,\nc,\n', None),  # an unclosed quote
        ("a.csv", "prompt,video_url\na,row:boat.mp4\n", None),
    ],
    ids=[
        "CSV",
        "CSV with its separator",
        "TSV with a list",
        "JSON Lines",
        "JSON",
        "name only",
        "no column of files",
        "half an object",
        "line of no JSON",
        "open quote",
        "row of the batch",
    ],
)
def test_files_in_rows_are_identified_by_their_content(cat: Path, name: str, content: str, changed: str | None) -> None:
    path = cat.parent / name
    path.write_text(content, "utf-8", newline="")
    with (
        storage() as (form, s3),
        serving(form) as api,
        Client(api.url, KEY) as client,
        client._local_inputs(path) as (sent, upload),
    ):
        assert sent.read_bytes().decode() == (content if changed is None else changed)
        assert sent.name == name
        assert s3.requests == [], "a check sends nothing"
        upload()
    assert len(s3.requests) == (changed is not None)


def test_rows_name_files_relative_to_their_own_folder(home: Path) -> None:
    (home / "week").mkdir()
    (home / "week" / "cat.png").write_bytes(CAT)
    assert with_paths({"image_url": "cat.png"}, home / "week") == {"image_url": home / "week" / "cat.png"}
    with pytest.raises(FileNotFoundError, match="but there is no such file"):
        with_paths({"image_url": "cat.png"}, home)


def test_a_batch_of_local_files_uploads_them_before_it_is_sent(cat: Path) -> None:
    path = cat.parent / "a.jsonl"
    path.write_text('{"image_url": "cat.png"}')
    refused = http(400, {"message": "no."})
    with storage() as (form, s3), serving(form, refused) as api, Client(api.url, KEY) as client:
        with pytest.raises(ApiError):
            client.create_batch(path, local_inputs=True)
        assert (len(s3.requests), REFERENCE.encode() in api.requests[-1]) == (1, True)
        with pytest.raises(ApiError):
            client.check_batch(path, local_inputs=True)
        assert len(s3.requests) == 1
        with pytest.raises(ApiError):
            client.create_batch(path)
        assert b"cat.png" in api.requests[-1]


@pytest.mark.parametrize("given", ["a.py", "cat", "notes.txt"])
def test_a_file_of_another_type_is_wrong_usage_and_sends_nothing(ask: Any, given: str) -> None:
    code, _, err = ask("create", "a", "--image", given, answers=[shown()])
    message = " ".join(err.replace("│", " ").split())
    assert (code, ask.sent) == (2, [])
    assert f"'{given}' is not an image file: its name must end in png, jpg," in message
    assert "mp4" not in message
