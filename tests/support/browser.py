"""Open the console in a real browser, which comes from the npm registry and needs no other installation."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
NODE = Path(sys.executable).with_name("node")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 60_000  # milliseconds; other tests and programs may keep the machine busy
# Chromium logs this for every error response, and many tests provoke errors.
EXPECTED = "Failed to load resource"
# No switch weakens what a page may do, because its policy is under test. Videos may play without a click.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
WATCH = """
window.harms = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.harms.push(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
SET_BUSY = "(busy) => document.querySelectorAll('button').forEach((one) => one.setAttribute('aria-busy', busy))"
# A frame as its pixel values.
FRAME = """(film) => {
  const canvas = document.createElement("canvas");
  canvas.width = 160; canvas.height = 90;
  const drawing = canvas.getContext("2d");
  drawing.drawImage(film, 0, 0, 160, 90);
  return Array.from(drawing.getImageData(0, 0, 160, 90).data).join();
}"""


def is_for_this_machine() -> bool:
    """Return whether the browser of the npm registry runs on this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    program = "import chromium from '@sparticuz/chromium'; console.log(await chromium.executablePath());"
    told = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=told.stdout.strip(), args=SWITCHES)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of the console at `url`, and all of its complaints."""

    page: Page
    url: str
    harms: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, url: str) -> "Tab":
        """Open a new tab without a page."""
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        context.add_init_script(WATCH)
        tab = cls(context.new_page(), url)
        tab.page.on("pageerror", lambda error: tab.harms.append(f"error: {error}"))
        tab.page.on(
            "console",
            lambda said: (
                tab.harms.append(f"{said.type}: {said.text}")
                if said.type in ("error", "warning") and not said.text.startswith(EXPECTED)
                else None
            ),
        )
        return tab

    def sign_in(self, key: str) -> "Tab":
        """Sign in with a link like the one that `make up` prints."""
        self.page.goto(f"{self.url}/#key={key}")
        expect(self.page.get_by_role("navigation")).to_be_visible()
        return self

    def go(self, where: str) -> None:
        """Go to a page of the console as a link within it would."""
        self.page.evaluate("(where) => { location.hash = `#/${where}`; }", where)

    def choose_model(self, name: str) -> None:
        """Choose a model in the form by its id."""
        change = self.page.get_by_role("button", name="Change")
        search = self.page.get_by_role("searchbox", name="Model")
        expect(change.or_(search)).to_be_visible()
        if change.is_visible():
            change.click()
        expect(self.page.get_by_text("of 155 models")).to_be_visible()
        search.fill(name)
        self.page.locator(".models").get_by_role("button").first.click()
        expect(self.page.get_by_role("textbox", name="Prompt").first).to_be_visible()

    def prompt(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Prompt").first.fill(text)

    def problems(self) -> list[str]:
        """Return everything that the page did, or was prevented from doing, against its policy."""
        return [*self.harms, *self.page.evaluate("window.harms ?? []")]

    def axe(self, *, is_busy: bool = False) -> list[str]:
        """Return what axe-core finds on the current page, one line each. Make all buttons look busy if `is_busy`."""
        if is_busy:
            expect(self.page.locator("[aria-busy=true]")).to_have_count(0)  # or its end would set it back
            self.page.evaluate(SET_BUSY, "true")
        if not self.page.evaluate("window.axe !== undefined"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        if is_busy:
            self.page.evaluate(SET_BUSY, "false")
        return [
            f"{one['id']}: {json.dumps([node['target'] for node in one['nodes']][:4])} "
            + one["nodes"][0]["failureSummary"]
            for one in found["violations"]
        ]


NewTab = Callable[..., Tab]  # a fixture that opens tabs
