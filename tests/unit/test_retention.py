"""Test the rules that say how long videos are kept: which one applies, when a video expires, and how S3 knows."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from core.archive.retention import DEFAULT, LATER_DAYS, OBJECT_TAG, Retention, Rule
from infra.config import Stage, UnknownStage
from tests.support.generations import START, archived, generation

DRAFTS = Retention.of(["project=drafts: 30 days", "final: keep GLACIER_IR", ": 365 days STANDARD_IA"])


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ([], DEFAULT),
        (None, DEFAULT),
        (["project=drafts"], "project=drafts"),
        (["project=drafts2"], DEFAULT),
        (["project"], DEFAULT),
        (["final=yes"], "final"),
        (["final", "project=drafts"], "project=drafts"),
        (["default"], DEFAULT),
    ],
)
def test_the_first_rule_that_fits_the_tags_applies(tags: list[str] | None, name: str) -> None:
    assert DRAFTS.rule_of(generation(tags=tags)).name == name


def test_a_recorded_rule_stays_when_the_tags_change() -> None:
    assert DRAFTS.rule_of(generation(tags=["final"], video_rule="project=drafts")).name == "project=drafts"


def test_a_video_expires_after_the_days_of_its_rule_in_the_present_settings() -> None:
    done = generation(status="completed", video=archived("g1"), ended_at=START, video_rule="project=drafts")
    assert DRAFTS.expires_at(done) == START + timedelta(days=30)
    assert Retention.of(["project=drafts: 7 days", ": keep"]).expires_at(done) == START + timedelta(days=7)
    for kept in (Retention(), Retention.of(["project=drafts: keep", ": 1 day"]), Retention.of([": 1 day"])):
        assert kept.expires_at(done) is None, "no lifecycle rule deletes it"
    for without in (replace(done, video_rule=None), replace(done, video=None), replace(done, ended_at=None)):
        assert DRAFTS.expires_at(without) is None


def test_an_expired_video_is_not_shown_and_the_reason_is() -> None:
    done = generation(status="completed", video=archived("g1"), ended_at=START, video_rule="project=drafts")
    end = START + timedelta(days=30)
    assert DRAFTS.seen(done, end - timedelta(milliseconds=1)) == done
    seen = DRAFTS.seen(done, end)
    assert seen.video is None
    assert str(seen.error) == "VideoExpired: The video expired at 2026-01-31T12:00:00.000Z and was deleted."
    assert replace(seen, video=done.video, error=None) == done


@pytest.mark.parametrize("tag", ["", "project=sea & sky", "é=日本", "a:b/c", "plus+at@x"])
def test_the_objects_tag_is_permitted_by_s3(tag: str) -> None:
    if "&" in tag:
        with pytest.raises(ValueError, match="is not a rule"):
            Rule.of(f"{tag}: keep")
        return
    options = Rule.of(f"{tag}: 100 days GLACIER_IR").options
    assert parse_qs(options["Tagging"], strict_parsing=True) == {OBJECT_TAG: [tag or DEFAULT]}
    assert options["StorageClass"] == "GLACIER_IR"
    assert "StorageClass" not in Rule.of(f"{tag}: keep").options


@pytest.mark.parametrize(
    "rule",
    [
        "drafts",
        "drafts: 0 days",
        "drafts: 30",
        "drafts: -1 days",
        "drafts: 30 days GLACIER",
        "drafts: 29 days STANDARD_IA",
        "drafts: 89 days GLACIER_IR",
        "default: keep",
        "a;b: 1 day",
        "a=b,c: keep",
        pytest.param("x" * 151 + ": keep", id="long"),
        pytest.param("a\x00: keep", id="control"),
    ],
)
def test_a_wrong_rule_stops_the_deployment(rule: str) -> None:
    with pytest.raises(UnknownStage, match="The stage dev"):
        Stage(name="dev", video_rules=(rule,))


def test_two_rules_for_a_tag_and_a_wrong_default_stop_the_deployment() -> None:
    with pytest.raises(UnknownStage, match="two rules"):
        Stage(name="dev", video_rules=("a: keep", "a: 1 day"))
    for wrong in ({"video_days": 0}, {"video_days": 10, "video_storage": "STANDARD_IA"}):
        with pytest.raises(UnknownStage, match="The stage dev"):
            Stage(name="dev", **wrong)


def test_the_environment_has_the_rules_of_the_stage() -> None:
    stage = Stage(name="dev", video_days=90, video_storage="GLACIER_IR", video_rules=("a=b: 1 day", "c: keep"))
    assert stage.retention == Retention((Rule("a=b", 1), Rule("c"), Rule("", 90, "GLACIER_IR"))), (
        "the last one is for all others"
    )
    assert LATER_DAYS >= 2, "S3 counts from the beginning of an upload"
