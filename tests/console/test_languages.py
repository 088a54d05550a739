"""Test the console in a pseudo-locale: every text can be translated, and long words fit."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from infra import console as building
from tests.console.conftest import NewTab
from tests.support.showroom import KEY, Api

# Makes every text longer, and recognisable: what a translation would do at its worst.
PSEUDO = """
const stretch = (text) => `⟦${text}${"~".repeat(Math.ceil(text.length * 0.4))}⟧`;
const pseudo = (value) => typeof value === "string" ? stretch(value)
  : typeof value === "function" ? (...given) => stretch(value(...given))
  : value && typeof value === "object" ? Object.assign(value, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, pseudo(one)])))
  : value;
pseudo(texts);
"""
# Texts and labels of the page that no translation reaches. What users and the API say is in elements that say so.
UNTRANSLATED = """() => {
  const own = "code, bdi, time, dd, td, kbd, option, svg, [dir=auto], textarea, .model, .models strong, .field, .facts bdi, .brand, .past .prompt";
  const found = [];
  const walk = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    if (/[a-z]{3}/i.test(text) && !/[⟦⟧~]/.test(text) && !walk.currentNode.parentElement.closest(own)) found.push(text);
  }
  for (const one of document.querySelectorAll("[aria-label], [placeholder], [title]")) for (const name of ["aria-label", "placeholder", "title"]) {
    const text = one.getAttribute(name) ?? "";
    if (/[a-z]{3}/i.test(text) && !text.includes("⟦") && !one.closest("time, video, .brand, [title]:not([aria-label])")) found.push(`${name}: ${text}`);
  }
  return found;
}"""

DBG = "[document.documentElement.scrollWidth, innerWidth, document.documentElement.clientWidth, [...document.querySelectorAll('*')].filter(e=>e.getBoundingClientRect().right>innerWidth).map(e=>e.tagName+e.className+e.getBoundingClientRect().right).slice(0,6)]"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console in a language whose words are long."""
    sources = tmp_path_factory.mktemp("pseudo") / "console"
    shutil.copytree(building.SOURCES, sources)
    texts = sources / "texts.js"
    texts.write_text(
        texts.read_text("utf-8").replace(
            "\n/** @param {unknown[]} values */", PSEUDO + "\n/** @param {unknown[]} values */"
        ),
        "utf-8",
    )
    target = sources.parent / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "SOURCES", sources)
        patch.setitem(os.environ, "NODE_PATH", str(building.ROOT / "node_modules"))
        building.build_site(target)
    return target


def test_every_text_can_be_translated_and_long_words_fit(api: Api, tab_of: NewTab) -> None:
    api.furnish(12)
    tab = tab_of(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    tab.page.goto(f"{api.base}/#key={KEY}")
    found: list[str] = []
    for page, ready in api.pages().items():
        tab.go(page)
        expect(tab.page.locator(ready).first).to_be_visible()
        found += [f"{page}: {text}" for text in tab.page.evaluate(UNTRANSLATED)]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page} sticks out")
    assert found == []
