"""Test the pages of spending and of the account, and a video's timeline, in a real browser."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.browser import NewTab, Tab
from tests.support.showroom import KEY, MODEL, Api


def sums(api: Api, by: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.answer("GET", "/v2/usage", {"by": by}, None)[1]["data"]
    return found


def test_usage_begins_with_what_was_spent_this_month_and_what_is_left(api: Api, tab: Tab) -> None:
    tab.go("usage")
    month, last = f"{datetime.now(UTC):%Y-%m}", f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
    figures = tab.page.locator(".budgets li")
    expect(figures).to_have_count(3)
    spent = {of: sum(one["usd"] for one in sums(api, "day") if one["day"].startswith(of)) for of in (month, last)}
    expect(figures.first).to_contain_text(f"Spent this month${spent[month]:.2f}")
    expect(figures.first).to_contain_text(f"last month ${spent[last]:.2f}")
    expect(figures.nth(1)).to_contain_text("Left: this month$10.50$139.50 of $150.00 used")
    bar = figures.nth(1).get_by_role("meter", name="shop, this month")
    part = bar.evaluate("(bar) => bar.firstElementChild.offsetWidth / bar.offsetWidth")
    assert part == pytest.approx(0.93, abs=0.01)
    expect(tab.page.get_by_text("Budgets also count unfinished videos, at their estimates.")).to_be_visible()
    expect(tab.page.get_by_text("its highest estimate counts")).to_be_visible()


def test_the_chart_has_an_axis_and_the_chosen_days(tab: Tab) -> None:
    tab.go("usage")
    chart = tab.page.get_by_role("img", name=re.compile("in 30 days, one bar per day"))
    expect(chart.locator("rect")).to_have_count(30)
    assert tab.page.locator(".axis").first.locator("> span").inner_text().split() == ["$12.00", "$6.00", "$0.00"]
    tab.page.get_by_role("radio", name="90 days").check(force=True)
    expect(tab.page.get_by_role("img", name=re.compile("in 90 days")).locator("rect")).to_have_count(90)
    expect(tab.page).to_have_url(re.compile("days=90"))


def test_models_are_listed_by_spend_with_bars(api: Api, tab: Tab) -> None:
    tab.go("usage")
    table = tab.page.get_by_role("region", name="Model", exact=True)
    most, least = sorted(sums(api, "model"), key=lambda one: -one["usd"])
    rows = table.locator("tbody tr")
    expect(rows.first).to_contain_text(f"${most['usd']:.2f}")
    expect(rows.nth(1)).to_contain_text(f"${least['usd']:.2f}")
    widths = [row.locator(".part").evaluate("(one) => one.offsetWidth") for row in rows.all()]
    assert widths[1] / widths[0] == pytest.approx(least["usd"] / most["usd"], abs=0.02)


def test_usage_by_key_names_the_keys_and_what_has_none(tab: Tab) -> None:
    tab.go("usage")
    tab.page.get_by_role("radio", name="API key").check(force=True)
    rows = tab.page.get_by_role("region", name="API key").locator("tbody tr")
    expect(rows.filter(has_text="shop pr_11111111_… current key")).to_contain_text("$1.20")
    expect(rows.filter(has_text="Dropped files and events")).to_contain_text("$8.20")
    expect(tab.page.get_by_text("Your key sees only its own spending")).to_have_count(0)


def test_a_key_that_sees_only_its_own_spending_is_told_so(api: Api, tab: Tab) -> None:
    api.scope = "create"
    tab.go("usage?by=key")
    expect(tab.page.get_by_text("Your key sees only its own spending here.")).to_be_visible()


def test_the_account_begins_with_the_key_in_use_and_what_it_may_still_spend(tab: Tab) -> None:
    tab.go("account")
    figures = tab.page.locator(".budgets li")
    expect(figures.first).to_contain_text("Key in useshop")
    expect(figures.nth(1)).to_contain_text("Expiresin 4 days")
    expect(figures.nth(2)).to_contain_text("Left: this month$10.50")


def slow(api: Api) -> str:
    """Add a video that waited for credits, and return its id."""
    accepted = datetime.now(UTC) - timedelta(hours=3)

    def at(seconds: float) -> str:
        return f"{accepted + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.000Z"

    steps = {"accepted": 0, "held_back": 40, "rejected": 40, "admitted": 1300, "sent": 1301, "submitted": 1311}
    steps |= {"generated": 1500, "ended": 1509, "announced": 1510}
    timeline = [{"step": step, "at": at(seconds)} for step, seconds in steps.items()]
    times = {"created_at": at(0), "submitted_at": at(1311), "generated_at": at(1500), "ended_at": at(1509)}
    found: str = api.add("A slow boat", timeline=timeline, **times)["id"]
    return found


def test_a_timeline_says_in_words_why_a_job_took_long(api: Api, tab: Tab) -> None:
    tab.go(f"video/{slow(api)}")
    told = tab.page.get_by_role("region", name="Timeline")
    expect(told).to_contain_text("Finished after 25:09 min. Waiting for provider credits: 21:00 min.")
    lines = [
        re.sub(r"\s*\d+:\d\d:\d\d.[AP]M\s*", " | ", line.inner_text().replace("\n", " ")).strip()
        for line in told.get_by_role("listitem").all()
    ]
    assert lines == [
        "Waiting for a slot | 40 s",
        "Rejected: no provider credits |",
        "Waiting for provider credits | 21:00 min",
        "Preparing the request | 1 s",
        "Call to the provider | 10 s",
        "Generating at the provider | 3:09 min",
        "Saving and checking | 9 s",
        "Announcing the end | 1 s",
    ]
    expect(told).to_contain_text("Of a repeated step, only the latest time is known.")
    wide = told.locator(".line .part").evaluate_all("(parts) => parts.map((one) => one.offsetWidth)")
    assert wide[2] == max(wide)
    assert wide[5] / wide[2] == pytest.approx(189 / 1260, abs=0.03)


@pytest.mark.parametrize("width", [360, 3840])
def test_a_timeline_is_one_line_on_every_screen(api: Api, tab_of: NewTab, width: int) -> None:
    which = slow(api)
    tab = tab_of(viewport={"width": width, "height": 900}, reduced_motion="reduce").sign_in(KEY)
    tab.go(f"video/{which}")
    parts = tab.page.locator(".line .part")
    expect(parts).to_have_count(8)
    boxes = parts.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().toJSON())")
    assert len({box["y"] for box in boxes}) == 1
    assert all(box["width"] >= 3 for box in boxes)
    assert tab.axe() == []


def test_the_timeline_of_a_failed_job_ends_with_its_reason(api: Api, tab: Tab) -> None:
    failed = api.add("A crowd", stage="error")
    tab.go(f"video/{failed['id']}")
    told = tab.page.get_by_role("region", name="Timeline")
    expect(told).to_contain_text("Failed after 47 s.")
    expect(told.get_by_role("listitem").filter(has_text="Failed: Rejected by the provider")).to_be_visible()
    assert failed["meta"]["request"]["model"] == MODEL
