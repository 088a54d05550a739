"""Test that a lifecycle rule deletes the videos of each rule, and nothing else."""

from dataclasses import replace
from typing import Any

from aws_cdk.assertions import Template

from core.archive.retention import LATER_DAYS, OBJECT_TAG
from infra.config import Stage, stage_named
from tests.support.templates import new_stack, readable


def rules_of(stage: Stage) -> list[dict[str, Any]]:
    """Return the lifecycle rules that have a tag."""
    buckets = Template.from_stack(new_stack(stage)).find_resources("AWS::S3::Bucket")
    (videos,) = [one for name, one in buckets.items() if readable({"Ref": name}) == "StorageVideos"]
    rules = videos["Properties"]["LifecycleConfiguration"]["Rules"]
    return [rule for rule in rules if "TagFilters" in rule]


def test_each_rule_with_days_becomes_a_lifecycle_rule_of_its_tag() -> None:
    stage = replace(
        stage_named("dev"), video_days=365, video_rules=("project=drafts: 30 days", "final: keep GLACIER_IR")
    )
    assert [
        (rule["Prefix"], rule["TagFilters"], rule["ExpirationInDays"], rule["Status"]) for rule in rules_of(stage)
    ] == [
        ("videos/", [{"Key": OBJECT_TAG, "Value": "project=drafts"}], 30 + LATER_DAYS, "Enabled"),
        ("videos/", [{"Key": OBJECT_TAG, "Value": "default"}], 365 + LATER_DAYS, "Enabled"),
    ]


def test_videos_are_kept_unless_the_stage_says_otherwise() -> None:
    assert rules_of(stage_named("prod")) == []
