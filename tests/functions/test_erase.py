"""Test that an owner is erased completely, and that no other owner is touched."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from core.api.key_uses import KeyUses
from core.owners import own_folder
from promptreel.operator.erase import ERASED, Erasure, Waits
from tests.support.functions import PATHS, Cloud, Doors, call
from tests.support.owners import Everything, Later, announce_ends, contents, deployed, end_executions, everything
from wiring import now

SHARED = (  # items of the whole deployment, which contain no owner's name
    "money: scope/all",
    "money: price/",
    "money: reading/",
    "slots: times/",
    "slots: kinds/",
    "slots: hour/",
    "slots: lease/lease",
    "webhooks: sender host",
    "secret api-keys",
)


@pytest.fixture(autouse=True)
def versions(doors: Doors) -> None:  # noqa: ARG001 - creates the other bucket
    boto3.client("s3").put_bucket_versioning(Bucket="videos", VersioningConfiguration={"Status": "Enabled"})


def own(found: dict[str, Any]) -> dict[str, Any]:
    """Return the contents that do not belong to the whole deployment."""
    return {name: value for name, value in found.items() if not name.startswith(SHARED)}


def passes(cloud: Cloud, erasure: Erasure, later: Later) -> int:
    """Make passes until the owner is erased, with the ends of jobs between them, and return their number."""
    for number in range(1, 12):
        waits: Waits = erasure.go_on()
        if not waits.reasons:
            return number
        end_executions(cloud)
        announce_ends(cloud)
        later.ahead += timedelta(minutes=17)
    raise AssertionError(waits.reasons)


@pytest.mark.parametrize(("owner", "other"), [("mila", "mila b"), ("mila b", "mila"), ("mi/la ?", "bob")])
def test_nothing_of_an_owner_remains_but_what_the_page_lists(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, owner: str, other: str
) -> None:
    cloud, later = doors.cloud, Later()
    everything(doors, other, "walrus")
    end_executions(cloud)
    announce_ends(cloud)
    before = contents()
    had = everything(doors, owner, "heron")
    KeyUses(boto3.client("dynamodb"), "money", now).note(had.key_id)
    assert sum("heron" in str(value) for value in contents().values()) > 20, "the owner has something everywhere"

    assert passes(cloud, Erasure(deployed(cloud, monkeypatch), owner, later), later) > 1

    after = contents()
    assert [name for name, value in own(after).items() if "heron" in f"{name} {value}"] == []
    for name in {owner, own_folder(owner).split("/")[1]} if other == "bob" else ():
        assert [place for place, value in after.items() if name in f"{place} {value}"] == []
    # Markers of POSTs contain only ids and times, and expire within a day.
    new = {one for one in own(after).keys() - own(before).keys() if not one.startswith("generations: repeats-")}
    tombstones = {f"generations: {one}" for one in ids(had)}
    assert new - tombstones == {f"money: usage/{now():%Y-%m-%d}/%28erased%29"}
    assert tombstones <= new
    assert {name: value for name, value in own(before).items() if after.get(name) != value} == {}, (
        "others are untouched"
    )
    for one in tombstones:
        assert after[one]["owner"]["S"] == ERASED
        assert after[one].keys() <= REMAINING


REMAINING = {
    "generation_id",
    "owner",
    "provider_id",
    "sending_since",
    "submission",
    "attempt",
    "submitted_at",
    "generated_at",
    "credits_used",
    "done_on",
    "deleted_at",
    "expires_at",
    "watch",
    "watch_at",
    "last_write",
}


def ids(had: Everything) -> list[str]:
    return [had.completed, had.linked, had.failed, had.deleted, had.running, had.waiting, had.row]


def test_the_amounts_of_an_erased_owner_stay_in_the_sums_of_the_deployment(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, later = doors.cloud, Later()
    everything(doors, "mila", "heron")
    name = f"money: usage/{now():%Y-%m-%d}"
    had = contents()
    passes(cloud, Erasure(deployed(cloud, monkeypatch), "mila", later), later)
    sums, erased = had[f"{name}/mila"], contents()[f"{name}/%28erased%29"]
    assert {key: sums[key] for key in ("credits", "completed")} == {
        key: erased[key] for key in ("credits", "completed")
    }
    everything(doors, "bert", "heron")
    passes(cloud, Erasure(deployed(cloud, monkeypatch), "bert", later), later)
    assert int(contents()[f"{name}/%28erased%29"]["completed"]["N"]) == 2 * int(erased["completed"]["N"])


def test_a_second_erasure_changes_nothing(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, later = doors.cloud, Later()
    everything(doors, "mila", "heron")
    erasure = Erasure(deployed(cloud, monkeypatch), "mila", later)
    passes(cloud, erasure, later)
    before = contents()
    assert passes(cloud, erasure, later) == 1
    assert contents() == before


def test_keys_end_before_anything_else_happens(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that a key could still make would create a record after the erasure."""
    cloud, later = doors.cloud, Later()
    found = deployed(cloud, monkeypatch)
    from promptreel.operator.keys import ApiKeys  # noqa: PLC0415 - next to its use

    keys = ApiKeys(boto3.client("secretsmanager"), cloud.environment["API_KEYS_SECRET"])
    key, _ = keys.create("mila")
    keys.create("bob")
    erasure = Erasure(found, "mila", later)
    assert list(erasure.go_on().reasons) == ["revoked API keys still work"]
    answer = cloud.invoke("authorize", {"headers": {"authorization": f"Bearer {key}"}})
    assert answer["context"] == {"owner": ""}
    late = call(cloud.caller("mila"), "POST", PATHS[0], body={"model": "veo2", "prompt": "late"})[1]["id"]
    passes(cloud, erasure, later)
    assert contents()[f"generations: {late}"]["owner"]["S"] == ERASED
    assert [one.owner for one in keys.list()] == ["bob"]


