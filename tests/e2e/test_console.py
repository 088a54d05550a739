"""The console in a real browser, against the deployed stack: as its users meet it, and as those who mean harm do."""

import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from core.generation import Status, iso
from promptreel.operator.keys import ApiKeys
from tests.support.browser import FRAME, PATIENCE, Tab, chromium
from tests.support.local_cloud import LocalCloud, Run, eventually, unique

pytestmark = pytest.mark.xdist_group("browser")  # one for all
MODEL, PICTURE_MODEL = "google/veo-3.1-t2v-fast", "google/veo-3.1-i2v-fast"
HOSTILE = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>&lt;b&gt; \u202e"
NewTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def tab_of(cloud: LocalCloud, browser: Browser) -> Iterator[NewTab]:
    """Opens tabs; afterwards none may have broken the page's policy, or have raised an error."""
    opened: list[Tab] = []

    def open_tab(**options: Any) -> Tab:
        size = options.pop("viewport", ViewportSize(width=1280, height=900))
        context = browser.new_context(viewport=size, ignore_https_errors=True, **options)
        opened.append(Tab.open(context, cloud.stack.api_url))
        return opened[-1]

    yield open_tab
    problems = [problem for tab in opened for problem in tab.problems()]
    for tab in opened:
        tab.page.context.close()
    assert problems == []


@pytest.fixture
def owner() -> str:
    return f"looks-{uuid4().hex[:12]}"


@pytest.fixture
def key(cloud: LocalCloud, owner: str) -> str:
    """Of an owner who has nothing yet."""
    return cloud.key_of(owner)


@pytest.fixture
def tab(tab_of: NewTab, key: str) -> Tab:
    return tab_of().sign_in(key)


def made(cloud: LocalCloud, key: str, prompt: str, **fields: Any) -> str:
    """A finished video of this key's owner."""
    cloud.simulator.script(prompt, seconds=0)
    request = {"model": MODEL, "prompt": prompt, "duration": 4, **fields}
    answer = cloud.call("POST", json=request, headers={"Authorization": f"Bearer {key}"})
    assert answer.ok, answer.text
    generation_id = str(answer.json()["id"])
    cloud.ended(generation_id)
    return generation_id


def latest(cloud: LocalCloud, owner: str) -> list[Any]:
    return list(cloud.listed(owner))


def now_at(film: Locator) -> float:
    return float(film.evaluate("(film) => film.currentTime"))


def wait_for(page: Page, condition: str, argument: Any = None) -> None:
    page.wait_for_function(condition, arg=argument, timeout=PATIENCE)


# --- signing in ------------------------------------------------------------------------------------------------


def test_a_link_signs_in_and_the_key_is_gone_from_the_address_at_once(tab_of: NewTab, key: str) -> None:
    tab = tab_of()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.sign_in(key)
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()
    assert key not in tab.page.url
    assert not any(key in url for url in asked)
    tab.page.go_back()
    assert key not in tab.page.url, "nor is it in the history"
    tab.page.go_forward()
    assert tab.page.evaluate("Object.values(sessionStorage).length") > 0
    assert key not in str(tab.page.evaluate("Object.values(localStorage)")), "kept for the tab"
    tab.go("account")
    tab.page.get_by_label("Keep me signed in").check()
    assert key in tab.page.evaluate("Object.values(localStorage)")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("API key")).to_be_visible()
    kept = tab.page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)]")
    assert key not in str(kept)


def test_a_key_that_is_none_is_told_so_and_one_that_is_signs_in(tab_of: NewTab, key: str) -> None:
    tab = tab_of()
    tab.page.goto(f"{tab.url}/")
    field, button = tab.page.get_by_label("API key"), tab.page.get_by_role("button", name="Sign in")
    for wrong, said in (("boat", "begins with pr_"), ("pr_00000000_" + "a" * 43, "not valid")):
        field.fill(wrong)
        button.click()
        expect(tab.page.get_by_role("alert")).to_contain_text(said)
    field.fill(f" {key} ")
    button.click()
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()


# --- making ----------------------------------------------------------------------------------------------------


