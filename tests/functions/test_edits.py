"""Test changes of name and tags over HTTP: who may make them, what they change, and what they must not change."""

from collections.abc import Callable
from typing import Any

import pytest

from core.generation import BatchRow, Generation, Label
from core.records.ledger import Ledger
from tests.support.functions import PATHS, Cloud, call
from tests.support.generations import generation

BODY = {"model": "veo2", "prompt": "a boat"}
JSON_OF_A_CHANGE = "The body must be a JSON object with `add`, `remove` or `name`"


def make(cloud: Cloud, *tags: str, key_id: str = "k1") -> str:
    query = "&".join(f"tag={tag.replace('=', '%3D')}" for tag in tags)
    status, made = call(cloud.caller(key_id=key_id), "POST", PATHS[0], body=BODY, query=query)
    assert status == 200, made
    return str(made["id"])


def edit(cloud: Cloud, which: str, body: object, owner: str = "ann", key_id: str = "k1") -> tuple[int, dict[str, Any]]:
    caller = cloud.caller(owner, key_id=key_id)
    return call(caller, "PATCH", PATHS[0], body=body, query=f"generation_id={which}")


def edited(cloud: Cloud, which: str, **body: object) -> list[str]:
    status, shown = edit(cloud, which, body)
    assert status == 200, shown
    tags: list[str] = shown["meta"]["tags"]
    assert tags == call(cloud, "GET", PATHS[0], query=f"generation_id={which}")[1]["meta"]["tags"]
    return tags


def tagged(cloud: Cloud, tag: str) -> list[str]:
    return [one["id"] for one in call(cloud, "GET", PATHS[0], query=f"tag={tag}")[1]["data"]]


def test_tags_and_name_change_while_a_job_runs_and_after_it_ended(cloud: Cloud) -> None:
    one = make(cloud, "draft", "project=sea")
    assert edited(cloud, one, add=["favourite"], remove=["draft"]) == ["project=sea", "favourite"]
    cloud.run({"generation_id": one}, "admit", "submit", "check_status", "finalize")
    before = call(cloud, "GET", PATHS[0], query=f"generation_id={one}")[1]
    status, after = edit(cloud, one, {"name": "  The  boat ", "add": " best , favourite"})
    assert (status, after["meta"]["name"]) == (200, "The boat")
    assert after["meta"]["tags"] == ["project=sea", "favourite", "best"]
    assert after["video"]["url"], "the answer is the generation, as a fetch returns it"
    unlabelled: dict[str, Any] = {"name": None, "tags": []}
    assert {**after["meta"], **unlabelled} == {**before["meta"], **unlabelled}
    assert (tagged(cloud, "best"), tagged(cloud, "draft")) == ([one], [])
    assert edit(cloud, one, {"name": ""})[1]["meta"]["name"] is None
    assert edited(cloud, one, remove=["best", "favourite", "project=sea"]) == []
    assert tagged(cloud, "project") == []


def test_an_added_tag_replaces_the_one_with_its_key(cloud: Cloud) -> None:
    one = make(cloud, "project=sea", "draft")
    assert edited(cloud, one, add=["project=lake"]) == ["project=lake", "draft"]
    assert edited(cloud, one, remove=["project=sea"]) == ["project=lake", "draft"], "it has another value by now"
    assert edited(cloud, one, remove=["project"]) == ["draft"], "a key without a value matches every value"
    assert edited(cloud, one, remove=["draft"], add=["draft=2"]) == ["draft=2"]


