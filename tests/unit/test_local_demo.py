"""Test the demo: how it shows a generation's progress, and which downloads it keeps."""

import json
import os
import re
import subprocess
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from moto import mock_aws

from core.generation import Generation, Source, Status
from local import demo
from local.settings import Checkout, LocalCloudError
from local.simulator.control import SimulatorControl
from local.stack import Stack

ROOT = Path(__file__).parents[2]


def test_stages_passed_between_two_polls_are_shown_in_order_with_their_own_times(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "POLL_SECONDS", 0)
    sent = datetime(2026, 1, 1, tzinfo=UTC)
    at = [sent + timedelta(seconds=seconds) for seconds in (0, 2, 5, 7)]
    ended = Generation(
        "id", "demo", {"model": "veo2"}, Source("api", ""), at[0], at[3],
        status=Status.COMPLETED, submitted_at=at[1], generated_at=at[2], ended_at=at[3],
    )  # fmt: skip
    records = iter([replace(ended, status=Status.QUEUED, submitted_at=None, generated_at=None, ended_at=None), ended])
    answers = iter({"meta": {"stage": stage}} for stage in ("queued", "queued", "completed"))
    demo.Watch(sent, lambda: next(answers), lambda: next(records)).until_ended()
    shown = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert [stage for _, _, stage in shown] == ["queued", "generating", "archiving", "done"]
    assert [seconds for seconds, _, _ in shown] == ["0.0", "2.0", "5.0", "7.0"]


@pytest.mark.parametrize(
    ("typed", "is_taken"),
    [
        (["demo", "PROMPT=A", "paper", "boat"], False),
        (["demo", "PROMPT=A", "check"], False),  # which make could do
        (["demo", "PROMPT=A paper boat for $5"], True),
        (["check", "unit"], True),  # a shell may have set PROMPT
    ],
    ids=str,
)
def test_a_prompt_with_spaces_needs_quotes(typed: list[str], is_taken: bool) -> None:
    made = subprocess.run(
        ["/usr/bin/make", "--dry-run", *typed],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PROMPT": "%~ $"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode == 0) is is_taken
    assert ('Put the prompt in quotes: make demo PROMPT="A paper boat"' in made.stderr) is not is_taken


def test_an_invalid_video_leaves_nothing_in_out(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>sorry</html>")

        def log_message(self, *_: object) -> None:
            """Keep the test quiet."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        answering = Thread(target=server.handle_request)
        answering.start()
        with pytest.raises(LocalCloudError, match="could not be downloaded and decoded"):
            demo.download(f"http://127.0.0.1:{server.server_port}/", tmp_path / "out/id.mp4")
        answering.join()
    assert list((tmp_path / "out").iterdir()) == []


def test_the_announcement_of_the_demo_is_found_behind_that_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch's announcement has no generation id and stays in the queue."""
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="announcements")["QueueUrl"]
        for message in ({"batch_id": "b1"}, {"generation_id": "other"}, {"generation_id": "mine"}):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Message": json.dumps(message)}))
        monkeypatch.setattr(demo, "client", lambda *_: sqs)
        stack = Stack(**dict.fromkeys([field.name for field in fields(Stack)], "") | {"queue_url": url})
        found = demo.receive_announcement(stack, "mine")
        assert json.loads(found["Message"]) == {"generation_id": "mine"}
        left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert len(left) == 2


class FakedDemo:
    """Runs the demo on a local cloud of `stack`, where generation `number` ends at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path, number: str, **stack: str) -> None:
        self._checkout = Checkout(root)
        named = {field.name: field.name for field in fields(Stack)}
        self.stack = Stack(
            **named | {"provider_url": "https://provider", "aws_endpoint_url": "http://127.0.0.1:1"} | stack
        )
        ended = {"id": number, "error": None, "video": {"url": "u", "file_name": f"{number}.mp4"}}
        announcement = {"Subject": f"Generation Completed: {number}", "Message": '{"version": "1"}'}
        monkeypatch.setattr(demo, "is_simulator", lambda url: url == "simulator")
        monkeypatch.setattr(SimulatorControl, "script", lambda *_, **__: None)
        monkeypatch.setattr(demo, "client", lambda *_: None)
        monkeypatch.setattr(demo, "_call", lambda *_, **__: ended)
        monkeypatch.setattr(demo.Watch, "until_ended", lambda _: ended)
        monkeypatch.setattr(demo, "download", lambda *_: self._checkout.out / f"{number}.mp4")
        monkeypatch.setattr(demo, "describe", lambda _: "640x360, 4.0 s, h264, 110808 bytes")
        monkeypatch.setattr(demo, "receive_announcement", lambda *_: announcement)

    def run(self, prompt: str, *, is_verbose: bool = False) -> int:
        return demo.demo(self._checkout, self.stack, prompt, is_verbose=is_verbose)


@pytest.mark.parametrize("is_verbose", [False, True])
def test_the_demo_ends_with_the_video_and_the_link_and_shows_json_only_if_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_verbose: bool
) -> None:
    faked = FakedDemo(monkeypatch, tmp_path, "id")
    assert faked.run("a boat", is_verbose=is_verbose) == 0
    *before, second_last, last = capsys.readouterr().out.splitlines()
    assert second_last == "Video: out/id.mp4, 640x360, 4.0 s, h264, 110808 bytes"
    assert last == f"See it in the console: {faked.stack.console_link}"
    assert ('  "version": "1"' in before) is is_verbose


def test_the_tutorial_shows_the_output_of_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tutorial = (ROOT / "docs/tutorial.md").read_text("utf-8")
    [shown] = re.findall(r"^```text\n(Prompt: .*?)^```", tutorial, re.MULTILINE | re.DOTALL)
    [number] = re.findall(r"^Generation (\w+)", shown, re.MULTILINE)
    [url] = re.findall(r"(http\S+)/#key=\.\.\.$", shown, re.MULTILINE)
    FakedDemo(monkeypatch, tmp_path, number, provider_url="simulator", api_url=url, api_key="...").run(
        demo.DEFAULT_PROMPT
    )
    without_stages = re.sub(r"^ +[\d.]+ s  \w+\n", "", shown, flags=re.MULTILINE)
    assert capsys.readouterr().out.strip() == without_stages.strip()


def test_each_step_of_the_first_minute_has_a_name_and_a_usual_time() -> None:
    printed = subprocess.run(
        ["/usr/bin/make", "--dry-run", "--always-make", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    steps = [line for line in printed.splitlines() if line.startswith("echo ")]
    assert len(steps) == 5
    assert all("about" in line for line in steps), steps