def test_a_video_is_made_watched_and_played(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    prompt = unique("a lighthouse in a storm")
    cloud.simulator.script(prompt, seconds=4)
    tab.go("make")
    tab.choose_model(MODEL)
    tab.prompt(prompt)
    tab.page.get_by_role("radio", name="4").check()
    tab.page.locator("summary").click()
    tab.page.get_by_label("Tags").fill("shop, day=1")
    tab.page.get_by_label("Webhook").fill("https://receiver.invalid/told")
    expect(tab.page.locator(".estimate")).to_be_visible()
    tab.page.get_by_role("button", name="Make the video").click()
    results = tab.page.get_by_role("region", name="Made here")
    expect(results.get_by_text(re.compile("Waiting|Generating"))).to_be_visible()
    tab.go("")
    # It is live, without a reload.
    expect(tab.page.locator(".card .stage")).to_have_count(0)
    film = tab.page.locator(".card video")
    expect(film).to_have_class(re.compile("is-there"))
    tab.page.locator(".card a").hover()
    wait_for(tab.page, "() => document.querySelector('.card video').currentTime > 0.5")
    tab.page.locator(".card a").click()
    player = tab.page.get_by_label(re.compile("^Video: a lighthouse"))
    wait_for(tab.page, "() => document.querySelector('.player video')?.currentTime > 0.2")
    first, at = player.evaluate(FRAME), now_at(player)
    wait_for(tab.page, "(at) => document.querySelector('.player video').currentTime > at + 1", at)
    assert player.evaluate(FRAME) != first, "frames differ"
    for stage in ("Accepted", "Sent to the provider", "Generated", "Stored and checked"):
        expect(tab.page.get_by_text(stage, exact=True)).to_be_visible()
    [generation] = latest(cloud, owner)
    assert generation.request == {"model": MODEL, "prompt": prompt, "duration": 4}
    assert generation.tags == ["shop", "day=1"]
    assert cloud.creates(prompt) == 1
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == f"{generation.generation_id}.mp4"
    assert saved.value.path().read_bytes()[4:8] == b"ftyp"
    tab.go("account")
    told = tab.page.get_by_role("region", name="Deliveries").get_by_role("row", name="https://receiver.invalid/told")
    expect(told).to_contain_text(re.compile("Under way|Given up"))
    tab.page.get_by_role("button", name="Show the secret").click()
    expect(tab.page.get_by_text(re.compile("^whsec_"))).to_be_visible()


def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_is_kept(tab: Tab, key: str) -> None:
    tab.go("make")
    tab.choose_model(PICTURE_MODEL)
    tab.page.get_by_role("button", name="Make the video").click()
    for field in ("prompt", "image_url"):
        beside = tab.page.locator(f"[data-field={field}] .problem:not(:empty)")
        expect(beside).to_have_text(f"`prompt`, `image_url` is required by model {PICTURE_MODEL}.")
    tab.prompt("a kite that is kept")
    expect(tab.page.locator("[data-field=prompt] .problem:not(:empty)")).to_have_count(0)
    tab.page.reload()
    prompt = tab.page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_value("a kite that is kept")
    tab.go("account")
    tab.page.get_by_role("button", name="Sign out").click()
    tab.sign_in(key)
    tab.go("make")
    expect(prompt).to_have_value("a kite that is kept")


def test_a_picture_and_a_frame_of_a_video_become_inputs(cloud: LocalCloud, tab: Tab, key: str, owner: str) -> None:
    made(cloud, key, unique("a first video"))
    prompt = unique("a teal sea")
    cloud.simulator.script(prompt, seconds=0)
    file = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(file, "PNG")
    tab.go("make")
    tab.choose_model("google/veo-3.1-first-last-image-to-video-fast")
    tab.prompt(prompt)
    chosen = {"name": "sea.png", "mimeType": "image/png", "buffer": file.getvalue()}
    tab.page.locator("[data-field=image_url] input[type=file]").set_input_files(chosen)  # type: ignore[arg-type]
    expect(tab.page.get_by_text("sea.png")).to_be_visible()
    wrong = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}
    tab.page.locator("[data-field=last_image_url] input[type=file]").set_input_files(wrong)  # type: ignore[arg-type]
    expect(tab.page.locator("[data-field=last_image_url]").get_by_role("alert")).to_contain_text("is not taken here")
    tab.page.get_by_role("button", name="take a frame of your videos").click()
    tab.page.locator(".pick").first.click()
    wait_for(tab.page, "() => document.querySelector('.frame video')?.readyState >= 2")
    tab.page.get_by_role("button", name="Use this frame").click()
    expect(tab.page.locator(".given img")).to_have_count(2)
    tab.page.get_by_role("button", name="Make the video").click()
    newest = eventually(lambda: next((one for one in latest(cloud, owner) if one.request["prompt"] == prompt), None))
    ended = cloud.ended(newest.generation_id)
    assert ended.status is Status.COMPLETED, ended.error
    assert [given.content_type for given in ended.given or []] == ["image/png", "image/png"]
    assert len({given.size for given in ended.given or []}) == 2


