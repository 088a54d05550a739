"""Test what users see of a generation and a form's fields: the console's components, rendered to HTML by Node."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from core import errors
from tests.support.console import Element, Renderer

NOW, MINUTE_AGO, BEFORE = "2026-01-01T12:05:30.000Z", "2026-01-01T12:04:30.000Z", "2026-01-01T12:00:00.000Z"
MODEL = {"id": "acme/boats", "title": "Boats 2", "vendor": "acme", "kind": "text-to-video"}
HOSTILE = """<script>alert("1")</script> <img src=x onerror='alert(1)'> & "quoted" 'text' &lt;b&gt;"""
VIDEO = {
    "url": "https://videos.example/a.mp4?s=1&t=2",
    "content_type": "video/mp4",
    "file_name": "a.mp4",
    "file_size": 2_400_000,
}
FAILURES = sorted(errors.names().keys() - {"Cancelled", "GenerationEnded"})


def generation(number: int, stage: str = "completed", **changes: Any) -> dict[str, Any]:
    """A generation as the API sends it; `changes` are of its `meta`, except `video` and `error`."""
    status = "generating" if stage == "archiving" else stage
    meta: dict[str, Any] = {
        "usage": {"credits_used": None},
        "stage": stage,
        "ahead": None,
        "waits_for": None,
        "waits_for_credits": None,
        "request": {"model": "acme/boats", "prompt": "a paper boat"},
        "created_at": BEFORE,
        "submitted_at": None if stage == "queued" else MINUTE_AGO,
        "generated_at": None,
        "ended_at": NOW if stage in ("completed", "error") else None,
        "source": {"kind": "api", "ref": "r1"},
        "batch": None,
        "name": None,
        "tags": [],
    }
    top = {"video": VIDEO if stage == "completed" else None, "error": None}
    top |= {name: changes.pop(name) for name in ("video", "error") if name in changes}
    return {"id": f"{number:032x}", "status": status, "meta": meta | changes, **top}


COMMON = {"label": "Size", "hint": "How large it is.", "required": False}
SHORT = {"kind": "choice", "options": [4, 6, 8], "isShort": True}
LONG = {"kind": "choice", "options": ["16:9", "9:16", "1:1", "4:3", "3:4"], "isShort": False}
IMAGE = {"kind": "media", "media": ["image"], "types": ["image/png", "image/jpeg"], "most": 1000}


@dataclass(frozen=True)
class Tab:
    """A tab of the console that renders components."""

    renderer: Renderer

    def rendered(
        self, template: str, *generations: dict[str, Any], takes: Mapping[str, float] | None = None, **given: Any
    ) -> Element:
        """Render a template. The tab knows these generations and how long their model takes."""
        return self.renderer(template, now=NOW, models=[{**MODEL, "takes": takes}], generations=generations, **given)

    def cards(self, *generations: dict[str, Any], takes: Mapping[str, float] | None = None) -> list[Element]:
        """Return the card of each generation."""
        template = """
            const { Card } = await load("card");
            const range = () => [];
            const card = ({ id }) => html`<${Card} key=${id} id=${id} position=${1} total=${2} range=${range} />`;
            return html`<ul>${GIVEN.generations.map(card)}</ul>`;
        """
        return list(self.rendered(template, *generations, takes=takes).every("li"))

    def pages(self, *generations: dict[str, Any]) -> list[Element]:
        """Return the page of each generation."""
        template = """
            const { Video } = await load("video");
            return html`<div>${GIVEN.generations.map(({ id }) => html`<${Video} key=${id} part=${id} />`)}</div>`;
        """
        return list(self.rendered(template, *generations).every("article"))

    def form(self, fields: list[dict[str, Any]], values: list[Any], **given: Any) -> Element:
        """Return a form with these fields; `problem` is what the API said of each, `names` are those of files."""
        whole = [{**COMMON, "name": f"size{index}", "path": f"size{index}", **one} for index, one in enumerate(fields)]
        template = """
            const { Field } = await load("form");
            (await load("draft")).change({ names: GIVEN.names ?? {} });
            const fields = GIVEN.fields.map((field, index) => html`<${Field} key=${index} field=${field}
                value=${GIVEN.values[index] ?? undefined} onChange=${() => {}} problem=${GIVEN.problem} />`);
            return html`<form>${fields}</form>`;
        """
        return self.rendered(template, fields=whole, values=values, **given)

    def field(self, kind: dict[str, Any], value: Any = None, **given: Any) -> Element:
        """Return a form with one field."""
        return self.form([kind], [value], **given)


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    renderer = Renderer()
    yield Tab(renderer)
    renderer.close()


def assert_readable(element: Element) -> None:
    """Assert that the page shows no machine-readable time, and no element or handler from a text."""
    assert not re.search(r"\d{4}-\d\d-\d\dT", element.text)
    assert not list(element.every("script"))
    assert not [one for one in element.every() if any(name.startswith("on") for name in one.attributes)]


# --- cards -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ahead": 3}, "3 ahead"),
        ({"ahead": 0}, "next in queue"),
        ({"ahead": None}, "waiting for a slot at the provider"),
        ({"ahead": None, "waits_for_credits": True}, "waiting for provider credits"),
        ({"waits_for": ["f" * 32]}, "waiting for another video"),
        ({"waits_for": ["e" * 32, "f" * 32]}, "waiting for 2 other videos"),
    ],
)
def test_a_queued_card_says_what_its_job_waits_for(tab: Tab, changes: dict[str, Any], line: str) -> None:
    (card,) = tab.cards(generation(1, "queued", **changes))
    assert card.text == f"Queued {line} a paper boat Boats 2 5 min. ago"
    assert "unknown" in (card.one("span", **{"class": "bar unknown"})["class"] or "")


def test_a_running_card_says_how_long_it_takes_against_the_usual_time(tab: Tab) -> None:
    known = {"median_seconds": 120, "slowest_tenth_seconds": 240}
    (card,) = tab.cards(generation(1, "generating"), takes=known)
    assert card.text == "Generating 1:00 min of about 2:00 min a paper boat Boats 2 5 min. ago"
    assert card.one("span", style="width:40%;").tag == "span"
    for slowest, words in ((20, "1:00 min, much longer than usual"), (90, "1:00 min, longer than usual")):
        (late,) = tab.cards(generation(1, "generating"), takes={"median_seconds": 10, "slowest_tenth_seconds": slowest})
        assert words in late.text
        (part,) = re.findall(r"width:([\d.]+)%", str(late.one("span", **{"class": "bar "}).one("span")["style"]))
        assert 80 < float(part) < 97, "the bar is never full"
    (unknown,) = tab.cards(generation(1, "generating"))
    assert unknown.text.startswith("Generating 1:00 min a paper boat")
    (archiving,) = tab.cards(generation(1, "archiving"))
    assert archiving.text.startswith("Archiving Saving and checking the video a paper boat")


def test_a_finished_card_leads_to_its_video_and_can_be_chosen(tab: Tab) -> None:
    one = generation(1, name="First take")
    (card,) = tab.cards(one)
    assert card.text == "First take a paper boat Boats 2 5 min. ago"
    assert card.one("a")["href"] == f"#/video/{one['id']}"
    assert card.name_of(card.one("input", type="checkbox")) == "Select: a paper boat"
    assert card.one("time")["title"] == "Jan 1, 2026, 12:00:00 PM"
    assert one["id"] not in card.text
    assert (card["aria-posinset"], card["aria-setsize"]) == ("1", "2")


def test_a_card_without_a_prompt_has_its_name_or_says_so(tab: Tab) -> None:
    request = {"model": "acme/boats"}
    named, nameless = tab.cards(generation(1, request=request, name="Take 1"), generation(2, request=request))
    assert named.one("span", **{"class": "prompt"}).text == "Take 1 Take 1"
    assert nameless.one("span", **{"class": "prompt"}).text == "No prompt"


def test_a_failed_card_says_why_and_a_cancelled_one_needs_no_reason(tab: Tab) -> None:
    failed, cancelled = tab.cards(
        generation(1, "error", error={"name": "RequestRefused", "message": "No boats, please."}),
        generation(2, "error", error={"name": "Cancelled", "message": "It was cancelled."}),
    )
    assert failed.text == "Failed No boats, please. a paper boat Boats 2 5 min. ago"
    assert cancelled.text == "Cancelled a paper boat Boats 2 5 min. ago"


def test_a_card_whose_video_has_expired_says_so_calmly(tab: Tab) -> None:
    expired = {"name": "VideoExpired", "message": "The video was deleted after 30 days."}
    (card,) = tab.cards(generation(1, video=None, error=expired))
    assert card.text == "Expired The video was deleted after 30 days. a paper boat Boats 2 5 min. ago"
    assert card.one("span", **{"class": "stage cancelled"}).tag == "span"


def test_deleted_generations_have_no_card_and_unloaded_ones_an_empty_card(tab: Tab) -> None:
    program = """const { Make } = await load("make");
        (await load("draft")).made.value = GIVEN.generations.map(({ id }) => id).concat("f".repeat(32));
        (await load("videos")).gone.value = new Set([GIVEN.generations[0].id]);
        return html`<${Make} />`;"""
    first, second = generation(1), generation(2, request={"model": "acme/boats", "prompt": "a kite"})
    results = tab.rendered(program, first, second).one("section", **{"class": "results"})
    assert [card.text for card in results.every("li")] == ["a kite Boats 2 5 min. ago", ""]


@pytest.mark.parametrize("stage", ["queued", "generating", "completed", "error"])
def test_a_hostile_text_is_shown_as_text_on_a_card_and_on_its_videos_page(tab: Tab, stage: str) -> None:
    request = {"model": "acme/boats", "prompt": HOSTILE, "negative_prompt": HOSTILE}
    failure = {"name": HOSTILE, "message": HOSTILE} if stage == "error" else None
    one = generation(1, stage, request=request, name=HOSTILE, tags=[HOSTILE], error=failure)
    (card,) = tab.cards(one)
    (page,) = tab.pages(one)
    shown = " ".join(HOSTILE.split())
    assert shown in card.text
    assert shown == page.one("h1").text
    assert page.text.count(shown) >= 4
    for element in (card, page):
        assert_readable(element)
        assert not list(element.every("b"))
        assert not list(element.every("img"))


# --- the page of a video ---------------------------------------------------------------------------------------


def test_every_failure_says_why_and_what_to_do(tab: Tab) -> None:
    many = [
        generation(
            index, "error", error={"name": name, "message": "It went wrong.", "remedy": errors.remedy(name, "7")}
        )
        for index, name in enumerate(FAILURES, 1)
    ]
    for name, page in zip(FAILURES, tab.pages(*many), strict=True):
        failure = page.one("div", **{"class": "failure"})
        assert failure.text.startswith(f"Why it failed It went wrong. {name} What to do ")
        remedy = str(errors.remedy(name, "7")).split("`")
        shown = list(failure.every("p"))[1]
        assert [code.text for code in shown.every("code")] == remedy[1::2], "commands are shown as code"
        assert all(words.strip() in shown.text for words in remedy)
        assert page.one("button", **{"aria-label": "Delete"}).tag == "button"
        assert page.one("button", **{"class": "primary"}).text == "Retry"


def test_the_page_of_a_finished_video_has_its_player_its_links_and_its_times(tab: Tab) -> None:
    (page,) = tab.pages(generation(1, tags=["boats", "a=b"], batch={"id": "b" * 32, "row": 7}))
    player = page.one("video")
    assert player["src"] == VIDEO["url"]
    assert player["aria-label"] == "Video: a paper boat"
    links = {link.text: link["href"] for link in page.every("a")}
    assert links["boats"] == "#/?tag=boats"
    assert links["a=b"] == "#/?tag=a%3Db"
    assert links["bbbbbbbb"] == f"#/batch/{'b' * 32}"
    assert links["Vary"] == f"#/make?from={1:032x}&vary=4"
    assert page.one("button", **{"aria-label": "More actions"}).tag == "button"
    stages = [item.text for item in page.one("ol").every("li")]
    assert stages == ["Waiting for a slot 12:00:00 PM 4:30 min", "Generating at the provider 12:04:30 PM 1:00 min"]
    assert "Finished after 5:30 min. Waiting for a slot: 4:30 min." in page.text
    assert "2.4 MB" in page.text
    assert not re.search(r"\d{4}-\d\d-\d\dT", page.text)


# --- fields ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "text"},
        {"kind": "long"},
        {"kind": "number", "step": 1},
        {"kind": "json"},
        {"kind": "switch"},
        SHORT,
        LONG,
        IMAGE,
    ],
    ids=lambda kind: f"{kind['kind']} {kind.get('isShort', '')}".strip(),
)
def test_every_control_has_a_label_its_hint_and_the_problem_of_the_api(tab: Tab, kind: dict[str, Any]) -> None:
    page = tab.field(kind, problem="`size0` is too large.")
    assert page.text.count("Size") == 1 or kind is IMAGE
    ids = {one["id"]: one for one in page.every() if "id" in one.attributes}
    (described,) = (one for one in page.every() if one.attributes.get("aria-describedby"))
    about = " ".join(ids[one].text for one in str(described["aria-describedby"]).split())
    assert about == "How large it is. `size0` is too large."
    for control in (one for tag in ("input", "textarea", "select") for one in page.every(tag)):
        is_hidden = control.attributes.get("aria-hidden") == "true"
        assert is_hidden or page.name_of(control), "a name for screen readers"
    assert ("required" in tab.field({**kind, "required": True}).text) == (kind["kind"] != "switch")


def test_a_text_field_has_its_value_its_length_and_its_default(tab: Tab) -> None:
    text = tab.field({"kind": "text", "maxLength": 80, "default": "calm"}, HOSTILE).one("input")
    assert text["value"] == HOSTILE
    assert (text["maxlength"], text["placeholder"]) == ("80", "calm")
    area = tab.field({"kind": "long"}, HOSTILE).one("textarea")
    assert area.text == " ".join(HOSTILE.split())


def test_a_number_field_has_its_bounds_and_shows_them(tab: Tab) -> None:
    number = tab.field({"kind": "number", "min": 0, "max": 2000, "step": 1}).one("input", type="number")
    assert (number["min"], number["max"], number["step"]) == ("0", "2000", "1")
    assert number["placeholder"] == "0 \N{EN DASH} 2,000"
    typed = tab.field({"kind": "number", "min": 0, "step": "any", "default": 0.5}, "0.75").one("input")
    assert (typed["value"], typed["placeholder"], "max" in typed.attributes) == ("0.75", "0.5", False)


def test_a_choice_has_all_its_options_and_the_chosen_or_the_default_one(tab: Tab) -> None:
    chosen = tab.field({**SHORT, "default": 4}, 6)
    assert [label.text for label in chosen.every("label")] == ["4", "6", "8"]
    assert [one["value"] for one in chosen.every("input") if "checked" in one.attributes] == ["6"]
    by_default = tab.field({**SHORT, "default": 4})
    assert [one["value"] for one in by_default.every("input") if "checked" in one.attributes] == ["4"]
    options = list(tab.field({**LONG, "default": "1:1"}, "9:16").one("select").every("option"))
    assert [one.text for one in options] == ["Default (1:1)", "16:9", "9:16", "1:1", "4:3", "3:4"]
    assert [one.text for one in options if "selected" in one.attributes] == ["9:16"]
    required = tab.field({**LONG, "required": True}).one("select")
    assert next(one.text for one in required.every("option")) == "Not set"


def test_a_switch_is_on_by_its_value_or_else_by_its_default(tab: Tab) -> None:
    page = tab.form(
        [{"kind": "switch", "default": True}, {"kind": "switch", "default": True}, {"kind": "switch"}], [None, False]
    )
    switches = list(page.every("input", role="switch"))
    assert ["checked" in one.attributes for one in switches] == [True, False, False]
    assert page.name_of(switches[0]) == "Size"


def test_a_field_for_media_offers_all_ways_and_shows_what_is_given(tab: Tab) -> None:
    empty = tab.field(IMAGE)
    assert "Drop or paste an image here, or choose a file use a frame from your videos" in empty.text
    assert empty.one("input", type="file")["accept"] == "image/png,image/jpeg"
    assert empty.name_of(empty.one("input", type="url")) == "Size: link"
    video = {"kind": "media", "media": ["video"], "types": [], "most": None}
    assert "use one of your videos" in tab.field(video).text
    assert tab.field(video).one("input", type="file")["accept"] == "video/*"
    assert "https://example.com/a.png Remove" in tab.field(IMAGE, "https://example.com/a.png").text
    assert "Uploaded file Remove" in tab.field(IMAGE, f"upload:{'a' * 32}").text
    given = tab.field(IMAGE, f"upload:{'a' * 32}", names={f"upload:{'a' * 32}": HOSTILE})
    assert " ".join(HOSTILE.split()) in given.text
    assert_readable(given)


def test_a_list_has_a_field_for_each_item_and_a_group_one_for_each_attribute(tab: Tab) -> None:
    item = {"kind": "text", "path": "size0[]", "label": "Line", "hint": ""}
    texts = tab.field({"kind": "list", "item": item, "most": 3}, ["one", "two"])
    assert [one["value"] for one in texts.every("input")] == ["one", "two"]
    assert [texts.name_of(one) for one in texts.every("input")] == ["Line 1", "Line 2"]
    buttons = [one.attributes.get("aria-label") or one.text for one in texts.every("button")]
    assert buttons == ["Remove Size 1", "Remove Size 2", "Add"]
    full = tab.field({"kind": "list", "item": item, "most": 2}, ["one", "two"])
    assert "Add" not in full.text
    one = {
        **COMMON,
        "kind": "number",
        "step": 1,
        "name": "seconds",
        "path": "size0.seconds",
        "label": "Seconds",
        "hint": "",
    }
    group = tab.field({"kind": "group", "fields": [one]}, {"seconds": 5})
    assert group.name_of(group.one("input", type="number")) == "Seconds"
    assert group.one("input")["value"] == "5"


def test_json_that_is_wrong_says_so(tab: Tab) -> None:
    assert "This is not valid JSON." in tab.field({"kind": "json"}, "{").text
    earlier = tab.field({"kind": "json"}, {"seed": 1})
    assert earlier.one("textarea").text == '{ "seed": 1 }'
    assert "not valid" not in earlier.text


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Did you mean veo3? GET /v2/models or `promptreel models` lists the models.", "Did you mean veo3?"),
        ("It is not offered: GET /v2/models lists them.", "It is not offered."),
    ],
)
def test_messages_end_with_one_mark(tab: Tab, message: str, shown: str) -> None:
    template = 'const { readable } = await load("format"); return html`<p>${readable(GIVEN.message)}</p>`;'
    assert tab.rendered(template, message=message).text == shown


@pytest.mark.parametrize(
    ("most", "shown"), [("$4", "New rows cost about $4."), ("$9", "New rows cost about $4, and rarely more than $9.")]
)
def test_the_cost_of_a_file_is_named_once(tab: Tab, most: str, shown: str) -> None:
    template = 'const { texts } = await load("texts"); return html`<p>${texts.batches.cost("$4", GIVEN.most)}</p>`;'
    assert tab.rendered(template, most=most).text == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(7 * 86_400 - 5, "in 7 days"), (86_400 - 5, "in 1 day"), (3 * 86_400 + 7200, "in 3 days")]
)
def test_a_link_that_was_just_made_expires_after_the_chosen_time(tab: Tab, seconds: int, shown: str) -> None:
    template = """
        const { relative } = await load("format");
        return html`<p>${relative(GIVEN.seconds * 1000, 0)}</p>`;
    """
    assert tab.rendered(template, seconds=seconds).text.replace("tomorrow", "in 1 day") == shown
