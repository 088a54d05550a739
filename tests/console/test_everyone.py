"""Test that everyone can use the console: any screen, theme, language and keyboard."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from infra import console as building
from tests.console.conftest import NewTab
from tests.support.showroom import KEY, Api

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 6
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


def pages_of(api: Api) -> dict[str, str]:
    """Return the address of each page, and an element that appears when it is ready."""
    done = [one["id"] for one in api.generations.values() if one["status"] == "completed"]
    failed = next(one["id"] for one in api.generations.values() if one["status"] == "error")
    running = next(one["id"] for one in api.generations.values() if one["status"] == "generating")
    return {
        "": ".card .is-there",
        f"video/{done[-1]}": ".timeline",
        f"video/{failed}": ".failure",
        f"video/{running}": ".player .stage",
        "make": "[data-field=prompt]",
        f"compare/{done[0]},{done[1]}": ".controls",
        "batches": ".progress",
        f"batch/{'b' * 32}": "tbody tr",
        "usage": ".budgets li",
        "account": "tbody tr",
    }


@pytest.mark.parametrize("width", [360, 768, 1280, 1920, 3840])
def test_every_page_is_accessible_and_fits_in_both_themes(api: Api, tab_of: NewTab, width: int) -> None:
    api.furnish(12)
    api.add(LONG, name=LONG, tags=["x" * 60])
    tab = tab_of(viewport={"width": width, "height": 740 if width < 400 else 900}, reduced_motion="reduce")
    tab.sign_in(KEY)
    found: list[str] = []
    for page, ready in pages_of(api).items():
        tab.go(page)
        expect(tab.page.locator(ready).first).to_be_visible()
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            found += [f"{page}, {theme}: {problem}" for problem in tab.axe()]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page} sticks out")
    assert found == []


def test_texts_of_users_have_their_own_direction(api: Api, tab_of: NewTab) -> None:
    hebrew = api.add("סירת נייר שטה ברחוב גשום")
    tab = tab_of().sign_in(KEY)
    direction = "(one) => getComputedStyle(one).direction"
    assert tab.page.locator(".card .prompt").evaluate(direction) == "rtl"
    tab.go(f"video/{hebrew['id']}")
    expect(tab.page.locator("h1")).to_be_visible()
    assert tab.page.locator("h1").evaluate(direction) == "rtl"
    tab.go(f"make?from={hebrew['id']}")
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_be_visible()
    assert prompt.evaluate(direction) == "rtl"


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
    for page, ready in pages_of(api).items():
        tab.go(page)
        expect(tab.page.locator(ready).first).to_be_visible()
        found += [f"{page}: {text}" for text in tab.page.evaluate(UNTRANSLATED)]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page} sticks out")
    assert found == []
