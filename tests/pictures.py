"""Take the screenshots of the console in docs/: `python -m tests.pictures`, or `make pictures`, after `make up`."""

import io
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, expect

from local.settings import Checkout, LocalCloudError, isolate
from local.stack import Stack
from tests.support.browser import Tab, chromium
from tests.support.local_cloud import LocalCloud

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SIZE = ViewportSize(width=1280, height=800)
MODEL = "google/veo-3.1-t2v-fast"
PROMPTS = (
    "A violin maker shaping a scroll by lamplight",
    "Ink dissolving in water, teal and copper",
    "An old tram climbing a steep street, morning light",
    "Origami cranes taking flight from a windowsill",
    "A red fox crossing fresh snow, breath visible in the cold",
    "A lighthouse in a storm, waves breaking over the rocks",
    "A paper boat drifting down a rainy street at dusk",
)


@dataclass(frozen=True)
class Picture:
    """A page of the console, and the element that appears when the page is ready."""

    name: str
    theme: Literal["dark", "light"]
    page: str
    shows: str


def main() -> None:
    stack = Stack.load(Checkout(ROOT))
    if stack is None:
        raise LocalCloudError("No local cloud is running here. Start one with make up.")
    cloud = LocalCloud(stack, 0)
    key = cloud.key_of(f"pictures-{int(time.time())}")
    for prompt in PROMPTS:
        cloud.simulator.script(prompt, seconds=0.5)
    ids = [ask(cloud, key, prompt, seed=number) for number, prompt in enumerate(PROMPTS)]
    for generation_id in ids:
        cloud.ended(generation_id)
    cloud.simulator.script("A banquet of famous people", seconds=0, outcome="error")
    failing = ask(cloud, key, "A banquet of famous people")
    cloud.ended(failing)
    cloud.simulator.script("A snail crossing a garden path, macro", seconds=60)
    ask(cloud, key, "A snail crossing a garden path, macro")
    PICTURES.mkdir(exist_ok=True)
    pictures = (
        Picture("gallery", "light", "", ".card .stage.generating"),
        Picture("video", "dark", f"video/{ids[-1]}", ".timeline"),
        Picture("make", "light", f"make?from={ids[-1]}&vary=3", ".estimate"),
        Picture("compare", "dark", f"compare/{','.join(ids[-4:])}", ".controls"),
    )
    with chromium() as browser:
        for picture in pictures:
            take(browser, cloud, key, picture)


def ask(cloud: LocalCloud, key: str, prompt: str, seed: int = 1) -> str:
    request = {"model": MODEL, "prompt": prompt, "duration": 4, "seed": seed}
    answer = cloud.call("POST", json=request, headers={"Authorization": f"Bearer {key}"})
    return str(answer.json()["id"])


def take(browser: Browser, cloud: LocalCloud, key: str, picture: Picture) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme=picture.theme)
    tab = Tab.open(context, cloud.stack.api_url).sign_in(key)
    tab.go(picture.page)
    expect(tab.page.locator(picture.shows).first).to_be_visible()
    tab.page.wait_for_timeout(3000)
    shown = Image.open(io.BytesIO(tab.page.screenshot()))
    shown.quantize(128).save(PICTURES / f"{picture.name}.png", optimize=True)  # reduces the file to a third
    context.close()


if __name__ == "__main__":
    try:
        isolate(os.environ)
        main()
    except LocalCloudError as error:
        sys.exit(str(error))
