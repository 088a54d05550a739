"""Test the console in a real browser against the deployed stack, for its users and for attackers."""

import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from core.generation import Status, iso
from core.records.table import write
from promptreel.operator.keys import ApiKeys
from tests.support.browser import FRAME, PATIENCE, Tab
from tests.support.furnished import HOURS, Furnished
from tests.support.local_cloud import LocalCloud, Run, eventually, unique

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("browser")]  # shared by all tests
MODEL, PICTURE_MODEL = "google/veo-3.1-t2v-fast", "google/veo-3.1-i2v-fast"
HOSTILE = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>&lt;b&gt; \u202e"
Outcome = Literal["completed", "error"]
NewTab = Callable[..., Tab]
OWNERS = 30  # more than the number of tests
THERE, MANY = 300, 10_000  # videos
SCROLL_TO_THE_END = """async () => {
  let most = 0;
  for (let still = 0; still < 2000; still++) {
    const height = document.documentElement.scrollHeight;
    scrollTo(0, height);
    await new Promise((resolve) => setTimeout(resolve, 30));
    most = Math.max(most, document.querySelectorAll(".card").length);
    if (document.querySelector(".end").textContent.includes("No more videos")) {
      scrollTo(0, document.documentElement.scrollHeight);
      return most;
    }
    if (document.documentElement.scrollHeight > height) still = 0;
  }
  throw new Error("The list does not go on.");
}"""


@pytest.fixture
def tab_of(cloud: LocalCloud, browser: Browser) -> Iterator[NewTab]:
    """Open tabs. At the end, fail if one violated the page's policy or raised an error."""
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


@pytest.fixture(scope="session")
def newcomers(cloud_of_the_tests: LocalCloud) -> Iterator[tuple[str, str]]:
    """Create all owners without generations at once, because it takes a moment until a key is valid."""
    return iter(cloud_of_the_tests.keys_of(*(f"looks-{uuid4().hex[:12]}" for _ in range(OWNERS))).items())


@pytest.fixture
def newcomer(newcomers: Iterator[tuple[str, str]]) -> tuple[str, str]:
    return next(newcomers)


@pytest.fixture
def owner(newcomer: tuple[str, str]) -> str:
    return newcomer[0]


@pytest.fixture
def key(newcomer: tuple[str, str]) -> str:
    """Return the key of an owner without generations."""
    return newcomer[1]


@pytest.fixture
def tab(tab_of: NewTab, key: str) -> Tab:
    return tab_of().sign_in(key)


@pytest.fixture(scope="module")
def furnished(cloud_of_the_module: LocalCloud, newcomers: Iterator[tuple[str, str]]) -> Iterator[tuple[str, Furnished]]:
    """Return the key of an owner with something on every page, and what that is."""
    owner, key = next(newcomers)
    has = Furnished.of(cloud_of_the_module, owner, key)
    yield key, has
    has.cancel(cloud_of_the_module, key)


def asked(cloud: LocalCloud, key: str, prompt: str, seconds: float = 0, outcome: Outcome = "completed") -> str:
    """Request a video as the owner of this key and return its generation."""
    cloud.simulator.script(prompt, seconds=seconds, outcome=outcome)
    request = {"model": MODEL, "prompt": prompt, "duration": 4}
    answer = cloud.call("POST", json=request, headers={"Authorization": f"Bearer {key}"})
    assert answer.ok, answer.text
    return str(answer.json()["id"])


def made(cloud: LocalCloud, key: str, prompt: str, outcome: Outcome = "completed") -> str:
    """One that has ended."""
    generation_id = asked(cloud, key, prompt, outcome=outcome)
    cloud.ended(generation_id)
    return generation_id


def form(cloud: LocalCloud, tab: Tab, prompt: str, seconds: float = 0, model: str = MODEL) -> None:
    """Fill in the form with a prompt whose video takes this long."""
    cloud.simulator.script(prompt, seconds=seconds)
    tab.go("make")
    tab.choose_model(model)
    tab.prompt(prompt)


def send(tab: Tab, name: str = "Make video") -> Locator:
    """Press the button and return the list of new generations."""
    tab.page.get_by_role("button", name=name).click()
    return tab.page.get_by_role("region", name="Results")


