"""Test that a video is stored with its rule, and that nothing leads to a video that has expired."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

import wiring
from core.archive.retention import OBJECT_TAG
from core.errors import GenerationEnded, InputUnavailable
from core.generation import Failure, iso
from core.records.ledger import Ledger
from core.records.table import write
from core.workflow import Run
from tests.support.functions import PATHS, Cloud, Doors, ask, call
from tests.support.generations import generation
from tests.support.inputs import EXTEND
from tests.support.revisions import Week

Make = Callable[..., str]


@pytest.fixture
def make(cloud: Cloud) -> Make:
    """Return a function that makes a video of ann's, perhaps one that ended earlier."""

    def made(tag: str = "", *, days: float = 0, model: str = "veo2") -> str:
        body = {"model": model, "prompt": "a boat"}
        status, one = call(cloud, "POST", PATHS[0], body=body, query=f"tag={tag}" if tag else "")
        assert status == 200, one
        cloud.run({"generation_id": one["id"]}, "admit", "submit", "check_status", "finalize")
        if days:
            boto3.client("dynamodb").update_item(
                TableName="generations",
                Key=write({"generation_id": one["id"]}),
                UpdateExpression="SET ended_at = :at",
                ExpressionAttributeValues=write({":at": iso(wiring.now() - timedelta(days=days))}),
            )
        return str(one["id"])

    return made


def get(cloud: Cloud, generation_id: str) -> dict[str, Any]:
    return call(cloud, "GET", PATHS[0], query=f"generation_id={generation_id}")[1]


def tag_of(generation_id: str) -> str:
    (tag,) = boto3.client("s3").get_object_tagging(Bucket="videos", Key=f"videos/{generation_id}/video.mp4")["TagSet"]
    assert tag["Key"] == OBJECT_TAG
    return tag["Value"]


def test_a_video_is_stored_with_the_rule_of_its_tags(cloud: Cloud, make: Make) -> None:
    assert tag_of(make("project=drafts")) == "project=drafts"
    hostile = make("x=%26promptreel-retention%3Dproject%3Ddrafts")
    assert tag_of(hostile) == "default"
    assert cloud.ledger.get(hostile).video_rule == "default"
    record = f"videos/{hostile}/generation.json"
    assert boto3.client("s3").get_object_tagging(Bucket="videos", Key=record)["TagSet"] == [], "the record stays"
    assert (
        json.loads(boto3.client("s3").get_object(Bucket="videos", Key=record)["Body"].read())["video_rule"] == "default"
    )


