"""A browser and the showroom: the console with an API in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

import console
from infra.console import build_site
from tests.support.browser import NewTab, Tab, chromium, is_for_this_machine
from tests.support.showroom import KEY, Api, showroom


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests in one process, because they share a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="package")  # its event loop would stop all later tests that need one
def browser() -> Iterator[Browser]:
    if not is_for_this_machine():
        pytest.skip("The browser that comes with npm is for Linux on x86-64: run these tests there.")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("console") / "site"
    build_site(target)
    return target


@pytest.fixture
def api(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API of an owner without anything."""
    monkeypatch.setenv("BUCKET_HOSTS", "videos.example,prompts.example")
    caches = (console._headers, console._file)
    for one in caches:
        one.cache_clear()
    monkeypatch.setattr(console, "SITE", site)
    with showroom(site) as served:
        yield served
    for one in caches:
        one.cache_clear()


@pytest.fixture
def tab_of(api: Api, browser: Browser) -> Iterator[NewTab]:
    """Open tabs. At the end, fail if one violated the page's policy or raised an error."""
    opened: list[Tab] = []

    def open_tab(**options: Any) -> Tab:
        size = options.pop("viewport", ViewportSize(width=1280, height=900))
        context = browser.new_context(viewport=size, **options)
        opened.append(Tab.open(context, api.base))
        return opened[-1]

    yield open_tab
    problems = [problem for tab in opened for problem in tab.problems()]
    for tab in opened:
        tab.page.context.close()
    assert problems == []


@pytest.fixture
def tab(tab_of: NewTab) -> Tab:
    """A tab of a signed-in user. Waits are short, because nothing is far away."""
    tab = tab_of(reduced_motion="reduce")
    expect.set_options(timeout=15_000)
    return tab.sign_in(KEY)