def test_the_same_change_again_changes_nothing(cloud: Cloud) -> None:
    one = make(cloud, "draft")
    body = {"add": ["best"], "remove": ["draft"], "name": "boat"}
    first = edit(cloud, one, body)
    item = cloud.ledger.table.get(one)
    assert edit(cloud, one, body) == first
    assert cloud.ledger.table.get(one) == item, "nothing was written"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"add": [f"t{number}" for number in range(20)]}, "at most 20 tags, and this one", id="too many"),
        pytest.param({"add": [f"t{number}" for number in range(21)]}, "`add` must be at most", id="more than allowed"),
        ({"add": ["a=1", "a=2"]}, "`add` has two tags with the key `a`"),
        ({"add": ["=x"]}, "`add` must be"),
        ({"add": [1]}, "`add` must be"),
        ({"remove": "x" * 51}, "`remove` must be"),
        ({"remove": {"draft": True}}, "`remove` must be"),
        ({"add": ["\ud800"]}, "`add` must be"),
        ({"name": 7}, "`name` must be"),
        ({"name": "x" * 201}, "`name` must be"),
        ({"tags": ["best"]}, JSON_OF_A_CHANGE),
        ({"add": ["best"], "owner": "bob"}, JSON_OF_A_CHANGE),
        ({}, JSON_OF_A_CHANGE),
        ([], JSON_OF_A_CHANGE),
        (None, "JSON"),
    ],
)
def test_an_invalid_change_says_what_is_wrong_and_changes_nothing(cloud: Cloud, body: object, said: str) -> None:
    one = make(cloud, "draft")
    item = cloud.ledger.table.get(one)
    status, error = edit(cloud, one, body)
    assert (status, said in error["message"]) == (400, True), error
    assert cloud.ledger.table.get(one) == item


def test_a_generation_with_too_many_tags_can_lose_some(cloud: Cloud) -> None:
    one = generation("1" * 32, tags=[f"t{number}" for number in range(25)])
    cloud.ledger.add(one)
    assert len(edited(cloud, one.generation_id, remove=["t0"])) == 24


def test_only_the_owner_can_change_a_generation(cloud: Cloud) -> None:
    one = make(cloud, "draft")
    item = cloud.ledger.table.get(one)
    unknown = edit(cloud, "f" * 32, {"add": ["x"]}, "bob")
    for which in (one, one[:12]):
        status, error = edit(cloud, which, {"add": ["mine"], "name": "mine"}, "bob")
        assert (status, error["message"].replace(which, "f" * 32)) == (404, unknown[1]["message"])
    assert cloud.ledger.table.get(one) == item
    for scope, answer in (("read", 401), ("create", 200)):
        caller, query = cloud.caller(scope=scope), f"generation_id={one}"
        assert call(caller, "PATCH", PATHS[0], body={"add": ["x"]}, query=query)[0] == answer
    assert call(cloud, "PATCH", PATHS[0], body={"add": ["x"]})[0] == 400, "which generation?"
    assert edited(cloud, one[:12], add=["y"]) == ["draft", "x", "y"]


def test_a_deleted_generation_cannot_be_changed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make(cloud), make(cloud)
    cloud.delete(one)
    assert edit(cloud, one, {"add": ["x"]})[0] == 404
    interrupted(monkeypatch, lambda: cloud.delete(other))
    assert edit(cloud, other, {"add": ["x"]})[0] == 404
    for which in (one, other):
        item = cloud.ledger.table.get(which)
        assert item
        assert not {"tags", "name", "sent_tags"} & item.keys()


def interrupted(monkeypatch: pytest.MonkeyPatch, *others: Callable[[], object]) -> None:
    """Let each of these happen after another change has read the generation, and before it writes."""
    relabel, left = Ledger.relabel, list(others)

    def relabelled(ledger: Ledger, generation: Generation, name: str | None, tags: list[str]) -> bool:
        if left:
            left.pop(0)()
        return relabel(ledger, generation, name, tags)

    monkeypatch.setattr(Ledger, "relabel", relabelled)


