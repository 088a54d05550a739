"""Test that everyone can use the console: any screen, theme, language and keyboard."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import NewTab, Tab
from tests.support.showroom import KEY, Api

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 6


@pytest.mark.parametrize("width", [360, 768, 1280, 1920, 3840])
def test_every_page_is_accessible_and_fits_in_both_themes(api: Api, tab_of: NewTab, width: int) -> None:
    api.furnish(12)
    api.add(LONG, name=LONG, tags=["x" * 60, "favourite", "keep"])
    tab = tab_of(viewport={"width": width, "height": 740 if width < 400 else 900}, reduced_motion="reduce")
    tab.sign_in(KEY)
    found: list[str] = []
    for page, ready in api.pages().items():
        tab.go(page)
        expect(tab.page.locator(ready).first).to_be_visible()
        for theme in ("light", "dark") if width in (360, 1280) else ():
            tab.page.emulate_media(color_scheme=theme)
            found += [f"{page}, {theme}: {problem}" for problem in tab.axe()]
        if width == 1280:
            found += [f"{page}, busy: {problem}" for problem in tab.axe(is_busy=True)]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page} sticks out")
        if page == "make":
            tab.page.get_by_role("button", name="Change").click()
            expect(tab.page.locator(".models li").first).to_be_visible()
            found += [f"models: {problem}" for problem in (tab.axe() if width in (360, 1280) else [])]
            if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append("models stick out")
    assert found == []


def test_every_dialog_is_accessible_and_returns_the_focus(api: Api, tab_of: NewTab) -> None:
    api.furnish(12)
    done = next(one["id"] for one in api.generations.values() if one["status"] == "completed")
    running = next(one["id"] for one in api.generations.values() if one["status"] == "generating")
    tab = tab_of(viewport={"width": 360, "height": 740}, reduced_motion="reduce").sign_in(KEY)
    found: list[str] = []
    dialogs = {
        "Keyboard shortcuts": ("", "Keyboard shortcuts"),
        "Share": (f"video/{done}", "Share"),
        "Tags": (f"video/{done}", "Edit tags"),
        "Cancel this job?": (f"video/{running}", "Cancel job"),
        "Presets": ("make", "Presets"),
        "Your videos": ("make?model=google/veo-3.1-i2v-fast", "use a frame from your videos"),
    }
    for name, (page, button) in dialogs.items():
        tab.go(page)
        opener = tab.page.get_by_role("button", name=button).first
        opener.click()
        dialog = tab.page.get_by_role("dialog", name=name)
        expect(dialog).to_be_visible()
        found += [f"{name}: {problem}" for problem in tab.axe()]
        found += [f"{name}, busy: {problem}" for problem in tab.axe(is_busy=True)]
        tab.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(opener).to_be_focused()
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


def test_the_account_page_says_where_the_documentation_is(tab: Tab) -> None:
    tab.go("account")
    expect(tab.page.get_by_text("In the folder docs of the repository")).to_be_visible()
    tab.page.evaluate("document.querySelector('meta[name=documentation]').content = 'https://docs.example/'")
    tab.go("usage")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Usage")
    tab.go("account")
    link = tab.page.get_by_role("link", name="https://docs.example/")
    expect(link).to_have_attribute("href", "https://docs.example/")