def given(tab: Tab, field: str, name: str, media_type: str, content: bytes) -> None:
    """Choose a file for a field of the form, or another input."""
    file = {"name": name, "mimeType": media_type, "buffer": content}
    tab.page.locator(f"{field} input[type=file]").set_input_files(file)  # type: ignore[arg-type]


def latest(cloud: LocalCloud, owner: str) -> list[Any]:
    return list(cloud.listed(owner))


def shown(place: Locator) -> Locator:
    """Return the cards with a picture or a film. Under the pointer, a card has both."""
    return place.locator(".card").filter(has=place.page.locator(".is-there"))


def now_at(film: Locator) -> float:
    return float(film.evaluate("(film) => film.currentTime"))


def wait_for(page: Page, condition: str, argument: Any = None) -> None:
    page.wait_for_function(condition, arg=argument, timeout=PATIENCE)


# --- signing in ------------------------------------------------------------------------------------------------


def test_a_link_signs_in_and_removes_the_key_from_the_address(
    tab_of: NewTab, key: str, newcomers: Iterator[tuple[str, str]]
) -> None:
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
    _, other = next(newcomers)
    tab.sign_in(other)
    assert other not in tab.page.url
    asks = tab.page.get_by_role("dialog", name="Sign in with another key?")
    expect(asks).to_contain_text(f"You are signed in with the key {key[:11]}")
    asks.get_by_role("button", name="Keep my current key").click()
    expect(asks).to_have_count(0)
    assert other not in str(tab.page.evaluate("Object.values(sessionStorage)"))
    tab.go("account")
    tab.page.get_by_label("Keep me signed in").check()
    assert key in tab.page.evaluate("Object.values(localStorage)")
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_label("API key")).to_be_visible()
    kept = tab.page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)]")
    assert key not in str(kept)


def test_an_invalid_key_is_rejected_and_a_valid_one_signs_in(tab_of: NewTab, key: str) -> None:
    tab = tab_of()
    tab.page.goto(f"{tab.url}/")
    field, button = tab.page.get_by_label("API key"), tab.page.get_by_role("button", name="Sign in")
    for wrong, said in (("boat", "starts with pr_"), ("pr_00000000_" + "a" * 43, "not valid")):
        field.fill(wrong)
        button.click()
        expect(tab.page.get_by_role("alert")).to_contain_text(said)
    field.fill(f" {key} ")
    button.click()
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()


# --- making ----------------------------------------------------------------------------------------------------


