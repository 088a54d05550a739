"""Run one prompt from end to end: send and watch it, download and check the video, and show its announcement."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import requests

from core.generation import Generation, Status
from core.records.ledger import Ledger
from local.services import is_simulator
from local.settings import Checkout, LocalCloudError, say
from local.simulator.control import SimulatorControl
from local.stack import Stack, client

MODEL, SECONDS = "google/veo-3.1-t2v-fast", 4  # the shortest duration, in case it costs money
DEFAULT_PROMPT = "A paper boat drifting down a rainy street at dusk"
POLL_SECONDS = 0.5
SIMULATED_SECONDS = 2.0  # the simulator takes 6 s otherwise, which a first look need not wait for
PATIENCE_SECONDS = 30 * 60.0
ANNOUNCEMENT_SECONDS = 60.0


class StoppedWatching(KeyboardInterrupt):
    """The user stopped watching a generation, which continues. `str()` is a sentence for the user."""


def demo(checkout: Checkout, stack: Stack, prompt: str, *, is_verbose: bool) -> int:
    """Run the demo and return the exit code 0. Raise LocalCloudError if the generation fails.

    If verbose, show the whole announcement.
    """
    simulated = is_simulator(stack.provider_url)
    if simulated:
        SimulatorControl(stack.provider_url).script(prompt, seconds=SIMULATED_SECONDS)
    say(f'\nPrompt: "{prompt}" ({MODEL})')
    if not simulated:
        say(f"The provider is {stack.provider_url}. It is a real provider and charges for this video.")
    ledger = Ledger(client("dynamodb", stack.aws_endpoint_url), stack.table_name, lambda: datetime.now(UTC))
    sent_at = datetime.now(UTC)
    generation_id = _call(stack, "POST", json={"model": MODEL, "prompt": prompt, "duration": SECONDS})["id"]
    say(f"Generation {generation_id}" + (", about 5 s" if simulated else ""))
    try:
        ended = Watch(
            sent_at,
            fetch=lambda: _call(stack, "GET", params={"generation_id": generation_id}),
            read=lambda: ledger.get(generation_id),
        ).until_ended()
        if ended["error"]:
            raise LocalCloudError(f"The generation failed with {ended['error']['name']}: {ended['error']['message']}")
        video = download(ended["video"]["url"], checkout.out / ended["video"]["file_name"])
        announcement = receive_announcement(stack, generation_id)
    except KeyboardInterrupt:
        raise StoppedWatching(
            f"Stopped watching. Generation {generation_id} continues, and the local cloud keeps running. Run make down "
            "to stop it."
        ) from None
    say(f"\nAnnounced through SNS: {announcement['Subject']}")
    if is_verbose:
        say(json.dumps(json.loads(announcement["Message"]), indent=2, ensure_ascii=False))
    say("The local cloud keeps running, so the next make demo takes seconds. Run make down to stop it.")
    if simulated:
        say("The provider is simulated. No AI was involved; the video shows shapes and the prompt.")
    say(f"\nVideo: {video.relative_to(checkout.root)}, {describe(video)}")
    say(f"See it in the console: {stack.console_link}")
    return 0


class Watch:
    """Prints a line for each stage that a generation reaches, with the seconds since it was sent.

    `fetch` returns the generation from the API, which is polled. `read` returns it from the ledger, with the times.
    """

    def __init__(self, sent_at: datetime, fetch: Callable[[], dict[str, Any]], read: Callable[[], Generation]) -> None:
        self._sent_at = sent_at
        self._fetch = fetch
        self._read = read
        self._shown: list[Status] = []

    def until_ended(self) -> dict[str, Any]:
        """Return the API's generation once it is completed or has failed. Raise LocalCloudError after 30 minutes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            seen = self._fetch()
            stage = Status(seen["meta"]["stage"])
            if stage not in self._shown:
                self._show_until(stage)
            if stage.ended:
                return seen
            time.sleep(POLL_SECONDS)
        raise LocalCloudError(
            f"The generation has not finished in {PATIENCE_SECONDS / 60:.0f} minutes and continues. "
            "Run make down to stop the local cloud."
        )

    def _show_until(self, stage: Status) -> None:
        """Show this stage after the stages that were passed between two polls, each with its own time."""
        times = stage_times(self._read())
        for status in Status:
            reached = times.get(status)
            if status is stage:
                self._show(status, reached or datetime.now(UTC))
                return
            if reached and status not in self._shown:
                self._show(status, reached)

    def _show(self, status: Status, reached: datetime) -> None:
        self._shown.append(status)
        seconds = max(0.0, (reached - self._sent_at).total_seconds())
        say(f"{seconds:6.1f} s  {'done' if status is Status.COMPLETED else status}")


def stage_times(generation: Generation) -> dict[Status, datetime]:
    """Return the times of the stages that the generation has reached."""
    times = {
        Status.QUEUED: generation.created_at,
        Status.GENERATING: generation.submitted_at,
        Status.ARCHIVING: generation.generated_at,
    }
    if generation.ended_at:
        times[generation.status] = generation.ended_at
    return {status: reached for status, reached in times.items() if reached}


def download(url: str, path: Path) -> Path:
    """Save the video of a presigned link as `path`. Raise LocalCloudError if it cannot be decoded."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    try:
        with requests.get(url, stream=True, timeout=60) as answer, part.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
        describe(part)
    except (requests.RequestException, av.FFmpegError, IndexError) as error:
        part.unlink(missing_ok=True)
        raise LocalCloudError(f"The archived video could not be downloaded and decoded: {error}") from None
    return part.replace(path)


def describe(path: Path) -> str:
    """Decode the whole video and describe it. Raise av.FFmpegError or IndexError if it is not a video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for _ in container.decode(stream))
        seconds = frames / float(stream.average_rate or 1)
        shape = f"{stream.width}x{stream.height}, {seconds:.1f} s, {stream.codec_context.name}"
    return f"{shape}, {path.stat().st_size} bytes"


def receive_announcement(stack: Stack, generation_id: str) -> dict[str, Any]:
    """Receive this generation's SNS message from the queue, and leave the messages of others there."""
    sqs = client("sqs", stack.aws_endpoint_url)
    others: list[str] = []
    deadline = time.monotonic() + ANNOUNCEMENT_SECONDS
    try:
        while time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=stack.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                announcement: dict[str, Any] = json.loads(message["Body"])
                if (
                    json.loads(announcement["Message"]).get("generation_id") == generation_id
                ):  # the message of a batch has no generation_id
                    sqs.delete_message(QueueUrl=stack.queue_url, ReceiptHandle=message["ReceiptHandle"])
                    return announcement
                others.append(message["ReceiptHandle"])
    finally:
        for handle in others:
            sqs.change_message_visibility(QueueUrl=stack.queue_url, ReceiptHandle=handle, VisibilityTimeout=0)
    raise LocalCloudError(
        f"The video is in out/, but no SNS message of generation {generation_id} arrived. See .local/ministack.log."
    )


def _call(stack: Stack, method: str, **arguments: Any) -> dict[str, Any]:
    answer = requests.request(
        method,
        f"{stack.api_url}/v2/video/generations",
        headers={"Authorization": f"Bearer {stack.api_key}"},
        timeout=60,
        **arguments,
    )
    try:
        body: dict[str, Any] = answer.json()
    except requests.JSONDecodeError:
        body = {"message": answer.text[:200] or "an empty body"}
    if not answer.ok:
        raise LocalCloudError(f"The API answered {answer.status_code}: {body.get('message', body)}")
    return body
