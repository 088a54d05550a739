"""Test the stages by name, and the provider, the only setting from outside."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.config import Stage, UnknownStage, stage_named

ROOT = Path(__file__).parents[2]
SIMULATOR = "http://127.0.0.1:9999"


def test_the_simulator_is_polled_fast_and_may_serve_videos_from_this_machine() -> None:
    stage = stage_named("local", provider_url=SIMULATOR)
    assert stage.provider_url == SIMULATOR
    assert stage.allow_local_video_hosts
    assert "127.0.0.1" in stage.video_hosts
    assert stage.poll_give_up_seconds < stage_named("dev").poll_first_seconds * 10


def test_the_local_stage_polls_the_real_provider_as_rarely_as_production() -> None:
    """Its videos take minutes and cost money."""
    stage, dev = stage_named("local"), stage_named("dev")
    assert stage.poll_give_up_seconds == dev.poll_give_up_seconds
    assert not stage.allow_local_video_hosts


@pytest.mark.parametrize(
    ("name", "provider_url"), [("production", None), ("", None), ("prod", SIMULATOR), ("dev", SIMULATOR)]
)
def test_an_unknown_stage_or_a_fixed_provider_is_rejected(name: str, provider_url: str | None) -> None:
    with pytest.raises(UnknownStage):
        stage_named(name, provider_url=provider_url)


@pytest.mark.parametrize("polls", [0, 0.001, -1])
def test_a_stage_that_would_never_poll_is_rejected(polls: float) -> None:
    with pytest.raises(UnknownStage, match=r"polls_per_second=.*must be 1 or more"):
        Stage("test", polls_per_second=polls)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("poll_evry_seconds", "did you mean poll_every_seconds?"), ("colour", "docs/settings.md lists the settings.")],
)
def test_a_setting_that_does_not_exist_is_named_with_the_nearest_one(wrong: str, hint: str) -> None:
    settings: dict[str, Any] = {wrong: 5}
    with pytest.raises(UnknownStage) as raised:
        Stage(name="dev", **settings)
    assert str(raised.value) == f"The stage dev has no setting {wrong!r}: {hint}"


@pytest.mark.exhaustive
def test_the_app_reports_a_wrong_stage_in_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={"PATH": str(Path(sys.executable).parent), "CDK_CONTEXT_JSON": '{"stage": "production"}'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "There is no stage 'production'. Choose local, dev, prod or sandbox, as in `cdk deploy -c stage=dev`."
    )