def test_the_rule_is_recorded_before_the_video_is_stored(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags may change while the archiving is interrupted."""
    one = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"}, query="tag=project=drafts")[1]["id"]
    cloud.run({"generation_id": one}, "admit", "submit", "check_status")
    with monkeypatch.context() as dying:
        dying.setattr("core.archive.store.Archive.store", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cloud.run({"generation_id": one}, "finalize")
    cloud.ledger.table.update(one, {"tags": ["final"]})
    cloud.run({"generation_id": one}, "finalize")
    assert tag_of(one) == cloud.ledger.get(one).video_rule == "project=drafts"


def test_two_invocations_that_read_other_tags_store_the_video_with_the_recorded_rule(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other invocation reads the tags after a change, and records its rule first."""
    one = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"}, query="tag=project=drafts")[1]["id"]
    cloud.run({"generation_id": one}, "admit", "submit", "check_status")
    keep_rule = Ledger.keep_rule

    def overtaken(ledger: Ledger, run: Run, rule: str) -> str:
        keep_rule(ledger, run, "default")
        return keep_rule(ledger, run, rule)

    monkeypatch.setattr(Ledger, "keep_rule", overtaken)
    cloud.run({"generation_id": one}, "finalize")
    assert tag_of(one) == cloud.ledger.get(one).video_rule == "default"


def test_a_rule_is_not_recorded_for_a_generation_that_has_ended(cloud: Cloud) -> None:
    run = cloud.ledger.add(generation("1" * 32, status="archiving"))[0].run
    cloud.ledger.fail(run, Failure("Cancelled", "no"))
    with pytest.raises(GenerationEnded):
        cloud.ledger.keep_rule(run, "default")
    assert cloud.ledger.get("1" * 32).video_rule is None


def test_changed_tags_do_not_change_when_a_video_expires(cloud: Cloud, make: Make) -> None:
    draft, other = make("project=drafts"), make("project=films")
    expires_at = get(cloud, draft)["meta"]["video_expires_at"]
    for one, change in ((draft, {"remove": ["project"]}), (other, {"add": ["project=drafts"]})):
        status, shown = call(cloud, "PATCH", PATHS[0], body=change, query=f"generation_id={one}")
        assert (status, shown["meta"]["video_expires_at"]) == (200, get(cloud, one)["meta"]["video_expires_at"])
    assert get(cloud, draft)["meta"]["video_expires_at"] == expires_at
    assert get(cloud, other)["meta"]["video_expires_at"] is None
    assert (tag_of(draft), tag_of(other)) == ("project=drafts", "default")


def test_until_a_video_is_archived_changed_tags_decide_how_long_it_is_kept(cloud: Cloud) -> None:
    one = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"}, query="tag=project=drafts")[1]["id"]
    assert call(cloud, "PATCH", PATHS[0], body={"remove": ["project"]}, query=f"generation_id={one}")[0] == 200
    cloud.run({"generation_id": one}, "admit", "submit", "check_status", "finalize")
    assert tag_of(one) == cloud.ledger.get(one).video_rule == "default"


def test_a_large_video_is_stored_with_its_rule_and_class(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_RULES", ": keep GLACIER_IR")
    monkeypatch.setattr("core.archive.store.Archive.__init__.__defaults__", (1 << 10, 8))
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    one = call(cloud, "POST", PATHS[0], body={"model": "veo2", "prompt": "a boat"})[1]["id"]
    cloud.run({"generation_id": one}, "admit", "submit", "check_status", "finalize")
    assert tag_of(one) == "default"
    head = boto3.client("s3").head_object(Bucket="videos", Key=f"videos/{one}/video.mp4")
    assert head["StorageClass"] == "GLACIER_IR"


def test_the_api_says_when_a_video_expires(cloud: Cloud, make: Make) -> None:
    assert get(cloud, make())["meta"]["video_expires_at"] is None
    kept = get(cloud, make("project=drafts"))
    ended = cloud.ledger.get(kept["id"]).ended_at
    assert ended
    assert kept["meta"]["video_expires_at"] == iso(ended + timedelta(days=30))
    assert kept["video"]["url"]


def test_nothing_leads_to_an_expired_video(cloud: Cloud, make: Make) -> None:
    old = make("project=drafts", days=29.99)
    link = call(cloud, "POST", f"{PATHS[0]}/{old}/links")[1]
    later = make("project=drafts", days=30.01)
    cloud.ledger.table.update(old, {"ended_at": iso(wiring.now() - timedelta(days=30.01))})
    for one in (old, later):
        (listed,) = [shown for shown in call(cloud, "GET", PATHS[0])[1]["data"] if shown["id"] == one]
        for shown in (get(cloud, one), get(cloud, one[:12]), listed):
            assert (shown["status"], shown["video"], shown["error"]["name"]) == ("completed", None, "VideoExpired")
            assert "expired at" in shown["error"]["message"]
        status, answer = call(cloud, "GET", f"{PATHS[0]}/{one}/content")
        assert (status, "expired at" in answer["message"]) == (410, True)
        assert call(cloud, "POST", f"{PATHS[0]}/{one}/links")[0] == 409
    path = "/" + link["url"].split("/", 3)[3]
    assert ask(cloud, "GET", path, owner=None)["statusCode"] == 404


def test_an_expired_video_cannot_be_an_input(cloud: Cloud, make: Make) -> None:
    old = make("project=drafts", days=31)
    body = {"model": EXTEND, "prompt": "on", "video_url": f"generation:{old}"}
    status, answer = call(cloud, "POST", PATHS[0], body=body)
    assert (status, "expired at" in answer["message"]) == (400, True)
    young = make("project=drafts")
    made = call(cloud, "POST", PATHS[0], body={**body, "video_url": f"generation:{young}"})
    assert made[0] == 200, made
    cloud.run({"generation_id": made[1]["id"]}, "admit")
    cloud.ledger.table.update(young, {"ended_at": iso(wiring.now() - timedelta(days=31))})
    with pytest.raises(InputUnavailable, match="expired at"):
        cloud.run({"generation_id": made[1]["id"]}, "submit")
    assert cloud.ledger.get(made[1]["id"]).submission is None, "nothing was sent"


def test_an_expired_generation_can_be_deleted(cloud: Cloud, make: Make) -> None:
    old = make("project=drafts", days=31)
    assert call(cloud, "DELETE", PATHS[0], query=f"generation_id={old}")[1]["deleted"] is True


def test_a_video_from_before_the_rules_is_kept(cloud: Cloud, make: Make) -> None:
    """S3 has no tag of it, so no lifecycle rule deletes it."""
    old = make("project=drafts", days=31)
    cloud.ledger.table.update(old, {}, remove=("video_rule",))
    assert get(cloud, old)["video"]["url"]
    assert generation().video_rule is None


def test_a_report_says_that_a_video_has_expired(doors: Doors) -> None:
    cloud, week = doors.cloud, Week(doors)
    batch = week.drop("a boat", key="owners/ann/old.jsonl", tags=["project=drafts"])
    (row,) = week.accept(batch)
    cloud.run({"generation_id": row["generation_id"]}, "admit", "submit", "check_status", "finalize")
    path = f"/v2/batches/{batch['batch_id']}/report"
    (shown,) = call(cloud, "GET", path)[1]["data"]
    assert (shown["s3_uri"].startswith("s3://videos/"), shown["error"]) == (True, None)
    cloud.ledger.table.update(row["generation_id"], {"ended_at": iso(wiring.now() - timedelta(days=31))})
    (shown,) = call(cloud, "GET", path)[1]["data"]
    assert (shown["status"], shown["s3_uri"], shown["error"][:12]) == ("completed", None, "VideoExpired")