def test_a_video_is_generated_and_played(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    prompt = unique("a lighthouse in a storm")
    form(cloud, tab, prompt, seconds=4)
    tab.page.get_by_role("radio", name="4").check()
    tab.page.locator("summary").click()
    tab.page.get_by_label("Tags").fill("shop, day=1")
    tab.page.get_by_label("Webhook").fill("https://receiver.invalid/told")
    expect(tab.page.locator(".estimate")).to_be_visible()
    expect(send(tab).get_by_text(re.compile("Queued|Generating"))).to_be_visible()
    tab.go("?tag=day=1")
    # The page is updated without a reload.
    expect(tab.page.locator(".card .stage")).to_have_count(0)
    expect(tab.page.get_by_label("Tag", exact=True)).to_have_value("day=1")
    tab.page.get_by_label("Tag", exact=True).fill("shop")
    expect(tab.page.locator(".card .is-there")).to_be_visible()
    tab.page.locator(".card a").hover()
    wait_for(tab.page, "() => document.querySelector('.card video').currentTime > 0.5")
    tab.page.locator(".card a").click()
    player = tab.page.get_by_label(re.compile("^Video: a lighthouse"))
    wait_for(tab.page, "() => document.querySelector('.player video')?.currentTime > 0.2")
    first, at = player.evaluate(FRAME), now_at(player)
    wait_for(tab.page, "(at) => document.querySelector('.player video').currentTime > at + 1", at)
    assert player.evaluate(FRAME) != first, "frames differ"
    player.evaluate("(film) => { film.pause(); film.currentTime = 1; }")
    for _ in range(2):  # the page stays open for hours, and each link works for one hour
        expired = player.get_attribute("src") or ""
        player.dispatch_event("error")
        expect(player).not_to_have_attribute("src", expired)
        wait_for(tab.page, "() => document.querySelector('.player video').readyState > 1")
        assert now_at(player) == pytest.approx(1, abs=0.1), "playback continues at the same position"
        tab.page.wait_for_timeout(1000)  # links made in the same second are equal
    for span in ("Call to the provider", "Generating at the provider", "Saving and checking"):
        expect(tab.page.get_by_text(span, exact=True)).to_be_visible()
    [generation] = latest(cloud, owner)
    assert generation.request == {"model": MODEL, "prompt": prompt, "duration": 4}
    assert generation.tags == ["shop", "day=1"]
    assert cloud.creates(prompt) == 1
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename.startswith("a-lighthouse-in-a-storm-")
    assert saved.value.suggested_filename.endswith(f"-{generation.generation_id[:8]}.mp4")
    assert saved.value.path().read_bytes()[4:8] == b"ftyp"
    tab.go("account")
    told = tab.page.get_by_role("region", name="Deliveries").get_by_role("row", name="https://receiver.invalid/told")
    expect(told).to_contain_text(re.compile("Pending|Failed"))
    tab.page.get_by_role("button", name="Show secret").click()
    expect(tab.page.get_by_text(re.compile("^whsec_"))).to_be_visible()


def test_errors_appear_next_to_their_fields_and_typed_text_is_kept(tab: Tab, key: str) -> None:
    tab.go("make")
    tab.choose_model(PICTURE_MODEL)
    send(tab)
    for field in ("prompt", "image_url"):
        beside = tab.page.locator(f"[data-field={field}] .problem:not(:empty)")
        expect(beside).to_have_text("Required by this model.")
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
    file = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(file, "PNG")
    form(cloud, tab, prompt, model="google/veo-3.1-first-last-image-to-video-fast")
    given(tab, "[data-field=image_url]", "sea.png", "image/png", file.getvalue())
    expect(tab.page.get_by_text("sea.png")).to_be_visible()
    given(tab, "[data-field=last_image_url]", "a.txt", "text/plain", b"x")
    expect(tab.page.locator("[data-field=last_image_url]").get_by_role("alert")).to_contain_text("is not supported")
    tab.page.get_by_role("button", name="use a frame from your videos").click()
    tab.page.locator(".pick").first.click()
    wait_for(tab.page, "() => document.querySelector('.frame video')?.readyState >= 2")
    tab.page.get_by_role("button", name="Use this frame").click()
    expect(tab.page.locator(".given img")).to_have_count(2)
    send(tab)
    newest = eventually(lambda: next((one for one in latest(cloud, owner) if one.request["prompt"] == prompt), None))
    ended = cloud.ended(newest.generation_id)
    assert ended.status is Status.COMPLETED, ended.error
    assert [one.content_type for one in ended.given or []] == ["image/png", "image/png"]
    assert len({one.size for one in ended.given or []}) == 2


def test_variations_have_different_seeds_and_play_in_sync(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    form(cloud, tab, unique("a paper boat"))
    tab.page.get_by_label("Variations").select_option("3")
    expect(shown(send(tab, "Make 3 videos"))).to_have_count(3)
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


def test_nothing_is_lost_or_generated_twice_without_a_connection(cloud: LocalCloud, tab: Tab, owner: str) -> None:
    prompt = unique("a fox in the snow")
    form(cloud, tab, prompt)
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        return route.abort("connectionreset")

    tab.page.route(re.compile(r"/v2/video/generations"), lose_the_answer)
    send(tab)
    expect(tab.page.locator("form [role=alert]")).to_contain_text("Cannot reach Promptreel")
    assert len(lost) == 1
    assert len(latest(cloud, owner)) == 1, "the call was made, and its answer lost"
    tab.page.unroute_all()
    tab.page.context.set_offline(True)
    send(tab)
    expect(tab.page.get_by_text("No connection.")).to_be_visible()
    expect(tab.page.locator("form [role=alert]")).to_contain_text("Cannot reach Promptreel")
    tab.page.context.set_offline(False)
    expect(shown(send(tab))).to_have_count(1)
    expect(tab.page.get_by_text("No connection.")).to_have_count(0)
    assert len(latest(cloud, owner)) == 1
    assert cloud.creates(prompt) == 1
    tab.page.get_by_role("region", name="Results").locator(".card a").click()
    again, first = tab.page.get_by_role("button", name="Run again"), tab.page.url
    tab.page.route(re.compile(r"/v2/video/generations"), lose_the_answer)
    again.click()
    expect(tab.page.locator(".toast.wrong")).to_contain_text("Cannot reach Promptreel")
    tab.page.unroute_all()
    again.click()
    expect(tab.page).not_to_have_url(first)
    assert len(latest(cloud, owner)) == 2, "and not three"


def test_the_page_waits_after_too_many_requests(cloud: LocalCloud, tab: Tab) -> None:
    prompt = unique("a tram")
    form(cloud, tab, prompt)
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "POST" and not refused:
            refused.append(route)
            return route.fulfill(status=429, json={"message": "Too Many Requests"})  # as API Gateway answers
        return route.continue_()

    tab.page.route(re.compile(r"/v2/video/generations"), refuse_once)
    expect(shown(send(tab))).to_have_count(1)
    assert refused
    assert cloud.creates(prompt) == 1


def test_a_request_over_budget_is_reported_before_it_is_sent(cloud: LocalCloud, tab: Tab, owner: str, run: Run) -> None:
    run("budgets", "set", "--day", "0.01", "--owner", owner)
    form(cloud, tab, unique("a palace of gold"), model="veo2")
    expect(tab.page.locator(".estimate")).to_contain_text("budget")
    send(tab)
    expect(tab.page.locator("form [role=alert]")).to_contain_text("budget")
    assert latest(cloud, owner) == []
    tab.go("usage")
    expect(tab.page.get_by_role("meter")).to_have_attribute("aria-valuemax", "0.01")


# --- what was made ---------------------------------------------------------------------------------------------


def test_a_job_is_cancelled_or_deleted_with_undo(cloud: LocalCloud, tab: Tab, key: str, owner: str) -> None:
    generation_id = asked(cloud, key, unique("a snail"), seconds=300)
    tab.go(f"video/{generation_id}")
    tab.page.get_by_role("button", name="Cancel job").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
    expect(tab.page.locator(".player").get_by_text("Cancelled")).to_be_visible()
    assert str(cloud.ended(generation_id).error).startswith("Cancelled")
    tab.page.clock.install()
    tab.page.get_by_role("button", name="Delete").click()
    expect(tab.page.locator(".card")).to_have_count(0)
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.locator(".card")).to_have_count(1)
    tab.page.clock.fast_forward(8000)
    assert [one.generation_id for one in latest(cloud, owner)] == [generation_id], "it was undone"
    tab.page.locator(".card a").click()
    tab.page.get_by_role("button", name="Delete").click()
    expect(tab.page.locator(".card")).to_have_count(0)
    tab.page.clock.fast_forward(8000)
    eventually(lambda: latest(cloud, owner) == [] or None)
    expect(tab.page.get_by_text("No videos yet")).to_be_visible()


def test_a_failure_is_explained_with_what_to_do(cloud: LocalCloud, tab: Tab, key: str) -> None:
    prompt = unique("a banquet")
    made(cloud, key, prompt, "error")
    tab.page.locator(".card a").click()
    expect(tab.page.get_by_role("note")).to_contain_text("The provider could not generate the video")
    expect(tab.page.get_by_role("note")).to_contain_text("Nothing was charged. Try again")
    tab.page.get_by_role("link", name="Vary").click()
    expect(tab.page.get_by_role("textbox", name="Prompt").first).to_have_value(prompt)
    tab.go("usage")
    expect(tab.page.get_by_text("Generation failed: 1")).to_be_visible()


def test_a_job_that_waits_for_another_video_links_to_it(tab_of: NewTab, furnished: tuple[str, Furnished]) -> None:
    key, has = furnished
    tab = tab_of().sign_in(key)
    card = tab.page.locator(f".card a[href='#/video/{has.waiting}']")
    expect(card).to_contain_text("for another video")
    card.click()
    expect(tab.page.locator(".player")).to_contain_text("for another video")
    tab.page.get_by_role("paragraph").get_by_role("link", name="a snail").click()
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text("a snail")
    assert has.running in tab.page.url


def test_prompts_of_any_content_and_length_are_shown_as_text(cloud: LocalCloud, tab: Tab, key: str) -> None:
    for prompt in (f"{HOSTILE} {uuid4().hex}", f"{uuid4().hex} " + "many words " * 900):
        generation_id = made(cloud, key, prompt)
        tab.go(f"video/{generation_id}")
        expect(tab.page.locator("h1")).to_have_text(prompt.strip(), use_inner_text=False)
        tab.go("")
        expect(tab.page.locator(f".card a[href='#/video/{generation_id}']")).to_be_visible()
        width = tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, "nothing sticks out"
    words = tab.page.get_by_role("searchbox", name="Search", exact=True)
    words.press_sequentially("onerror ")
    expect(tab.page.locator(".card")).to_have_count(1)
    expect(words).to_have_value("onerror ")  # including the space before the next word
    assert tab.page.locator("img:not(.film)").count() == 0
    assert "harmed" not in tab.page.title()
    tab.go("constructor/__proto__?__proto__=x")
    expect(tab.page.locator(".card").first).to_be_visible()


def test_a_revoked_key_is_requested_again_without_losing_typed_text(
    cloud: LocalCloud, tab: Tab, key: str, owner: str
) -> None:
    prompt = unique("a glass elevator")
    form(cloud, tab, prompt)
    ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn).revoke(key.split("_")[1])

    forms = (f"Bearer{' ' * spaces}{key}" for spaces in itertools.count(2))

    def ask_anew(route: Route) -> None:
        """Send the key in another form, because the gateway caches its decision by header value for four minutes."""
        headers = route.request.headers
        if key in headers.get("authorization", ""):
            headers = {**headers, "authorization": next(forms)}
        route.continue_(headers=headers)

    def is_refused() -> bool | None:
        answer = cloud.call("GET", "/v2/models", params={"limit": "1"}, headers={"Authorization": next(forms)})
        return answer.status_code == HTTPStatus.UNAUTHORIZED or None

    eventually(is_refused)
    tab.page.route(re.compile("/v2/"), ask_anew)
    # Do not press its button: if a poll of the page is rejected first, the dialog covers the button.
    tab.page.locator("form").first.evaluate("(form) => form.requestSubmit()")
    dialog = tab.page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("has expired")
    dialog.get_by_label("API key").fill(cloud.key_of(owner))
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(tab.page.get_by_role("textbox", name="Prompt").first).to_have_value(prompt)
    expect(shown(send(tab))).to_have_count(1)