def test_variations_have_seeds_of_their_own_and_are_compared_in_step(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    prompt = unique("a paper boat")
    cloud.simulator.script(prompt, seconds=0)
    tab.go("make")
    tab.choose_model(MODEL)
    tab.prompt(prompt)
    tab.page.get_by_label("Variations").select_option("3")
    tab.page.get_by_role("button", name="Make 3 videos").click()
    results = tab.page.get_by_role("region", name="Made here")
    expect(results.locator("video")).to_have_count(3)
    assert len({one.request["seed"] for one in latest(cloud, owner)}) == 3
    tab.go("")
    expect(tab.page.get_by_role("checkbox")).to_have_count(3)
    for box in tab.page.get_by_role("checkbox").all():
        box.check(force=True)
    tab.page.get_by_role("link", name="Compare").click()
    films = "[...document.querySelectorAll('.player video')]"
    wait_for(tab.page, f"() => {films}.filter((one) => one.readyState > 2).length === 3")
    tab.page.get_by_role("button", name="Play").click()
    wait_for(tab.page, f"() => {films}.every((one) => one.currentTime > 1)")
    times = tab.page.evaluate(f"{films}.map((one) => one.currentTime)")
    assert max(times) - min(times) < 0.25, "in step"
    tab.page.get_by_role("button", name="Pause").click()
    tab.page.get_by_role("slider", name="Position").fill("2")
    wait_for(tab.page, f"() => {films}.every((one) => one.paused && Math.abs(one.currentTime - 2) < 0.02)")


def test_without_a_connection_nothing_is_lost_or_made_twice(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    prompt = unique("a fox in the snow")
    cloud.simulator.script(prompt, seconds=0)
    tab.go("make")
    tab.choose_model(MODEL)
    tab.prompt(prompt)
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        return route.abort("connectionreset")

    tab.page.route(re.compile(r"/v2/video/generations"), lose_the_answer)
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.locator("form [role=alert]")).to_contain_text("cannot be reached")
    expect(tab.page.get_by_text("No connection.")).to_be_visible()
    assert len(lost) == 1
    assert len(latest(cloud, owner)) == 1, "the call was made, and its answer lost"
    tab.page.unroute_all()
    tab.page.context.set_offline(True)
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.locator("form [role=alert]")).to_contain_text("cannot be reached")
    tab.page.context.set_offline(False)
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.get_by_role("region", name="Made here").locator("video")).to_have_count(1)
    expect(tab.page.get_by_text("No connection.")).to_have_count(0)
    assert len(latest(cloud, owner)) == 1
    assert cloud.creates(prompt) == 1


def test_too_many_requests_are_waited_out(cloud: LocalCloud, tab: Tab) -> None:
    prompt = unique("a tram")
    cloud.simulator.script(prompt, seconds=0)
    tab.go("make")
    tab.choose_model(MODEL)
    tab.prompt(prompt)
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "POST" and not refused:
            refused.append(route)
            return route.fulfill(status=429, json={"message": "Too Many Requests"})  # as API Gateway answers
        return route.continue_()

    tab.page.route(re.compile(r"/v2/video/generations"), refuse_once)
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.get_by_role("region", name="Made here").locator("video")).to_have_count(1)
    assert refused
    assert cloud.creates(prompt) == 1


