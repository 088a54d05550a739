"""Take the screenshots of the console in docs/: `python -m tests.pictures`, or `make pictures`, after `make up`."""

import csv
import io
import os
import sys
import time
from dataclasses import replace
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, expect

from local.settings import Checkout, LocalCloudError, isolate
from local.stack import Stack
from tests.support.browser import Tab, chromium
from tests.support.local_cloud import LocalCloud, eventually
from tests.support.pictures import FOLDER, PICTURES, ROOT, Picture, note

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
RATIOS = ("16:9", "16:9", "9:16")
CAMPAIGN = (
    "A red kettle on a gas stove, steam curling in the morning sun",
    "Bread rising in a stone oven, time lapse",
    "Two hands kneading dough on a floured table",
    "A bakery window at dawn, the first customer enters",
)
REJECTED = ("A banquet of famous people",)
RUNNING = "A snail crossing a garden path, macro"


def main() -> None:
    stack = Stack.load(Checkout(ROOT))
    if stack is None:
        raise LocalCloudError("No local cloud is running here. Start one with make up.")
    cloud = LocalCloud(stack, 0)
    key = cloud.key_of(f"pictures-{int(time.time())}")
    for prompt in (*PROMPTS, *CAMPAIGN):
        cloud.simulator.script(prompt, seconds=0.5)
    for prompt in REJECTED:
        cloud.simulator.script(prompt, seconds=0, outcome="error")
    batch = send(cloud, key)
    ids = [ask(cloud, key, prompt, RATIOS[number % len(RATIOS)]) for number, prompt in enumerate(PROMPTS)]
    for generation_id in (*ids, ask(cloud, key, REJECTED[0])):
        cloud.ended(generation_id)
    eventually(lambda: shown(cloud, key, batch)["status"] == "completed" or None)
    cloud.simulator.script(RUNNING, seconds=120)
    ask(cloud, key, RUNNING)
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        for picture in PICTURES:
            page = picture.page.format(one=ids[-1], four=",".join(ids[-4:]), batch=batch)
            take(browser, cloud, key, replace(picture, page=page))
    note(FOLDER, ROOT / "console")


def send(cloud: LocalCloud, key: str) -> str:
    """Send a file of prompts and return the id of its batch."""
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(["prompt", "model", "duration"])
    table.writerows([prompt, MODEL, 4] for prompt in (*CAMPAIGN, *REJECTED))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    path = "/v2/batches?name=spring-campaign.csv"
    return str(cloud.call("POST", path, data=file.getvalue().encode(), headers=headers).json()["id"])


def shown(cloud: LocalCloud, key: str, batch: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    answer: dict[str, Any] = cloud.call("GET", f"/v2/batches?batch_id={batch}", headers=headers).json()
    return answer


def ask(cloud: LocalCloud, key: str, prompt: str, ratio: str = "16:9") -> str:
    request = {"model": MODEL, "prompt": prompt, "duration": 4, "aspect_ratio": ratio}
    answer = cloud.call("POST", json=request, headers={"Authorization": f"Bearer {key}"})
    return str(answer.json()["id"])


def take(browser: Browser, cloud: LocalCloud, key: str, picture: Picture) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    tab = Tab.open(context, cloud.stack.api_url).sign_in(key)
    tab.go(picture.page)
    expect(tab.page.locator(picture.shows).first).to_be_visible()
    tab.page.wait_for_timeout(3000)
    image = Image.open(io.BytesIO(tab.page.screenshot()))
    image.quantize(128).save(FOLDER / f"{picture.name}.png", optimize=True)  # reduces the file to a third
    context.close()


if __name__ == "__main__":
    try:
        isolate(os.environ)
        main()
    except LocalCloudError as error:
        sys.exit(str(error))