# --- batches ---------------------------------------------------------------------------------------------------


def test_a_batch_is_checked_started_watched_and_retried(cloud: LocalCloud, tab: Tab) -> None:
    good, bad = unique("a boat in a batch"), unique("a banquet in a batch")
    cloud.simulator.script(good, seconds=0)
    cloud.simulator.script(bad, seconds=0, outcome="error")
    rows = ["prompt,model,duration", f'"{good}",{MODEL},4', f'"{bad}",{MODEL},4', f"A kite,{MODEL},60"]
    name = f"{uuid4().hex}.csv"
    tab.go("batches")

    def drop(*lines: str) -> None:
        given(tab, ".sending", name, "text/csv", "\n".join(lines).encode())

    drop(*rows)
    cells = tab.page.get_by_role("row", name=re.compile("duration")).get_by_role("cell")
    expect(cells).to_have_text(["3", "4", "duration", re.compile("duration must be one of 4, 6, 8, not 60.")])
    expect(tab.page.get_by_role("button", name="Start the remaining 2 rows")).to_be_visible()
    assert cloud.creates(good) == 0, "nothing has started"
    drop(*rows[:3])
    expect(tab.page.get_by_text("No problems found.")).to_be_visible()
    tab.page.get_by_role("button", name="Start 2 rows").click()
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text(name)
    progress = tab.page.get_by_role("progressbar")
    expect(progress).to_have_attribute("aria-valuenow", "2", timeout=2 * PATIENCE)
    expect(tab.page.get_by_text("1 completed")).to_be_visible()
    with tab.page.expect_download() as report:
        tab.page.get_by_role("button", name="Download report").click()
    assert len(report.value.path().read_text("utf-8").splitlines()) == 3
    cloud.simulator.script(bad, seconds=0, outcome="completed")
    tab.page.get_by_role("button", name="Retry failed rows").click()
    expect(tab.page.get_by_text("2 completed")).to_be_visible(timeout=2 * PATIENCE)
    with tab.page.expect_download() as video:
        tab.page.get_by_role("button", name="Download videos").click()
    assert video.value.path().read_bytes()[4:8] == b"ftyp"
    assert cloud.creates(good) == 1
    tab.page.get_by_role("link", name="Show videos").click()
    expect(shown(tab.page.locator("main"))).to_have_count(2)