def test_what_no_budget_has_room_for_is_told_before_it_is_sent(
    cloud: LocalCloud, tab: Tab, owner: str, run: Run
) -> None:
    run("budgets", "set", "--day", "0.01", "--owner", owner)
    tab.go("make")
    tab.choose_model("veo2")
    tab.prompt(unique("a palace of gold"))
    expect(tab.page.locator(".estimate")).to_contain_text("budget")
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.locator("form [role=alert]")).to_contain_text("budget")
    assert latest(cloud, owner) == []
    tab.go("usage")
    expect(tab.page.get_by_role("meter")).to_have_attribute("aria-valuemax", "0.01")


# --- what was made ---------------------------------------------------------------------------------------------


def test_a_job_is_cancelled_and_an_ended_one_deleted_unless_that_is_undone(
    cloud: LocalCloud, tab: Tab, key: str, owner: str
) -> None:
    prompt = unique("a snail")
    cloud.simulator.script(prompt, seconds=300)
    answer = cloud.call("POST", json={"model": MODEL, "prompt": prompt}, headers={"Authorization": f"Bearer {key}"})
    generation_id = answer.json()["id"]
    tab.go(f"video/{generation_id}")
    tab.page.get_by_role("button", name="Cancel the job").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
    expect(tab.page.locator(".player").get_by_text("Cancelled")).to_be_visible()
    assert str(cloud.ended(generation_id).error).startswith("Cancelled")
    tab.page.get_by_role("button", name="Delete").click()
    expect(tab.page.locator(".card")).to_have_count(0)
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.locator(".card")).to_have_count(1)
    tab.page.wait_for_timeout(8000)
    assert [one.generation_id for one in latest(cloud, owner)] == [generation_id], "it was undone"
    tab.page.locator(".card a").click()
    tab.page.get_by_role("button", name="Delete").click()
    expect(tab.page.locator(".card")).to_have_count(0)
    eventually(lambda: latest(cloud, owner) == [] or None)
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()


def test_a_failure_is_told_in_words_with_what_to_do(cloud: LocalCloud, tab: Tab, key: str) -> None:
    prompt = unique("a banquet")
    cloud.simulator.script(prompt, seconds=0, outcome="error")
    answer = cloud.call("POST", json={"model": MODEL, "prompt": prompt}, headers={"Authorization": f"Bearer {key}"})
    cloud.ended(answer.json()["id"])
    tab.page.locator(".card a").click()
    expect(tab.page.get_by_role("note")).to_contain_text("The provider could not generate the video")
    expect(tab.page.get_by_role("note")).to_contain_text("It was not charged. Run it again")
    tab.page.get_by_role("link", name="Vary").click()
    expect(tab.page.get_by_role("textbox", name="Prompt").first).to_have_value(prompt)


def test_prompts_are_text_whatever_is_in_them_and_however_long(cloud: LocalCloud, tab: Tab, key: str) -> None:
    for prompt in (f"{HOSTILE} {uuid4().hex}", f"{uuid4().hex} " + "many words " * 900):
        generation_id = made(cloud, key, prompt)
        tab.go(f"video/{generation_id}")
        expect(tab.page.locator("h1")).to_have_text(prompt.strip(), use_inner_text=False)
        tab.go("")
        expect(tab.page.locator(f".card a[href='#/video/{generation_id}']")).to_be_visible()
        width = tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, "nothing sticks out"
    tab.page.get_by_role("searchbox", name="Prompt").fill("onerror")
    expect(tab.page.locator(".card")).to_have_count(1)
    assert tab.page.locator("img").count() == 0
    assert "harmed" not in tab.page.title()


