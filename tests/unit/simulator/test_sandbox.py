"""Test the sandbox's provider, which keeps no state. Its contract is tested with that of the simulator."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.simulator.clips import CONTENT_TYPES, Clip
from local.simulator.generations import Generation
from local.simulator.logs import Entry
from local.simulator.models import Refused, all_models
from sandbox import simulate_provider
from sandbox.directives import LINKS, MOST, directives_of
from sandbox.identity import LONGEST, LONGEST_FAULT, new_id, read_id
from sandbox.provider import WRONG_HOST, WRONG_HOST_SECONDS, receiver_of
from sandbox.renditions import rendition_of, renditions
from sandbox.simulate_provider import LARGEST_WEBHOOK, ToldToFail, handler
from sandbox.table import CALLS, FAILED, KEY, RECEIVED, REQUESTS
from tests.support.sandbox import BUCKET, TABLE, make_bucket, make_table
from tests.support.simulator_client import AUTHORIZED, NEW_FORM, Client
from tests.support.simulator_client import KEY as PROVIDER_KEY

if TYPE_CHECKING:
    from tests.support.simulator_client import Clock

SECRET = b"a secret"
OURS = {"X-Client-Request-Id": "job-1"}


def generation(prompt: str = "A kite", **changes: Any) -> Generation:
    return Generation("", Clip(prompt, "veo2", 5, **changes), 1_700_000_000.123, "job-1")


def test_an_id_contains_the_generation_with_its_directives_instead_of_its_prompt() -> None:
    given = generation("A kite [sandbox: fail, 20 s]", aspect_ratio="9:16")
    found = read_id(SECRET, new_id(SECRET, given))
    assert found is not None
    assert (found.created_at, found.clip) == (given.created_at, Clip("[sandbox: fail, 20 s]", "veo2", 5, "9:16"))
    assert found.id.endswith(":veo2")


def test_equal_requests_at_one_time_are_different_generations() -> None:
    assert new_id(SECRET, generation()) != new_id(SECRET, generation())


@pytest.mark.parametrize("position", [0, 5, -1])
def test_a_changed_id_is_unknown(position: int) -> None:
    genuine = new_id(SECRET, generation())
    changed = list(genuine)
    changed[position] = "A" if changed[position] != "A" else "B"
    assert read_id(SECRET, "".join(changed)) is None


def test_a_foreign_id_is_unknown() -> None:
    for foreign in ("", ".", ":", ".:", "nobody:veo2", "\u00e9.\u00e9:\u00e9", "a" * 10_000, "bnVsbA.x:veo2"):
        assert read_id(SECRET, foreign) is None
    assert read_id(SECRET, new_id(b"another", generation())) is None


def test_promptreel_accepts_the_longest_id() -> None:
    directives = ", ".join(["missing video"] * MOST)
    for model in all_models():
        clip = Clip(f"A kite [sandbox: {directives}]", model, 1000, "9" * 5000, "webm")
        longest = Generation("", clip, 9e9, "x" * 128, "x" * 2 * LONGEST_FAULT)
        assert len(new_id(SECRET, longest)) <= LONGEST, model


def test_an_unknown_directive_is_refused() -> None:
    for wrong in ("explode", "429", "429 sometimes", "200 once", "99999 s", "Fail", "x" * 9999, ""):
        with pytest.raises(Refused, match="has no directive"):
            directives_of(f"A kite [sandbox: fail, {wrong}]")


def test_a_prompt_has_a_few_directives_at_most() -> None:
    with pytest.raises(Refused, match="at most"):
        directives_of("[sandbox: fail]" * (MOST + 1))


def test_only_whole_directives_count() -> None:
    assert directives_of("[sandbox fail] sandbox: fail [sandbox: fail") == []
    assert directives_of("[sandbox:" * 20_000) == [], "in a time that grows with the length only"
    assert directives_of("[sandbox: fail] and [sandbox:20 s]") == ["fail", "20 s"]


@pytest.mark.parametrize(
    ("prompt", "after", "word"),
    [
        ("A kite", 6, "completed"),
        ("A kite [sandbox: fail]", 6, "error"),
        ("A kite [sandbox: never]", 999_999, "generating"),
        ("A kite [sandbox: 20 s]", 19, "generating"),
        ("A kite [sandbox: 20 s]", 20, "completed"),
        ("A kite [sandbox: 20 s, fail]", 20, "error"),
    ],
)
def test_the_prompt_says_how_and_when_a_generation_ends(
    sandbox_client: Client, clock: Clock, prompt: str, after: int, word: str
) -> None:
    generation_id = sandbox_client.create(prompt=prompt).json()["id"]
    clock.now += after
    found = sandbox_client.fetch(generation_id).json()
    assert found["status"] == word
    assert (found["error"] is not None) == (word == "error")


def test_an_unknown_directive_answers_400_and_is_not_logged(sandbox_client: Client) -> None:
    refused = sandbox_client.create(prompt="A kite [sandbox: explode]")
    assert (refused.status_code, sandbox_client.rows()) == (400, [])
    assert "Use fail, never" in refused.json()["message"]


@pytest.mark.parametrize(
    ("directive", "statuses"),
    [
        ("429 once", [429, 200, 200]),
        ("503 twice", [503, 503, 200]),
        ("400 always", [400, 400, 400]),
        ("lost", [504, 504, 504]),
    ],
)
def test_the_prompt_says_what_create_calls_answer(sandbox_client: Client, directive: str, statuses: list[int]) -> None:
    prompt = f"A kite [sandbox: {directive}]"
    answers = [sandbox_client.create(prompt=prompt, headers=OURS) for _ in statuses]
    assert [answer.status_code for answer in answers] == statuses
    assert [answer.headers.get("Retry-After") for answer in answers if answer.status_code in (429, 503)] == [
        "1" for status in statuses if status in (429, 503)
    ]
    accepted = len(statuses) if directive == "lost" else statuses.count(200)
    rows = sandbox_client.rows()
    assert [row["client_request_id"] for row in rows] == ["job-1"] * accepted
    assert {sandbox_client.fetch(row["inference_id"]).status_code for row in rows} <= {200}


def test_the_same_client_request_id_twice_makes_two_jobs_that_are_both_logged(sandbox_client: Client) -> None:
    """The provider does not promise to recognise it, so the sandbox does not either."""
    ids = {sandbox_client.create(headers=OURS).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert {row["inference_id"] for row in sandbox_client.rows()} == ids


def test_a_repeated_write_of_the_log_adds_no_row(aws: None, clock: Clock) -> None:  # noqa: ARG001 - sets up
    """The SDK repeats a write whose answer was lost."""
    table = make_table(clock)
    made = generation()
    entry = Entry(PROVIDER_KEY, Generation(new_id(table.secret, made), made.clip, made.created_at, "job-1"))
    table.add(entry)
    table.add(entry)
    assert len(list(table.between(0, 9e9))) == 1


def test_requests_of_a_replaced_key_are_left_out(sandbox_client: Client, clock: Clock) -> None:
    other = make_foreign_row(clock)
    mine = sandbox_client.create().json()["id"]
    assert [row["inference_id"] for row in sandbox_client.rows()] == [mine]
    assert sandbox_client.fetch(other).status_code == 404


def make_foreign_row(clock: Clock) -> str:
    """Add a row whose id was made with another key to the table, and return the id."""
    other = new_id(b"another key", generation())
    name = f"{int(clock.now * 1000):014} {other}"
    item = {KEY: {"S": REQUESTS}, "name": {"S": name}, "id": {"S": other}, "request_id": {"S": "r"}}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item=item)
    return other


def test_every_item_expires(sandbox_client: Client, clock: Clock) -> None:
    sandbox_client.create(prompt="A kite [sandbox: 429 once]")
    sandbox_client.create()
    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert {item[KEY]["S"] for item in items} == {CALLS, REQUESTS}
    assert all(float(item["expires_at"]["N"]) > clock.now for item in items)


def test_a_prompt_is_not_stored(sandbox_client: Client) -> None:
    sandbox_client.create(prompt="A secret kite")
    assert "secret kite" not in json.dumps(boto3.client("dynamodb").scan(TableName=TABLE)["Items"])


def test_a_link_serves_the_video_with_ranges(sandbox_client: Client) -> None:
    video = sandbox_client.finished(prompt="A kite [sandbox: 0 s]")["video"]
    assert len(sandbox_client.download(video["url"]).content) == video["file_size"]
    part = sandbox_client.download(video["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_the_host_of_the_link_is_wrong_only_for_a_while(sandbox_client: Client, clock: Clock) -> None:
    generation_id = sandbox_client.create(prompt="A kite [sandbox: wrong host]").json()["id"]
    clock.now += 6
    assert sandbox_client.fetch(generation_id).json()["video"]["url"] == WRONG_HOST
    clock.now += WRONG_HOST_SECONDS
    assert sandbox_client.download(sandbox_client.fetch(generation_id).json()["video"]["url"]).ok


@pytest.mark.parametrize("directive", LINKS[1:])
def test_a_video_can_be_missing_or_cut_off(sandbox_client: Client, directive: str) -> None:
    video = sandbox_client.finished(prompt=f"A kite [sandbox: 0 s, {directive}]")["video"]
    file = sandbox_client.download(video["url"])
    assert not file.ok or len(file.content) < video["file_size"]


def test_every_clip_has_a_rendition_of_its_format() -> None:
    for container in CONTENT_TYPES:
        for ratio in ("16:9", "9:16", "1:1", "auto", "x"):
            for seconds in (1, 5, 7, 60):
                key = rendition_of(Clip("", "veo2", seconds, ratio, container))
                assert key.endswith(f".{container}")
                assert key in renditions()


@pytest.fixture
def deployed(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - sets up
    """Set up the handler's environment, with `KEY` as the accepted key."""
    make_table()
    make_bucket()
    secret = boto3.client("secretsmanager").create_secret(Name="key", SecretString=PROVIDER_KEY)["ARN"]
    settings = {"KEY_SECRET": secret, "TABLE": TABLE, "BUCKET": BUCKET}
    for name, value in settings.items():
        monkeypatch.setenv(f"SANDBOX_{name}", value)
    monkeypatch.setenv("INPUT_HOSTS", "127.0.0.1")
    simulate_provider._client.cache_clear()
    simulate_provider._key.cache_clear()