def test_ten_changes_at_once_lose_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change but the last is overtaken by the next one, after it has read and before it writes."""
    one = make(cloud, "draft", "old")
    changes: list[dict[str, Any]] = [{"add": [f"t{number}"]} for number in range(8)]
    changes += [{"remove": ["draft"], "name": "boat"}, {"add": ["t8"], "remove": ["old"]}]
    answers: list[int] = []
    interrupted(monkeypatch, *(lambda body=body: answers.append(edit(cloud, one, body)[0]) for body in changes[1:]))
    answers.append(edit(cloud, one, changes[0])[0])
    assert answers == [200] * 10
    found = cloud.ledger.get(one)
    assert (sorted(found.tags or []), found.name) == ([f"t{number}" for number in range(9)], "boat")
    assert found.sent_tags == ["draft", "old"]


def test_a_change_that_is_always_overtaken_asks_for_another_attempt(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make(cloud)
    monkeypatch.setattr(Ledger, "relabel", lambda *_: False)
    assert edit(cloud, one, {"add": ["x"]})[0] == 503


def test_usage_keeps_the_tags_of_when_it_was_counted(cloud: Cloud) -> None:
    one = make(cloud, "draft")
    edited(cloud, one, add=["project=sea"])
    cloud.run({"generation_id": one}, "admit", "submit", "check_status", "finalize")
    usage, budgets = call(cloud, "GET", "/v2/usage", query="by=tag"), call(cloud, "GET", "/v2/budgets")
    assert [line["tag"] for line in usage[1]["data"]] == ["draft", "project=sea"]
    hold = cloud.ledger.get(one).hold
    edited(cloud, one, remove=["draft", "project"], add=["later"])
    assert call(cloud, "GET", "/v2/usage", query="by=tag") == usage
    assert call(cloud, "GET", "/v2/budgets") == budgets
    assert cloud.ledger.get(one).hold == hold
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={one}")[1]["deleted"] is True
    assert call(cloud, "GET", "/v2/usage", query="by=tag") == usage


def sent(cloud: Cloud, retries: int) -> str:
    """Send the same request without an idempotency key, as an SDK's call with this number of retries."""
    headers = {"x-stainless-retry-count": str(retries)}
    answer = call(cloud.caller(key_id="k1"), "POST", PATHS[0], body=BODY, query="tag=draft", **headers)
    return str(answer[1]["id"])


def test_a_retry_finds_its_generation_by_the_tags_that_were_sent(cloud: Cloud) -> None:
    one = sent(cloud, 0)
    assert edit(cloud, one, {"remove": ["draft"]}, key_id="k2")[0] == 200
    assert sent(cloud, 1) == one


def test_a_caller_that_knows_an_edited_generation_gets_no_retry_of_it(cloud: Cloud) -> None:
    """The retry of another call, whose first POST was lost, must not become the known generation."""
    one = sent(cloud, 0)
    assert edit(cloud, one, {"remove": ["draft"]}, key_id="k2")[0] == 200
    assert call(cloud.caller(key_id="k1"), "GET", PATHS[0], query=f"generation_id={one}")[0] == 200
    assert sent(cloud, 1) != one


@pytest.mark.parametrize("is_edited", [True, False])
def test_a_later_revision_of_a_file_keeps_what_the_owner_has_edited(cloud: Cloud, is_edited: bool) -> None:
    one = generation("1" * 32, name="row", tags=["file"], batch_id="b" * 32, row_number=1, revision=1)
    cloud.ledger.add(one)
    if is_edited:
        edited(cloud, one.generation_id, add=["favourite"])
    # Read before the change, as a row that is accepted at the same time.
    cloud.ledger.found_in(one, BatchRow("b" * 32, 3, 2), Label("second", ("file=2",)))
    found = cloud.ledger.get(one.generation_id)
    assert (found.revision, found.row_number) == (2, 3)
    assert (found.name, found.tags) == (("row", ["file", "favourite"]) if is_edited else ("second", ["file=2"]))
    cloud.ledger.found_in(one, BatchRow("b" * 32, 1, 1), Label("late"))
    assert cloud.ledger.get(one.generation_id) == found, "an earlier revision changes nothing"


def test_a_change_that_meets_a_later_revision_is_made_after_it(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    one = generation("1" * 32, name="row", tags=["file"], batch_id="b" * 32, row_number=1, revision=1)
    cloud.ledger.add(one)
    later = Label("second", ("file=2",))
    interrupted(monkeypatch, lambda: cloud.ledger.found_in(one, BatchRow("b" * 32, 1, 2), later))
    assert edited(cloud, one.generation_id, add=["favourite"]) == ["file=2", "favourite"]
    assert cloud.ledger.get(one.generation_id).name == "second"