def test_a_key_that_is_revoked_in_the_middle_is_asked_for_anew_and_nothing_typed_is_lost(
    cloud: LocalCloud, tab: Tab, key: str, owner: str
) -> None:
    tab.go("make")
    tab.choose_model(MODEL)
    prompt = unique("a glass elevator")
    cloud.simulator.script(prompt, seconds=0)
    tab.prompt(prompt)
    ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn).revoke(key.split("_")[1])

    forms = (f"Bearer{' ' * spaces}{key}" for spaces in count(2))

    def ask_anew(route: Route) -> None:
        """The gateway remembers a verdict for four minutes, by what the header is: another form of it is news."""
        headers = route.request.headers
        if key in headers.get("authorization", ""):
            headers = {**headers, "authorization": next(forms)}
        route.continue_(headers=headers)

    def is_refused() -> bool | None:
        answer = cloud.call("GET", "/v2/models", params={"limit": "1"}, headers={"Authorization": next(forms)})
        return answer.status_code == HTTPStatus.UNAUTHORIZED or None

    eventually(is_refused)
    tab.page.route(re.compile("/v2/"), ask_anew)
    tab.page.get_by_role("button", name="Make the video").click()
    dialog = tab.page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("not any more")
    dialog.get_by_label("API key").fill(cloud.key_of(owner))
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(tab.page.get_by_role("textbox", name="Prompt").first).to_have_value(prompt)
    tab.page.get_by_role("button", name="Make the video").click()
    expect(tab.page.get_by_role("region", name="Made here").locator("video")).to_have_count(1)


# --- batches ---------------------------------------------------------------------------------------------------


def test_a_batch_is_checked_before_it_starts_followed_and_what_failed_runs_again(cloud: LocalCloud, tab: Tab) -> None:
    good, bad = unique("a boat in a batch"), unique("a banquet in a batch")
    cloud.simulator.script(good, seconds=0)
    cloud.simulator.script(bad, seconds=0, outcome="error")
    rows = ["prompt,model,duration", f'"{good}",{MODEL},4', f'"{bad}",{MODEL},4', f"A kite,{MODEL},60"]
    name = f"{uuid4().hex}.csv"
    tab.go("batches")

    def drop(*lines: str) -> None:
        file = {"name": name, "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
        tab.page.locator(".sending input[type=file]").set_input_files(file)  # type: ignore[arg-type]

    drop(*rows)
    cells = tab.page.get_by_role("row", name=re.compile("duration")).get_by_role("cell")
    expect(cells).to_have_text(["3", "4", "duration", re.compile("`duration` must be one of 4, 6, 8, not 60.")])
    expect(tab.page.get_by_role("button", name="Start the other 2 rows")).to_be_visible()
    assert cloud.creates(good) == 0, "nothing has started"
    drop(*rows[:3])
    expect(tab.page.get_by_text("All rows are fine.")).to_be_visible()
    tab.page.get_by_role("button", name="Start 2 rows").click()
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text(name)
    progress = tab.page.get_by_role("progressbar")
    expect(progress).to_have_attribute("aria-valuenow", "2", timeout=2 * PATIENCE)
    expect(tab.page.get_by_text("1 done")).to_be_visible()
    with tab.page.expect_download() as report:
        tab.page.get_by_role("button", name="Download the report").click()
    assert len(report.value.path().read_text("utf-8").splitlines()) == 3
    cloud.simulator.script(bad, seconds=0, outcome="completed")
    tab.page.get_by_role("button", name="Run what failed again").click()
    expect(tab.page.get_by_text("2 done")).to_be_visible(timeout=2 * PATIENCE)
    with tab.page.expect_download() as video:
        tab.page.get_by_role("button", name="Download the videos").click()
    assert video.value.path().read_bytes()[4:8] == b"ftyp"
    assert cloud.creates(good) == 1
    tab.page.get_by_role("link", name="Show its videos").click()
    expect(tab.page.locator(".card video")).to_have_count(2)


# --- everyone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_axe_finds_nothing_and_nothing_sticks_out_or_jumps(
    cloud: LocalCloud, tab_of: NewTab, key: str, theme: str, width: int
) -> None:
    generation_id = made(cloud, key, unique("a kite"), seed=7)
    failing = unique("a banquet")
    cloud.simulator.script(failing, seconds=0, outcome="error")
    answer = cloud.call("POST", json={"model": MODEL, "prompt": failing}, headers={"Authorization": f"Bearer {key}"})
    cloud.ended(answer.json()["id"])
    size = ViewportSize(width=width, height=width * 9 // 16 if width > 400 else 740)
    tab = tab_of(viewport=size, color_scheme=theme, reduced_motion="reduce")
    tab.page.goto(f"{tab.url}/")
    expect(tab.page.get_by_label("API key")).to_be_visible()
    found = [f"sign in: {problem}" for problem in tab.axe()]
    tab.sign_in(key)
    pages = {
        "": ".card .is-there",
        f"video/{generation_id}": ".timeline",
        f"video/{answer.json()['id']}": ".failure",
        f"compare/{generation_id},{generation_id}": ".controls",
        "make": ".models li",
        f"make?from={generation_id}": "[data-field=prompt]",
        "batches": ".drop",
        "usage": ".plot",
        "account": "dl",
    }
    for page, seen in pages.items():
        tab.go(page)
        expect(tab.page.locator(seen).first).to_be_visible()
        found += [f"{page}: {problem}" for problem in tab.axe()]
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page}: sticks out")
    assert found == []
    tab.go("")
    tab.page.reload()
    expect(tab.page.locator(".card .is-there").first).to_be_visible()
    assert tab.page.evaluate("window.shifts") < 0.02


