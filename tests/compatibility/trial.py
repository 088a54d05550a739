"""Run a client for one case, and compare what it returned with the ledger, the archive and the provider's calls."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from PIL import Image

from core.generation import Generation, Status
from tests.compatibility.clients import HERE, IMAGE, LOST, ROOT, Client
from tests.compatibility.losing import losing_first_answer
from tests.support.local_cloud import LocalCloud, unique

PYTHON = ROOT / ".venv" / "compatibility" / "bin" / "python"
SECONDS = 300  # ArcReel polls every five seconds, and the machine may be busy
MAX_REASON = 300  # characters


@dataclass(frozen=True)
class Trial:
    """The result of a client in one case: the problems, if there are any."""

    client: Client
    case: str
    problems: tuple[str, ...] = ()
    is_missing: bool = False  # it was not tried

    def __str__(self) -> str:
        return "; ".join(self.problems) or "works"


def attempt(cloud: LocalCloud, client: Client, case: str, folder: Path, checkout: Path | None = None) -> Trial:
    """Run the client in an empty folder. `checkout` contains its repository, if it has one."""
    prompt = unique(f"a lighthouse, by {client.name}")
    cloud.simulator.script(prompt, seconds=1)
    base_url = cloud.stack.api_url if client.keeps_path else cloud.stack.aws_endpoint_url
    variables = {"MODEL": client.models[case], "PROMPT": prompt, "VIDEO": str(folder / "video.mp4")}
    if case == IMAGE:
        variables["PICTURE"] = str(folder / "picture.png")
        Image.effect_noise((640, 360), 50).save(variables["PICTURE"])
    if checkout:
        variables["CHECKOUT"] = str(checkout)
    try:
        if case == LOST:
            with losing_first_answer(cloud.stack.api_url) as proxy:
                content = _run(cloud, client, folder, {**variables, "BASE_URL": proxy.url})
        else:
            content = _run(cloud, client, folder, {**variables, "BASE_URL": base_url})
    except _Failed as failed:
        return Trial(client, case, (str(failed),))
    return Trial(client, case, tuple(_problems(cloud, case, prompt, content)))


def _run(cloud: LocalCloud, client: Client, folder: Path, variables: dict[str, str]) -> bytes:
    """Return the video that the client got. Raise `_Failed` if it got none."""
    driver = HERE / "drivers" / client.driver
    command: list[str | Path] = ["node", driver] if client.language == "JavaScript" else [PYTHON, "-P", driver]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=cloud.environment(API_KEY=cloud.stack.api_key, HOME=str(folder), **variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Failed(f"it did not end within {SECONDS} seconds") from None
    if done.returncode:
        raise _Failed((done.stderr.strip().splitlines() or ["it ended without a message"])[-1][:MAX_REASON])
    video = Path(variables["VIDEO"])
    if video.exists():
        return video.read_bytes()
    url = json.loads(done.stdout.splitlines()[-1])["url"]
    return requests.get(url, timeout=30).content


class _Failed(Exception):
    """The client returned no video."""


def _problems(cloud: LocalCloud, case: str, prompt: str, content: bytes) -> Iterator[str]:
    made = [one for one in cloud.listed() if one.request.get("prompt") == prompt]
    if (calls := cloud.creates(prompt)) != 1:
        yield f"the provider received {calls} create calls"
    if len(made) != 1:
        yield f"it made {len(made)} generations"
        return
    ended: Generation = cloud.ended(made[0].generation_id)
    if ended.status != Status.COMPLETED or ended.video is None:
        yield f"the generation ended as {ended.status}"
        return
    archived = cloud.aws("s3").get_object(Bucket=ended.video.bucket, Key=ended.video.key)["Body"].read()
    if content != archived:
        yield "the client's video is not the archived one"
    if case == IMAGE and len(ended.given or ()) != 1:
        yield f"the generation has {len(ended.given or ())} inputs"