def test_a_job_at_the_provider_is_still_known_there(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slot is used until the provider has ended it, and its charge needs the provider's id."""
    cloud, later = doors.cloud, Later()
    made = call(cloud.caller("mila"), "POST", PATHS[0], body={"model": "veo2", "prompt": "slow"})[1]["id"]
    cloud.simulator.script("slow", seconds=600)
    cloud.run({"generation_id": made}, "admit", "submit")
    passes(cloud, Erasure(deployed(cloud, monkeypatch), "mila", later), later)
    left = contents()
    assert left[f"generations: {made}"]["provider_id"]["S"]
    assert [value["owner"]["S"] for name, value in left.items() if name.startswith("slots: slot/")] == [ERASED]
    assert cloud.holders == [made]


def test_a_video_that_is_being_archived_is_not_left_behind(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finalize may store a video up to a quarter of an hour after the cancel."""
    cloud, later = doors.cloud, Later()
    made = call(cloud.caller("mila"), "POST", PATHS[0], body={"model": "veo2", "prompt": "late"})[1]["id"]
    cloud.run({"generation_id": made}, "admit", "submit", "check_status")
    erasure = Erasure(deployed(cloud, monkeypatch), "mila", later)
    erasure.go_on()
    announce_ends(cloud)
    later.ahead += timedelta(minutes=10)
    waits = erasure.go_on()
    assert list(waits.reasons) == ["functions may still write files of jobs that have just ended"]
    for name in ("video.mp4", "generation.json"):
        boto3.client("s3").put_object(Bucket="videos", Key=f"videos/{made}/{name}", Body=b"late")
    passes(cloud, erasure, later)
    assert [name for name in contents() if name.startswith("videos: videos/")] == []


WRITES = {"put_item", "update_item", "delete_item", "transact_write_items", "delete_objects", "put_secret_value"}


class Killed(BaseException):
    """The end of the operator's process."""


class Mortal:
    """A client that kills the process after each of its writes, once."""

    def __init__(self, client: Any, killed: set[str]) -> None:
        self._client, self._killed = client, killed

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        if name not in WRITES:
            return call

        def written(**arguments: Any) -> Any:
            answer = call(**arguments)
            item = arguments.get("Item", {}).get("generation_id")
            which = [arguments.get(one) for one in ("TableName", "Key", "Delete", "SecretId")]
            where = str([name, which, item])
            if where not in self._killed:
                self._killed.add(where)
                raise Killed(where)
            return answer

        return written


def test_an_operator_who_dies_after_any_write_can_go_on(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, later, killed = doors.cloud, Later(), set[str]()
    before = contents()
    had = everything(doors, "mila", "heron")
    erasure = Erasure(
        deployed(cloud, monkeypatch, lambda service, **_: Mortal(boto3.client(service), killed)), "mila", later
    )
    for _ in range(500):
        try:
            if not erasure.go_on().reasons:
                break
        except Killed:
            pass
        end_executions(cloud)
        announce_ends(cloud)
        later.ahead += timedelta(minutes=17)
    assert len(killed) > 30
    new = own(contents()).keys() - own(before).keys()
    new = {one for one in new if not one.startswith("generations: repeats-")}
    # Running jobs end during the erasure, which may be on the next day.
    days = {f"money: usage/{now() + ahead:%Y-%m-%d}/%28erased%29" for ahead in (timedelta(0), later.ahead)}
    assert {f"generations: {one}" for one in ids(had)} <= new <= {*days, *(f"generations: {one}" for one in ids(had))}
    sums = [contents()[one] for one in new & days]
    assert sum(int(one.get("completed", {"N": "0"})["N"]) for one in sums) == 4