def test_the_keyboard_alone_reaches_everything(cloud: LocalCloud, tab: Tab, key: str, owner: str) -> None:
    made(cloud, key, unique("a harbour"))
    expect(tab.page.locator(".card video")).to_be_visible()
    keyboard = tab.page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(60):
            keyboard.press("Tab")
            focused = tab.page.evaluate("document.activeElement.textContent + (document.activeElement.ariaLabel ?? '')")
            if name in focused:
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("a harbour")
    wait_for(tab.page, "() => document.querySelector('.card video').currentTime > 0.3")
    keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text("a harbour")
    tab_to("Run again")
    tab_to("Vary")
    keyboard.press("Enter")
    expect(tab.page.get_by_label("Variations")).to_have_value("4")
    prompt = unique("a harbour by night")
    cloud.simulator.script(prompt, seconds=0)
    tab.page.get_by_role("textbox", name="Prompt").first.focus()
    keyboard.press("ControlOrMeta+a")
    keyboard.type(prompt)
    tab_to("Make 4 videos")
    keyboard.press("Enter")
    eventually(lambda: len([one for one in latest(cloud, owner) if one.request["prompt"] == prompt]) == 4 or None)


def test_a_thousand_videos_scroll_and_only_what_is_seen_is_drawn(cloud: LocalCloud, tab_of: NewTab, key: str) -> None:
    one = cloud.ledger.table.get(made(cloud, key, unique("one of a thousand"))) or {}
    start = datetime.now(UTC) - timedelta(days=30)
    ledger = cloud.ledger.table
    for number in range(999):
        at = iso(start + timedelta(minutes=number))
        ledger.put({**one, "generation_id": uuid4().hex, "created_at": at}, "attribute_not_exists(generation_id)")
    tab = tab_of().sign_in(key)
    expect(tab.page.locator(".card .is-there").first).to_be_visible()
    drawn = 0
    for _ in range(400):
        tab.page.mouse.wheel(0, 4000)
        tab.page.wait_for_timeout(60)
        drawn = max(drawn, tab.page.locator(".card").count())
        if tab.page.get_by_text("That is all.").is_visible():
            break
    expect(tab.page.get_by_text("That is all.")).to_be_visible()
    tab.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = tab.page.locator(".card").last
    expect(last).to_have_attribute("aria-posinset", "1000")
    expect(last).to_have_attribute("aria-setsize", "1000")
    expect(last.locator(".is-there")).to_be_visible()
    assert drawn <= 60
    elements = tab.page.evaluate("document.querySelectorAll('*').length")
    assert elements < 1500