def call(method: str, path: str, *, query: str = "", body: str = "", **headers: str) -> tuple[int, Any]:
    """Call the handler as API Gateway does, with the body in Base64 as it may be."""
    answer = handler(
        {
            "requestContext": {"http": {"method": method, "path": path}},
            "rawPath": path,
            "rawQueryString": query,
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": base64.b64encode(body.encode()).decode(),
            "isBase64Encoded": True,
        }
    )
    assert answer["headers"]["x-simulator"] == "no AI involved"
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.usefixtures("deployed")
def test_the_handler_answers_the_gateway() -> None:
    status, made = call("POST", NEW_FORM, body='{"model": "veo2", "prompt": "A kite"}', **AUTHORIZED)
    assert (status, made["status"]) == (200, "queued")
    status, found = call("GET", NEW_FORM, query=f"generation_id={made['id']}", **AUTHORIZED)
    assert (status, found["id"]) == (200, made["id"])
    assert call("GET", NEW_FORM, query="generation_id=nobody", **AUTHORIZED)[0] == 404
    assert call("GET", "/", **AUTHORIZED)[0] == 404
    assert call("POST", NEW_FORM, body="{}", Authorization="Bearer wrong")[0] == 401


@pytest.mark.usefixtures("deployed")
def test_webhooks_are_received_only_under_the_secret_name() -> None:
    name = receiver_of(PROVIDER_KEY)
    assert call("POST", f"/received/{name}", body='{"id": 1}') == (200, {})
    for method, path, body, status in [
        ("POST", "/received/", "x", 404),
        ("POST", f"/received/{name}x", "x", 404),
        ("POST", "/received/\u00e9", "x", 404),
        ("GET", f"/received/{name}", "", 404),
        ("POST", f"/received/{name}", "x" * (LARGEST_WEBHOOK + 1), 413),
    ]:
        assert call(method, path, body=body)[0] == status
    kept = [item["text"]["S"] for item in items() if item[KEY]["S"] == RECEIVED]
    assert kept == ['{"id": 1}']


@pytest.mark.usefixtures("deployed")
def test_an_invocation_without_a_request_is_counted_and_fails() -> None:
    with pytest.raises(ToldToFail):
        handler({"name": "a test"})
    assert [item[KEY]["S"] for item in items()] == [FAILED]


@pytest.mark.usefixtures("deployed")
def test_only_the_stacks_own_inputs_are_downloaded() -> None:
    """Otherwise whoever has a key could make the function call any address."""
    body = {"model": "veo2/image-to-video", "prompt": "A kite", "image_url": "http://127.0.0.1:1/a.png"}
    status, made = call("POST", NEW_FORM, body=json.dumps(body), **AUTHORIZED)
    assert status == 200
    _, found = call("GET", NEW_FORM, query=f"generation_id={made['id']}", **AUTHORIZED)
    assert found["status"] == "queued"
    elsewhere = json.dumps({**body, "image_url": "http://169.254.169.254/latest"})
    assert call("POST", NEW_FORM, body=elsewhere, **AUTHORIZED)[0] == 200


def items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    return found
