"""Test the first-run page, the form and the batches in a real browser."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.support.browser import Tab
from tests.support.showroom import MODEL, Api

RICH = "bytedance/dreamina-seedance-2-0-mini"


def created(api: Api) -> list[str]:
    """Return the prompts that were sent."""
    return [
        body.get("prompt", "")
        for (method, path), body in zip(api.calls, api.bodies, strict=True)
        if (method, path.split("?")[0]) == ("POST", "/v2/video/generations")
    ]


def test_a_newcomer_makes_a_video_with_one_click_and_knows_what_it_costs(api: Api, tab: Tab) -> None:
    expect(tab.page.get_by_role("heading", name="No videos yet")).to_be_visible()
    tab.page.get_by_role("button", name="A red fox").click()
    button = tab.page.get_by_role("button", name="Make this video · $0.40")
    expect(button).to_be_visible()
    assert tab.axe() == []
    button.click()
    expect(tab.page.locator("h1")).to_contain_text("A red fox crossing fresh snow")
    assert len(created(api)) == 1


def test_the_form_begins_with_a_good_model_and_its_button_says_the_price(api: Api, tab: Tab) -> None:
    api.usd = 1.5
    tab.go("make")
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    prompt.fill("a kite")
    tab.page.get_by_label("Variations").select_option("2")
    expect(tab.page.get_by_role("button", name="Make 2 videos · $3.00")).to_be_visible()
    tab.page.get_by_label("Variations").select_option("1")
    prompt.press("ControlOrMeta+Enter")
    expect(tab.page.get_by_role("region", name="Results").locator(".card")).to_have_count(1)
    expect(prompt).to_be_focused()
    assert created(api) == ["a kite"]
    assert next(iter(api.generations.values()))["meta"]["request"]["model"] == MODEL


def test_after_an_error_the_focus_is_on_the_first_wrong_field(api: Api, tab: Tab) -> None:
    tab.go("make")
    send = tab.page.get_by_role("button", name="Make video")
    send.click()
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_be_focused()
    expect(prompt).to_have_attribute("aria-invalid", "true")
    assert created(api) == [""] or created(api) == []


def test_optional_media_are_behind_one_button_and_a_rich_form_fits_a_screen(tab: Tab) -> None:
    tab.go(f"make?model={RICH}")
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_be_visible()
    expect(tab.page.locator(".drop:visible")).to_have_count(0)
    assert tab.page.evaluate("document.querySelector('form').getBoundingClientRect().height") < 1000
    assert "optional" not in tab.page.locator("form").inner_text()
    image = tab.page.get_by_role("group", name="Image", exact=True)
    tab.page.get_by_role("button", name="Add media").click()
    expect(image).to_be_visible()
    tab.page.reload()
    expect(image).to_be_hidden()
    tab.page.locator("form").dispatch_event("dragenter")
    expect(image).to_be_visible()


def test_models_are_filtered_by_input_and_favourites_come_first(tab: Tab) -> None:
    tab.go("make")
    tab.page.get_by_role("button", name="Change").click()
    listed = tab.page.locator(".models li")
    expect(listed).to_have_count(40)
    tab.page.get_by_role("radio", name="Audio").check(force=True)
    expect(listed.first).to_contain_text("audio to video")
    last = listed.last
    name = last.locator("strong").inner_text()
    last.get_by_role("button", name="Favourite").click()
    expect(listed.first).to_contain_text(name)
    tab.page.reload()
    tab.page.get_by_role("button", name="Change").click()
    expect(listed.first).to_contain_text(name)


def test_models_show_their_price_for_the_chosen_settings(api: Api, tab: Tab) -> None:
    tab.go("make")
    change = tab.page.get_by_role("button", name="Change")
    change.click()
    offer = tab.page.locator(".models li").filter(has_text="Veo 3.1 Fast, text to video")
    expect(offer).to_contain_text("$0.80")
    expect(offer).to_contain_text("40 s")
    expect(tab.page.get_by_text("Prices are for one video with default settings.")).to_be_visible()
    offer.get_by_role("button").first.click()
    tab.page.get_by_role("radio", name="4", exact=True).check(force=True)
    change.click()
    expect(offer).to_contain_text("$0.40")
    expect(tab.page.get_by_text("Prices are for one video with your settings.")).to_be_visible()
    assert any("settings=" in path for _, path in api.calls)


def test_models_keep_their_default_prices_if_others_are_not_loaded(tab: Tab) -> None:
    tab.page.route(re.compile("settings="), lambda route: route.fulfill(status=500, json={"message": "no"}))
    tab.go("make")
    tab.page.get_by_role("radio", name="4", exact=True).check(force=True)
    tab.page.get_by_role("button", name="Change").click()
    offer = tab.page.locator(".models li").filter(has_text="Veo 3.1 Fast, text to video")
    expect(offer).to_contain_text("$0.80")
    expect(tab.page.get_by_text("Prices are for one video with default settings.")).to_be_visible()


def test_models_are_filtered_by_price_time_and_media(tab: Tab) -> None:
    tab.go("make")
    tab.page.get_by_role("button", name="Change").click()
    listed = tab.page.locator(".models li")
    expect(listed).to_have_count(40)
    tab.page.get_by_label("Price", exact=True).select_option("0.5")
    expect(listed.first).to_contain_text("$0.")
    costs = [float(one.removeprefix("$")) for one in tab.page.locator(".offer > :nth-child(2)").all_inner_texts()]
    assert costs == sorted(costs)
    assert costs[-1] <= 0.5
    tab.page.get_by_label("Time", exact=True).select_option("60")
    expect(tab.page.get_by_label("Price", exact=True)).to_have_value("0")
    times = [
        int(one.removesuffix(" s").replace("1:00 min", "60"))
        for one in tab.page.locator(".offer > :nth-child(4)").all_inner_texts()
    ]
    assert times == sorted(times)
    assert times[-1] <= 60
    tab.page.get_by_label("Time", exact=True).select_option("0")
    tab.page.get_by_label("Accepts", exact=True).select_option("audio")
    expect(listed.first).to_contain_text("audio")
    assert all("audio" in one for one in listed.all_inner_texts())


def test_a_newcomer_sees_good_models_first_and_later_what_was_used(tab: Tab) -> None:
    tab.go("make")
    tab.page.get_by_role("button", name="Change").click()
    groups = tab.page.locator(".models h2")
    expect(groups).to_have_text(["Good to start with", "All models"])
    first = tab.page.locator(".models li").first
    expect(first).to_contain_text("Veo 3.1 Fast, text to video")
    first.get_by_role("button").first.click()
    tab.page.get_by_role("textbox", name="Prompt").fill("a kite")
    tab.page.get_by_role("button", name="Make video").click()
    expect(tab.page.get_by_role("region", name="Results").locator(".card")).to_have_count(1)
    tab.page.get_by_role("button", name="Change").click()
    expect(groups).to_have_text(["Recent", "All models"])


def test_presets_and_recent_prompts_fill_the_form(api: Api, tab: Tab) -> None:
    api.add("an earlier kite")
    tab.go("make")
    tab.page.get_by_role("radio", name="6", exact=True).check(force=True)
    tab.page.get_by_role("button", name="Presets").click()
    dialog = tab.page.get_by_role("dialog", name="Presets")
    dialog.get_by_role("button", name="Save current settings").click()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("link", name="an earlier kite").click()
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_value("an earlier kite")
    expect(tab.page.get_by_role("radio", name="4", exact=True)).to_be_checked()
    tab.page.get_by_role("button", name="Presets").click()
    dialog.get_by_role("button", name=re.compile("^Veo.*Duration 6")).click()
    expect(tab.page.get_by_role("radio", name="6", exact=True)).to_be_checked()
    expect(prompt).to_have_value("an earlier kite")


@pytest.mark.parametrize(("each", "asks"), [(0.1, False), (0.5, True)])
def test_an_expensive_batch_asks_again(api: Api, tab: Tab, each: float, asks: bool) -> None:
    api.usd = each
    tab.go("batches")
    file = {"name": "boats.csv", "mimeType": "text/csv", "buffer": b"prompt\na boat\n"}
    tab.page.locator(".sending input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    tab.page.get_by_role("button", name=f"Start 200 rows · ${200 * each:.2f}").click()
    if asks:
        question = tab.page.get_by_role("dialog", name="Start rows for about $100.00?")
        expect(question).to_be_visible()
        assert not api.batches
        question.get_by_role("button", name="Start").click()
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text("boats.csv")


def test_batches_show_their_progress_and_group_equal_errors(api: Api, tab: Tab) -> None:
    api.furnish(30)
    tab.go("batches")
    expect(tab.page.get_by_role("progressbar", name="14 of 30 rows finished")).to_be_visible()
    tab.page.get_by_role("link", name="spring-campaign.csv").click()
    expect(
        tab.page.get_by_role("listitem").filter(has_text="10 \u00d7 The provider rejected the prompt.")
    ).to_contain_text("rows 3, 6, 9")
    tab.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(tab.page.get_by_role("button", name="Retry failed rows · about $4.00")).to_be_in_viewport()


def test_rows_that_are_loaded_have_a_place(api: Api, tab: Tab) -> None:
    api.furnish(30)
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    tab.page.route(re.compile("/report"), hold)
    with tab.page.expect_request(re.compile("/report")):
        tab.go(f"batch/{'b' * 32}")
    places, more = tab.page.locator(".skeleton .thumb"), tab.page.get_by_role("button", name="More rows")
    expect(places).to_have_count(8)
    expect(more).to_have_count(0)
    for route in waiting:
        route.continue_()
    expect(tab.page.get_by_role("table").get_by_role("row")).to_have_count(31)
    expect(places).to_have_count(0)
    expect(more).to_have_count(0)


def test_a_late_answer_does_not_bring_the_reader_back_to_the_form(api: Api, tab: Tab) -> None:
    """The form waits for the request of the earlier video, and the reader opens another page in the meantime."""
    earlier = api.add("a paper boat")
    tab.go("batches")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    tab.page.route(re.compile(f"generation_id={earlier['id']}"), hold)
    tab.go(f"make?from={earlier['id']}")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Make")
    tab.page.wait_for_timeout(200)
    tab.go("usage")
    for route in waiting:
        route.continue_()
    tab.page.wait_for_timeout(500)
    expect(tab.page).to_have_url(re.compile("#/usage"))
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Usage")
