"""Takes the pictures of the console in docs/: `python -m tests.pictures`, or `make pictures`, after `make up`."""

import io
import os
import sys
import time
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
Outcome = Literal["completed", "error"]
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


def main() -> None:
    stack = Stack.load(Checkout(ROOT))
    if stack is None:
        raise LocalCloudError("No local cloud runs here: make up starts it.")
    cloud = LocalCloud(stack, 0)
    key = cloud.key_of(f"pictures-{int(time.time())}")
    ids = [ask(cloud, key, prompt, 0.5, seed=number) for number, prompt in enumerate(PROMPTS)]
    for generation_id in ids:
        cloud.ended(generation_id)
    failing = ask(cloud, key, "A banquet of famous people", 0, outcome="error")
    cloud.ended(failing)
    ask(cloud, key, "A snail crossing a garden path, macro", 60)
    PICTURES.mkdir(exist_ok=True)
    with chromium() as browser:
        take(browser, cloud, key, "gallery", "light", "", ".card .stage.generating")
        take(browser, cloud, key, "video", "dark", f"video/{ids[-1]}", ".timeline")
        take(browser, cloud, key, "make", "light", f"make?from={ids[-1]}&vary=3", ".estimate")
        take(browser, cloud, key, "compare", "dark", f"compare/{','.join(ids[-4:])}", ".controls")


def ask(
    cloud: LocalCloud, key: str, prompt: str, seconds: float, *, outcome: Outcome = "completed", seed: int = 1
) -> str:
    cloud.simulator.script(prompt, seconds=seconds, outcome=outcome)
    request = {"model": MODEL, "prompt": prompt, "duration": 4, "seed": seed}
    answer = cloud.call("POST", json=request, headers={"Authorization": f"Bearer {key}"})
    return str(answer.json()["id"])


def take(browser: Browser, cloud: LocalCloud, key: str, name: str, theme: str, page: str, seen: str) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme=theme)  # type: ignore[arg-type]  # one of two
    tab = Tab.open(context, cloud.stack.api_url).sign_in(key)
    tab.go(page)
    expect(tab.page.locator(seen).first).to_be_visible()
    tab.page.wait_for_timeout(3000)
    shown = Image.open(io.BytesIO(tab.page.screenshot()))
    shown.quantize(128).save(PICTURES / f"{name}.png", optimize=True)  # a third of its bytes
    context.close()


if __name__ == "__main__":
    try:
        isolate(os.environ)
        main()
    except LocalCloudError as error:
        sys.exit(str(error))