# --- everyone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_pages_are_accessible_and_their_layout_is_stable(
    tab_of: NewTab, furnished: tuple[str, Furnished], width: int
) -> None:
    key, has = furnished
    size = ViewportSize(width=width, height=width * 9 // 16 if width > 400 else 740)
    tab = tab_of(viewport=size, color_scheme="light", reduced_motion="reduce")
    tab.page.goto(f"{tab.url}/")
    expect(tab.page.get_by_label("API key")).to_be_visible()
    found: list[str] = []

    def look(page: str) -> None:
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            found.extend(f"{page}, {theme}: {problem}" for problem in tab.axe())
        if tab.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{page}: sticks out")

    look("sign in")
    tab.sign_in(key)
    pages = {
        "": [".card .is-there", ".stage.queued", ".stage.error"],
        f"video/{has.completed}": [".timeline"],
        f"video/{has.failed}": [".failure"],
        f"video/{has.waiting}": [".stage.queued"],
        f"compare/{has.completed},{has.completed}": [".controls"],
        "make": ["[data-field=prompt]"],
        f"make?from={has.completed}": ["[data-field=prompt]"],
        "batches": [".drop", "tbody tr"],
        f"batch/{has.batch}": [".progress", "tbody tr"],
        "usage": [".budgets li", "figure rect:not(.none)", ".series rect:not(.none)", ".why-failed"],
        "account": [
            ".failure",
            "tbody .state.completed",
            "tbody .state.pending",
            "tbody .state.dead, tbody .state.pending",
        ],
    }
    for page, seen in pages.items():
        tab.go(page)
        for something in seen:
            expect(tab.page.locator(something).first).to_be_visible()
        for details in tab.page.locator("details:not([open]) > summary").all():
            details.click()
        look(page)
    assert found == []
    tab.go("")
    tab.page.reload()
    expect(tab.page.locator(".card .is-there").first).to_be_visible()
    assert tab.page.evaluate("window.shifts") < 0.02


def test_the_account_page_lists_keys_and_marks_the_current_and_the_expiring_one(
    tab_of: NewTab, furnished: tuple[str, Furnished]
) -> None:
    key, _ = furnished
    tab = tab_of().sign_in(key)
    tab.go("account")
    expect(tab.page.get_by_text(re.compile("^The key shop expires in 4 days"))).to_be_visible()
    keys = tab.page.get_by_role("region", name="API keys")
    expect(keys.get_by_role("row")).to_have_count(3)
    expect(keys.get_by_role("row", name="current key")).to_contain_text(key[:11])
    expect(keys.get_by_role("row", name="shop")).to_contain_text("in 4 days")
    assert key not in tab.page.content()


def test_the_usage_page_shows_budgets_and_slots_now_and_by_hour(
    tab_of: NewTab, furnished: tuple[str, Furnished]
) -> None:
    key, _ = furnished
    tab = tab_of().sign_in(key)
    tab.go("usage")
    day = tab.page.get_by_role("meter", name=re.compile("today"))
    expect(day).to_have_attribute("aria-valuemax", "15")
    part = day.evaluate("(bar) => bar.firstElementChild.offsetWidth / bar.offsetWidth")
    assert part == pytest.approx(float(day.get_attribute("aria-valuenow") or 0) / 15, abs=0.01)
    expect(
        tab.page.get_by_text(re.compile(r"^\d+ of \d+ slots in use, (no jobs queued|\d+ jobs? queued)\.$"))
    ).to_be_visible()
    for series in ("In use", "Queued"):
        expect(tab.page.get_by_role("img", name=f"{series} in the last seven days")).to_be_visible()
    tab.page.get_by_text("Show hourly numbers").click()
    assert tab.page.get_by_role("region", name="Show hourly numbers").get_by_role("row").count() > HOURS


def test_everything_can_be_reached_with_the_keyboard(cloud: LocalCloud, tab: Tab, key: str, owner: str) -> None:
    made(cloud, key, unique("a harbour"))
    expect(tab.page.locator(".card .is-there")).to_be_visible()
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


def test_of_ten_thousand_videos_only_visible_ones_are_drawn(cloud: LocalCloud, tab_of: NewTab, key: str) -> None:
    """Store some hundreds of videos and return copies of them beyond that.

    The local database would need minutes for so many pages, and the test is about the page of the console.
    """
    oldest = datetime.now(UTC) - timedelta(days=30)
    one = cloud.ledger.table.get(made(cloud, key, unique("one of many"))) or {}
    put_all(cloud, ({**one, **_younger(oldest, number)} for number in range(THERE - 1)))
    tab = tab_of()
    there: list[dict[str, Any]] = []  # the latest page of the stored videos

    def go_on(route: Route) -> None:
        cursor = parse_qs(urlsplit(route.request.url).query).get("cursor", [""])[0]
        if not cursor.startswith("copies"):
            answer = route.fetch()
            page = answer.json()
            there[:] = page["data"] or there
            return route.fulfill(
                response=answer, json={**page, "next_cursor": page["next_cursor"] or f"copies {THERE}"}
            )
        numbers = range(int(cursor.split()[1]), MANY)[:60]
        copies = []
        for number, copied in zip(numbers, itertools.cycle(there), strict=False):
            its = _younger(oldest, -number)
            meta = {**copied["meta"], "created_at": its["created_at"]}
            copies.append({**copied, "id": its["generation_id"], "meta": meta})
        left = numbers.stop < MANY
        return route.fulfill(json={"data": copies, "next_cursor": f"copies {numbers.stop}" if left else None})

    tab.page.route(re.compile(r"/v2/video/generations\?limit"), go_on)
    tab.sign_in(key)
    expect(tab.page.locator(".card .is-there").first).to_be_visible()
    most_cards = tab.page.evaluate(SCROLL_TO_THE_END)
    last = tab.page.locator(".card").last
    expect(last).to_have_attribute("aria-posinset", str(MANY))
    expect(last).to_have_attribute("aria-setsize", str(MANY))
    expect(last.locator(".is-there")).to_be_visible()
    assert most_cards <= 60
    browser = tab.page.context.new_cdp_session(tab.page)
    browser.send("HeapProfiler.collectGarbage")
    assert browser.send("Memory.getDOMCounters")["nodes"] < 5000
    assert browser.send("Runtime.getHeapUsage")["usedSize"] < 50 << 20


def put_all(cloud: LocalCloud, items: Iterable[dict[str, Any]]) -> None:
    """Put items into the table of generations directly."""
    dynamodb, requests = cloud.aws("dynamodb"), ({"PutRequest": {"Item": write(item)}} for item in items)
    while batch := list(itertools.islice(requests, 25)):
        answer = dynamodb.batch_write_item(RequestItems={cloud.stack.table_name: batch})
        assert not answer.get("UnprocessedItems")


def _younger(than: datetime, minutes: int) -> dict[str, str]:
    """Return the changes that turn a copy of a generation into another one."""
    return {"generation_id": uuid4().hex, "created_at": iso(than + timedelta(minutes=minutes))}
