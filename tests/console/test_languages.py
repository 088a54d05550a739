"""Test the console in a pseudo-locale: every text can be translated, and long words fit."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from infra import console as building
from tests.support.browser import NewTab
from tests.support.showroom import KEY, Api

# Makes every text longer, and recognisable: what a translation would do at its worst.
PSEUDO = """
const stretch = (text) => `⟦${text}${"~".repeat(Math.ceil(text.length * 0.4))}⟧`;
const pseudo = (value) => {
  if (typeof value === "string") return stretch(value);
  if (typeof value === "function") return (...given) => stretch(value(...given));
  for (const name of Object.keys(value ?? {})) value[name] = pseudo(value[name]);
  return value;
};
pseudo(texts);
"""
# Elements with what users, the API and the models say.
OWN = """code, bdi, time, dd, td, kbd, option, svg, [dir=auto], textarea, .model, .models strong, .field, .brand,
  .past .prompt"""
# Texts and labels of the page that no translation reaches.
UNTRANSLATED = """(own) => {
  const found = [];
  const isLeft = (text) => /[a-z]{3}/i.test(text) && !/[⟦⟧~]/.test(text);
  const walk = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    if (isLeft(text) && !walk.currentNode.parentElement.closest(own)) found.push(text);
  }
  for (const name of ["aria-label", "placeholder", "title"]) {
    for (const one of document.querySelectorAll(`[${name}]`)) {
      const text = one.getAttribute(name);
      if (isLeft(text) && !one.closest("time, video, .brand, p, select")) found.push(`${name}: ${text}`);
    }
  }
  return found;
}"""


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
        patch.setitem(os.environ, "NODE_PATH", str(building.ESBUILD.parents[1]))
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
        found += [f"{page}: {text}" for text in tab.page.evaluate(UNTRANSLATED, OWN)]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page} sticks out")
    tab.go("make")
    tab.page.locator(".given button").click()
    expect(tab.page.locator(".models li").first).to_be_visible()
    found += [f"models: {text}" for text in tab.page.evaluate(UNTRANSLATED, OWN)]
    assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert found == []
