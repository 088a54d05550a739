"""Test favourites, collections and the tags of a selection in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Route, expect

from tests.support.browser import NewTab, Tab
from tests.support.showroom import KEY, Api

LIST = re.compile(r"/v2/video/generations\?limit=")


def changes(api: Api) -> list[Any]:
    """Return the bodies of the changes of tags."""
    return [body for (method, _), body in zip(api.calls, api.bodies, strict=True) if method == "PATCH"]


def tags(api: Api, *some: dict[str, Any]) -> list[set[str]]:
    return [set(api.generations[one["id"]]["meta"]["tags"]) for one in some]


def expect_tags(tab: Tab, api: Api, some: list[dict[str, Any]], wanted: list[set[str]]) -> None:
    """Wait until the API has these tags. The page shows them sooner."""
    for _ in range(100):
        if tags(api, *some) == wanted:
            break
        tab.page.wait_for_timeout(50)
    assert tags(api, *some) == wanted


def star(tab: Tab, prompt: str) -> Locator:
    return tab.page.get_by_role("button", name=f"Favourite: {prompt}")


def select_all(tab: Tab, count: int) -> Locator:
    """Select all videos, open the dialog with their tags, and return it."""
    boxes = tab.page.locator(".card .choose input")
    expect(boxes).to_have_count(count)
    for number in range(count):
        boxes.nth(number).check(force=True)
    tab.page.get_by_role("region", name="Selection").get_by_role("button", name="Tags").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_label("Add tags")).to_be_focused()
    return dialog


# --- favourites ----------------------------------------------------------------------------------------------


def test_a_star_makes_a_favourite_on_a_card_and_on_a_page(api: Api, tab: Tab) -> None:
    one, other = api.add("kite one"), api.add("kite two", tags=["shop"])
    tab.page.reload()
    star(tab, "kite one").click()
    expect(star(tab, "kite one")).to_have_attribute("aria-pressed", "true")
    tab.page.locator(".card a", has_text="kite two").focus()
    tab.page.keyboard.press("f")
    expect(star(tab, "kite two")).to_have_attribute("aria-pressed", "true")
    expect(tab.page.get_by_role("link", name="Favourites 2")).to_be_visible()
    tab.go(f"video/{one['id']}")
    expect(tab.page.get_by_role("link", name="favourite")).to_be_visible()
    tab.page.get_by_role("button", name="Favourite").click()
    expect(tab.page.get_by_role("link", name="favourite")).to_have_count(0)
    tab.page.keyboard.press("f")
    expect(tab.page.get_by_role("link", name="favourite")).to_be_visible()
    expect_tags(tab, api, [one, other], [{"favourite"}, {"shop", "favourite"}])
    assert changes(api)[0] == {"add": ["favourite"], "remove": []}


def test_a_video_leaves_its_collection_at_once_and_undo_brings_it_back(api: Api, tab: Tab) -> None:
    for number in range(3):
        api.add(f"kite {number}", tags=["favourite"] if number else [])
    tab.page.reload()
    cards = tab.page.locator(".card")
    expect(cards).to_have_count(3)
    tab.go("?tag=favourite&order=oldest")  # no poll loads the beginning of this list again
    expect(cards).to_have_count(2)
    star(tab, "kite 1").click()
    expect(cards).to_have_count(1)
    tab.page.get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(2)
    tab.page.get_by_role("link", name="Favourites 2").click()
    expect(cards).to_have_count(3)


def test_a_late_answer_does_not_undo_a_change(api: Api, tab: Tab) -> None:
    one = api.add("a kite")
    api.add("a snail", stage="generating")
    tab.page.reload()
    expect(star(tab, "a kite")).to_have_count(1)
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        late.append((route, route.fetch()))

    tab.page.route(LIST, hold, times=1)
    while not late:
        tab.page.wait_for_timeout(50)
    star(tab, "a kite").click()
    while not changes(api):
        tab.page.wait_for_timeout(50)
    route, answer = late[0]
    with tab.page.expect_response(LIST):
        route.fulfill(response=answer)
    tab.page.wait_for_timeout(200)
    assert star(tab, "a kite").get_attribute("aria-pressed") == "true"
    expect_tags(tab, api, [one], [{"favourite"}])


def test_two_presses_in_a_row_are_sent_in_order(api: Api, tab: Tab) -> None:
    one = api.add("a kite")
    tab.page.reload()
    held: list[Route] = []

    def hold(route: Route) -> None:  # Playwright accepts no built-in method
        held.append(route)

    tab.page.route(re.compile("generation_id="), hold, times=1)
    star(tab, "a kite").click()
    expect(star(tab, "a kite")).to_have_attribute("aria-pressed", "true")
    star(tab, "a kite").click()
    expect(star(tab, "a kite")).to_have_attribute("aria-pressed", "false")
    tab.page.wait_for_timeout(100)
    assert changes(api) == []
    held[0].continue_()
    expect(tab.page.get_by_text("Tag favourite removed.")).to_be_visible()
    assert [(one["add"], one["remove"]) for one in changes(api)] == [(["favourite"], []), ([], ["favourite"])]
    expect_tags(tab, api, [one], [set()])
    expect(star(tab, "a kite")).to_have_attribute("aria-pressed", "false")


def test_two_presses_that_cannot_be_saved_are_both_taken_back(api: Api, tab: Tab) -> None:
    api.locked.add(api.add("a kite")["id"])
    tab.page.reload()
    held: list[Route] = []

    def hold(route: Route) -> None:  # Playwright accepts no built-in method
        held.append(route)

    tab.page.route(re.compile("generation_id="), hold)
    star(tab, "a kite").click()
    star(tab, "a kite").click()
    for number in range(2):
        while len(held) <= number:
            tab.page.wait_for_timeout(50)
        with tab.page.expect_response(re.compile("generation_id=")):
            held[number].continue_()
    tab.page.wait_for_timeout(200)
    assert star(tab, "a kite").get_attribute("aria-pressed") == "false"


def test_a_star_that_cannot_be_saved_is_taken_back(api: Api, tab: Tab) -> None:
    api.locked.add(api.add("a kite")["id"])
    tab.page.reload()
    star(tab, "a kite").click()
    expect(tab.page.get_by_text("Something went wrong (error 503)")).to_be_visible()
    expect(star(tab, "a kite")).to_have_attribute("aria-pressed", "false")


# --- a selection ---------------------------------------------------------------------------------------------


def test_tags_of_a_selection_are_added_and_removed_and_undone(api: Api, tab: Tab) -> None:
    videos = [
        api.add(f"kite {number}", tags=some) for number, some in enumerate((["project=a", "draft"], ["draft"], []))
    ]
    tab.page.reload()
    dialog = select_all(tab, 3)
    draft = dialog.get_by_label("draft")
    assert draft.evaluate("(box) => box.indeterminate")
    expect(dialog.get_by_text("2 of 3")).to_be_visible()
    draft.click()
    expect(draft).to_be_checked()
    draft.click()
    dialog.get_by_label("Add tags").fill("project=b, summer")
    assert tab.axe() == []
    tab.page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(tab.page.get_by_role("region", name="Selection")).to_have_count(0)
    expect_tags(tab, api, [*videos], [{"project=b", "summer"}] * 3)
    assert changes(api) == [{"add": ["project=b", "summer"], "remove": ["draft"]}] * 3
    expect(tab.page.get_by_role("link", name="summer 3")).to_be_visible()
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.get_by_role("link", name="draft 2")).to_be_visible()
    expect(tab.page.get_by_role("link", name="summer")).to_have_count(0)
    expect_tags(tab, api, [*videos], [{"project=a", "draft"}, {"draft"}, set()])


def test_a_bad_tag_is_said_next_to_the_field_and_changes_nothing(api: Api, tab: Tab) -> None:
    videos = [api.add(f"kite {number}") for number in range(4)]
    tab.page.reload()
    dialog = select_all(tab, 4)
    field = dialog.get_by_label("Add tags")
    field.fill("x" * 51)
    dialog.get_by_role("button", name="Save").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("A tag is key=value or a word: a key of at most 50"))
    assert len(changes(api)) == 1
    expect(dialog).to_have_accessible_name("Tags of 4 videos")
    expect_tags(tab, api, [*videos], [set()] * 4)
    field.fill("x" * 50)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect_tags(tab, api, [*videos], [{"x" * 50}] * 4)


def test_a_selection_that_is_changed_in_part_names_the_rest_and_loses_nothing(api: Api, tab: Tab) -> None:
    videos = [api.add(f"kite {number}") for number in range(6)]
    videos[2]["meta"]["tags"] = [f"t{number}" for number in range(20)]
    api.locked.add(videos[4]["id"])
    tab.page.reload()
    dialog = select_all(tab, 6)
    dialog.get_by_label("Add tags").fill("summer")
    dialog.get_by_role("button", name="Save").click()
    problem = dialog.get_by_role("alert")
    expect(problem).to_contain_text("Not saved: “kite")
    expect(problem).to_contain_text("“kite 2”")
    expect(problem).to_contain_text("“kite 4”")
    expect(problem).to_contain_text("Save again to retry only these.")
    expect(dialog).to_have_accessible_name("Tags of 2 videos")
    expect(dialog.get_by_label("Add tags")).to_have_value("summer")
    api.locked.clear()
    videos[2]["meta"]["tags"].pop()
    sent = len(changes(api))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    assert len(changes(api)) == sent + 2
    assert all("summer" in some for some in tags(api, *videos))
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.get_by_role("link", name=re.compile("summer"))).to_have_count(0)
    assert not any("summer" in some for some in tags(api, *videos))


def test_a_lost_connection_leaves_the_selection_and_what_was_typed(api: Api, tab: Tab) -> None:
    videos = [api.add(f"kite {number}") for number in range(3)]
    tab.page.reload()
    dialog = select_all(tab, 3)
    tab.page.route(re.compile("generation_id="), lambda route: route.abort())
    dialog.get_by_label("Add tags").fill("summer")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Cannot reach Promptreel")
    expect(dialog).to_have_accessible_name("Tags of 3 videos")
    tab.page.unroute_all()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect_tags(tab, api, [*videos], [{"summer"}] * 3)


def test_the_tags_of_one_video_are_edited_on_its_page(api: Api, tab: Tab) -> None:
    one = api.add("a kite", tags=["draft", "client=acme"])
    tab.go(f"video/{one['id']}")
    expect(tab.page.get_by_role("link", name="client=acme")).to_be_visible()
    tab.page.keyboard.press("t")
    dialog = tab.page.get_by_role("dialog", name="Tags")
    expect(dialog.get_by_label("Add tags")).to_have_value("")
    dialog.get_by_label("draft").uncheck()
    dialog.get_by_label("Add tags").fill("سوق")
    dialog.get_by_role("button", name="Save").click()
    expect(tab.page.get_by_role("button", name="Edit tags")).to_be_focused()
    expect(tab.page.get_by_role("link", name="سوق")).to_be_visible()
    expect_tags(tab, api, [one], [{"client=acme", "سوق"}])
    tab.page.get_by_role("link", name="client=acme").click()
    expect(tab.page).to_have_url(re.compile("tag=client%3Dacme"))
    expect(tab.page.locator(".card")).to_have_count(1)


# --- collections ---------------------------------------------------------------------------------------------


def test_collections_filter_the_list_in_the_address_and_in_the_history(api: Api, tab: Tab) -> None:
    for number in range(5):
        api.add(f"kite {number}", tags=["shop"] if number < 2 else ["keep"] if number == 2 else [])
    tab.page.reload()
    cards, row = tab.page.locator(".card"), tab.page.get_by_role("group", name="Collections")
    expect(row.get_by_role("link")).to_have_text(
        [re.compile(r"Favourites\s*0"), re.compile(r"Kept\s*1"), re.compile(r"shop\s*2")]
    )
    tab.page.get_by_label("Order").select_option("Oldest first")
    row.get_by_role("link", name="shop").click()
    expect(cards).to_have_count(2)
    expect(row.get_by_role("link", name="shop")).to_have_attribute("aria-current", "true")
    assert "tag=shop" in tab.page.url
    assert "order=oldest" in tab.page.url
    expect(tab.page.get_by_label("Tag", exact=True)).to_have_value("shop")
    row.get_by_role("link", name="Kept").click()
    expect(cards).to_have_count(1)
    tab.page.go_back()
    expect(cards).to_have_count(2)
    tab.page.reload()
    expect(row.get_by_role("link", name="shop")).to_have_attribute("aria-current", "true")
    row.get_by_role("link", name="shop").click()
    expect(cards).to_have_count(5)
    assert "order=oldest" in tab.page.url


def test_the_number_of_videos_is_shown_only_if_all_are_known(api: Api, tab: Tab) -> None:
    for number in range(300):
        api.add(f"kite {number}", tags=["old"] if number == 0 else ["shop"] if number > 290 else [])
    tab.page.reload()
    row = tab.page.get_by_role("group", name="Collections")
    # The API in memory has spent money on `shop` and `client=acme`.
    expect(row.get_by_role("link")).to_have_text(["Favourites", "client=acme", "shop"], use_inner_text=True)
    tab.go("?tag=old")
    expect(tab.page.locator(".card")).to_have_count(1)
    expect(row.get_by_role("link", name="old")).to_have_attribute("aria-current", "true")


def test_any_word_can_be_a_tag(api: Api, tab: Tab) -> None:
    hostile = ["constructor", "__proto__=1", "<b>bold</b>", "قارب"]
    one = api.add("a kite", tags=hostile)
    tab.page.reload()
    row = tab.page.get_by_role("group", name="Collections")
    for tag in hostile:
        expect(row.get_by_role("link", name=tag)).to_be_visible()
    dialog = select_all(tab, 1)
    dialog.get_by_label("constructor").uncheck()
    dialog.get_by_label("__proto__=1").uncheck()
    dialog.get_by_label("Add tags").fill("toString")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect_tags(tab, api, [one], [{"<b>bold</b>", "قارب", "toString"}])
    row.get_by_role("link", name="toString").click()
    expect(tab.page.locator(".card")).to_have_count(1)


# --- comparing -----------------------------------------------------------------------------------------------


def test_the_better_of_two_is_kept(api: Api, tab: Tab) -> None:
    one, other = api.add("kite one"), api.add("kite two")
    tab.go(f"compare/{one['id']},{other['id']}")
    keep = tab.page.get_by_role("button", name="Keep this one").nth(1)
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    expect(tab.page.locator(".is-kept")).to_contain_text("kite two")
    expect_tags(tab, api, [one, other], [set(), {"keep"}])
    assert tab.axe() == []
    keep.click()
    expect(keep).to_have_attribute("aria-pressed", "false")
    tab.page.get_by_role("button", name="Undo").click()
    expect(keep).to_have_attribute("aria-pressed", "true")
    tab.go("?tag=keep")
    expect(tab.page.locator(".card")).to_have_count(1)


@pytest.mark.parametrize(("width", "height", "is_stacked"), [(1000, 1300, True), (1600, 900, False), (360, 740, True)])
def test_two_landscapes_fill_the_window(api: Api, tab: Tab, width: int, height: int, is_stacked: bool) -> None:
    ids = [api.add(f"kite {number}")["id"] for number in range(2)]
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.go(f"compare/{ids[0]},{ids[1]}")
    players, controls = tab.page.locator(".player"), tab.page.locator(".controls")
    expect(players).to_have_count(2)
    tab.page.wait_for_function("() => document.querySelector('.player video')?.readyState > 0")
    first, second = (players.nth(number).bounding_box() for number in range(2))
    bar = controls.bounding_box()
    assert first
    assert second
    assert bar
    assert (second["y"] >= first["y"] + first["height"]) == is_stacked
    foot = 56 if width <= 640 else 0
    assert bar["y"] + bar["height"] == pytest.approx(height - foot, abs=2), "the controls are at the bottom"
    wasted_width = width - (first["width"] if is_stacked else first["width"] + second["width"])
    wasted_height = bar["y"] - (second["y"] + second["height"])
    assert min(wasted_width / width, wasted_height / height) < 0.12, "they cannot be much larger"
    assert not tab.page.evaluate("document.documentElement.scrollWidth > innerWidth")


# --- keys that may only read ---------------------------------------------------------------------------------


def test_a_key_that_may_only_read_changes_no_tags(api: Api, tab_of: NewTab) -> None:
    api.scope = "read"
    one = api.add("kite one", tags=["favourite"])
    other = api.add("kite two")
    tab = tab_of(reduced_motion="reduce").sign_in(KEY)
    expect(tab.page.get_by_role("img", name="Favourite: kite one")).to_be_visible()
    expect(star(tab, "kite two")).to_have_count(0)
    tab.page.locator(".card .choose input").first.check(force=True)
    button = tab.page.get_by_role("region", name="Selection").get_by_role("button", name="Tags")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", re.compile("can only read"))
    tab.page.locator(".card a").first.focus()
    tab.page.keyboard.press("f")
    expect(tab.page.get_by_role("status").get_by_text("can only read")).to_be_visible()
    tab.go(f"video/{one['id']}")
    expect(tab.page.get_by_role("button", name="Edit tags")).to_be_disabled()
    tab.page.keyboard.press("t")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    tab.go(f"compare/{one['id']},{other['id']}")
    expect(tab.page.get_by_role("button", name="Keep this one").first).to_be_disabled()
    assert changes(api) == []
    assert tab.axe() == []


# --- what uses a video ---------------------------------------------------------------------------------------


def test_the_search_for_uses_says_how_far_it_went_and_goes_on(api: Api, tab: Tab) -> None:
    first = api.add("the beginning")
    for number in range(150):
        api.add(f"kite {number}")
    api.add("the end", request={"video_url": f"generation:{first['id']}"})
    api.add("a kite at last")
    tab.go(f"video/{first['id']}")
    hint = tab.page.get_by_text("Searched the next 100 videos for uses of this one.")
    expect(hint).to_be_visible()
    expect(tab.page.locator(".parts")).to_have_count(0)
    tab.page.get_by_role("button", name="Search more").click()
    expect(tab.page.locator(".parts li")).to_have_text([re.compile("This video"), re.compile("Used by\\s*the end")])
    expect(hint).to_have_count(0)
