"""Test the console's state, with its unchanged modules run by Node in a minimal browser."""

import json

import pytest

from tests.support.console import run

KEY, OTHER = ("pr_" + digit * 8 + "_" + digit * 43 for digit in "12")

# An API with GIVEN.there generations, each a minute younger than the previous one.
GENERATIONS = """
const made = (number, status = "completed") => ({
  id: String(number).padStart(32, "0"), status, video: null,
  meta: {
    stage: status,
    created_at: new Date(Date.UTC(2026, 0, 1) + number * 60000).toISOString(),
    request: { prompt: `${number}` },
  },
});
let there = GIVEN.there;
globalThis.changed = {};
globalThis.answer = async (url) => {
  const wanted = url.searchParams;
  const limit = Number(wanted.get("limit") ?? 20), before = Number(wanted.get("cursor") ?? there);
  const some = Array.from({ length: Math.min(limit, before) }, (_, index) => before - index);
  const data = some.map((number) => made(number, changed[number]));
  const status = wanted.get("status");
  const next = before - some.length;
  const found = data.filter((one) => !status || one.status === status);
  return { json: { data: found, next_cursor: next > 0 ? String(next) : null } };
};
const numbers = (feed) => feed.ids.peek().map(Number);
const { Feed } = await load("feed");
"""
SIGNED_IN = {"promptreel / key": KEY}


# --- the list --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("came", [0, 3, 19, 20, 21, 150, 519])
def test_generations_created_between_polls_appear_without_a_gap(came: int) -> None:
    program = f"""{GENERATIONS}
        const feed = new Feed({{}});
        await feed.poll([]);
        await feed.more();
        const before = numbers(feed).length;
        there += {came};
        await feed.poll([]);
        const now = numbers(feed);
        await feed.more();
        return {{ now, before, then: numbers(feed) }};
    """
    found = run(program, there=200, session=SIGNED_IN)
    assert found["before"] == 80
    assert found["now"] == list(range(200 + came, found["now"][-1] - 1, -1))
    assert found["now"][-1] <= 121, "all that was loaded is there"
    assert found["then"] == list(range(200 + came, 60, -1)), "and it goes on"


def test_a_list_with_very_many_new_generations_starts_again() -> None:
    program = f"""{GENERATIONS}
        const feed = new Feed({{}});
        await feed.poll([]);
        there += 5000;
        const calls = asked.length;
        await feed.poll([]);
        const first = numbers(feed);
        const polled = asked.length - calls;
        await feed.more();
        return {{ first, polled, then: numbers(feed) }};
    """
    found = run(program, there=200, session=SIGNED_IN)
    assert found["polled"] == 6
    assert found["first"] == list(range(5200, 5200 - 520, -1))
    assert found["then"] == list(range(5200, 5200 - 580, -1))


def test_a_page_requested_before_a_restart_is_not_appended() -> None:
    program = f"""{GENERATIONS}
        const feed = new Feed({{}});
        await feed.poll([]);
        const late = answer;
        let let_go;
        globalThis.answer = async (url) => {{
          if (url.searchParams.get("limit") === "60") await new Promise((resolve) => (let_go = resolve));
          return late(url);
        }};
        const more = feed.more();
        there += 5000;
        await feed.poll([]);
        let_go();
        await more;
        return numbers(feed);
    """
    assert run(program, there=200, session=SIGNED_IN) == list(range(5200, 5200 - 520, -1))


def test_a_generation_with_a_new_status_leaves_a_filtered_list() -> None:
    program = f"""{GENERATIONS}
        for (let number = 1; number <= 60; number++) changed[number] = "generating";
        const feed = new Feed({{ status: "generating" }});
        await feed.poll([]);
        await feed.more();
        const before = numbers(feed).length;
        changed[10] = "completed"; // not among the newest twenty
        (await load("videos")).note(made(10, "completed"));
        await feed.poll([]);
        return {{ before, now: numbers(feed) }};
    """
    found = run(program, there=60, session=SIGNED_IN)
    assert found["before"] == 60
    assert found["now"] == [number for number in range(60, 0, -1) if number != 10]


def test_batches_are_refreshed_without_a_gap_and_continue_at_their_cursor() -> None:
    program = """
        const { renewed } = await load("batches");
        const batch = (number) => ({ id: `${number}`, created_at: String(number).padStart(4, "0") });
        const page = (first, last, next = `${last}`) => ({
          data: Array.from({ length: first - last + 1 }, (_, index) => batch(first - index)),
          next_cursor: next,
        });
        const shown = ({ data, cursor }) => [data.map(({ id }) => Number(id)), cursor];
        const first = renewed(null, page(100, 81));
        const whole = { data: [...first.data, ...page(80, 31).data], cursor: "31" };
        return [renewed(null, page(100, 81)), renewed(whole, page(103, 84)), renewed(whole, page(150, 131)),
          renewed(whole, page(3, 1, null)), renewed({ data: [], cursor: null }, page(30, 11))].map(shown);
    """
    assert run(program) == [
        [[*range(100, 80, -1)], "81"],
        [[*range(103, 30, -1)], "31"],
        [[*range(150, 130, -1)], "131"],
        [[3, 2, 1], None],
        [[*range(30, 10, -1)], "11"],
    ]


# --- how often it asks -----------------------------------------------------------------------------------------


def polls_in_an_hour(program: str) -> int:
    whole = f"const {{ next }} = await load('poll'); let delay = 2000, polls = 0, time = 0; {program} return polls;"
    return int(run(whole))


def test_an_idle_tab_polls_rarely_but_notices_changes_soon() -> None:
    idle = polls_in_an_hour("while (time < 3600e3) { polls++; delay = next(delay, false); time += delay; }")
    busy = polls_in_an_hour("while (time < 3600e3) { polls++; delay = next(delay, true); time += delay; }")
    minute = polls_in_an_hour("while (time < 60e3) { polls++; delay = next(delay, true); time += delay; }")
    assert idle <= 125
    assert busy <= 400
    assert minute >= 17, "about every third second of what usually takes a minute"
    assert run("const { next } = await load('poll'); return next(30000, true);") == 2000, "something has begun"


# --- keys and addresses ----------------------------------------------------------------------------------------

SIGNED = """
    const session = await load("session");
    const { route } = await load("route");
    return { key: session.key.value, offered: session.offered.value, hash: location.hash, page: route.value.page };
"""


def test_a_links_key_signs_in_or_is_offered_if_someone_is_signed_in() -> None:
    link = f"#key={KEY}"
    assert run(SIGNED, hash=link) == {"key": KEY, "offered": None, "hash": "#/", "page": ""}
    signed_in = run(SIGNED, hash=link, session=SIGNED_IN)
    assert signed_in == {"key": KEY, "offered": None, "hash": "#/", "page": ""}
    for kept in ("session", "local"):
        found = run(SIGNED, hash=link, **{kept: {"promptreel / key": OTHER}})
        assert found == {"key": OTHER, "offered": KEY, "hash": "#/", "page": ""}, "nobody works for another unasked"


@pytest.mark.parametrize("none", ["", "pr_", "boat", "pr_\u20ac", "pr_1%0d%0a", "%00"])
def test_a_link_with_an_invalid_key_neither_signs_in_nor_out(none: str) -> None:
    assert run(SIGNED, hash=f"#key={none}")["key"] is None
    found = run(SIGNED, hash=f"#key={none}", session=SIGNED_IN)
    assert found == {"key": KEY, "offered": None, "hash": "#/", "page": ""}


def test_a_links_key_replaces_a_rejected_key() -> None:
    program = """
        const session = await load("session");
        await load("route");
        session.refuse(session.key.value);
        return { key: session.key.value, offered: session.offered.value, refused: session.refused.value };
    """
    given = {"hash": f"#key={OTHER}", "session": SIGNED_IN}
    assert run(program, **given) == {"key": OTHER, "offered": None, "refused": False}


# Another tab: what it posts, and what it receives.
TABS = """
    const posted = [];
    let onMessage;
    globalThis.BroadcastChannel = class {
      constructor(name) { posted.push(name); }
      postMessage(data) { posted.push(data); }
      set onmessage(run) { onMessage = run; }
    };
    const receive = (data) => onMessage({ data });
    const session = await load("session");
    session.startSharing();
    const wait = () => new Promise((resolve) => setTimeout(resolve, 300));
"""


def test_a_new_tab_takes_the_key_of_the_tab_that_was_used_last_and_stores_it_for_itself_only() -> None:
    program = f"""{TABS}
        const asking = session.isAsking.value;
        const [name, {{ asks }}] = posted;
        receive({{ to: "another tab", key: GIVEN.other, usedAt: 9 }});
        receive({{ to: asks, key: GIVEN.key, usedAt: 2 }});
        receive({{ to: asks, key: GIVEN.other, usedAt: 1 }});
        receive({{ to: asks, key: "no key", usedAt: 3 }});
        await wait();
        const kept = localStorage.getItem("promptreel / key");
        return {{ name, asking, then: session.isAsking.value, key: session.key.value, kept }};
    """
    found = run(program, key=KEY, other=OTHER)
    assert found == {"name": "promptreel / tabs", "asking": True, "then": False, "key": KEY, "kept": None}


def test_a_tab_answers_with_its_key_unless_it_is_rejected_and_leaves_with_the_others() -> None:
    program = f"""{TABS}
        receive({{ asks: "new" }});
        const first = posted.at(-1);
        receive({{ left: "pr_99999999" }});
        const stays = session.key.value;
        session.refuse(GIVEN.key);
        receive({{ asks: "newer" }});
        const second = posted.at(-1);
        receive({{ left: session.keyId.value }});
        const kept = sessionStorage.getItem("promptreel / key");
        return {{ first, stays, isAnswered: second !== first, key: session.key.value, kept }};
    """
    found = run(program, key=KEY, session=SIGNED_IN)
    assert (found["first"]["to"], found["first"]["key"], found["stays"]) == ("new", KEY, KEY)
    assert (found["isAnswered"], found["key"], found["kept"]) == (False, None, None)


# --- shapes and names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [280, 330, 700, 1240, 3700])
def test_rows_are_full_and_keep_every_shape(width: int) -> None:
    program = """
        const { justified } = await load("shape");
        const shapes = [0.4, 0.5625, 1, 1.33, 1.78, 2.33, 3];
        const found = [];
        for (let seed = 1; seed < 40; seed += 3) {
          const shape = (_, index) => shapes[(index * seed * 7 + seed) % shapes.length];
          const ratios = Array.from({ length: Math.min(seed, 18) }, shape);
          found.push([ratios, justified(ratios, { width: GIVEN.width, wanted: 200, gap: 16, below: 44 })]);
        }
        return found;
    """
    for ratios, layout in run(program, width=width):
        boxes = layout["boxes"]
        assert len(boxes) == len(ratios)
        rows: dict[float, list[dict[str, float]]] = {}
        for box, ratio in zip(boxes, ratios, strict=True):
            assert box["width"] == pytest.approx(min(width, ratio * box["height"]))
            rows.setdefault(box["top"], []).append(box)
        for row in rows.values():
            assert len({box["height"] for box in row}) == 1
            right = row[-1]["left"] + row[-1]["width"]
            assert right == pytest.approx(width) or row[-1] is boxes[-1], "only the last row has room"
            assert row[0]["height"] <= 200 * 2.6
        assert layout["height"] == pytest.approx(boxes[-1]["top"] + boxes[-1]["height"] + 44)
    assert run("return (await load('shape')).justified([], { width: 9, wanted: 9, gap: 1, below: 1 });")["height"] == 0


# --- what is typed ---------------------------------------------------------------------------------------------


def test_text_typed_in_one_tab_is_not_overwritten_by_another() -> None:
    program = """
        const { draft, setValue } = await load("draft");
        const before = draft.value.values.prompt;
        setValue("prompt", "mine, longer");
        localStorage.setItem("promptreel / draft", JSON.stringify({ values: { prompt: "of another tab" } }));
        return { before, kept: sessionStorage.getItem("promptreel / draft") };
    """
    draft = {"promptreel / draft": json.dumps({"values": {"prompt": "mine"}})}
    other = {"promptreel / draft": json.dumps({"values": {"prompt": "of another tab"}})}
    found = run(program, session=draft, local=other)
    assert found["before"] == "mine", "the tab's own, after a reload"
    assert json.loads(found["kept"])["values"] == {"prompt": "mine, longer"}
    assert run(program, local=other)["before"] == "of another tab", "the latest, in a new tab"


def test_the_page_works_without_storage() -> None:
    program = """
        const get = () => { throw new DOMException("denied", "SecurityError"); };
        for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(globalThis, name, { get });
        const { signIn, key } = await load("session");
        const { draft, setValue } = await load("draft");
        signIn(GIVEN.key, true);
        setValue("prompt", "a kite");
        return [key.value, draft.value.values.prompt];
    """
    assert run(program, key=KEY) == [KEY, "a kite"]


def test_json_of_an_earlier_request_is_valid_before_anything_is_typed() -> None:
    program = """
        const { isJson } = await load("form");
        return ["{", "", "[1]", { seed: 1 }].map(isJson);
    """
    assert run(program) == [False, False, True, True]


# --- the API ---------------------------------------------------------------------------------------------------


def test_an_interrupted_response_is_a_temporary_error() -> None:
    program = """
        const start = (stream) => stream.error(new TypeError("cut"));
        globalThis.fetch = async () => new Response(new ReadableStream({ start }));
        const { get, offline } = await load("api");
        try { await get("v2/models"); } catch (error) {
          return { status: error.status, passing: error.isPassing, offline: offline.value, says: error.message };
        }
    """
    found = run(program, session=SIGNED_IN)
    assert (found["status"], found["passing"], found["offline"]) == (0, True, True)
    assert "Cannot reach Promptreel" in found["says"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`duration` must be 4, not 60.", "duration must be 4, not 60."),
        ("The budget is spent; it renews at 2026-02-01T00:00Z.", "The budget is spent; it renews at Feb 1, 12:00 AM."),
        (f"The generation {'ab' * 16} failed.", "The generation abababab… failed."),
        ("There is no model boats: GET /v2/models lists the available models.", "There is no model boats."),
    ],
)
def test_messages_of_the_api_are_shown_without_their_notation(message: str, shown: str) -> None:
    program = "return (await load('api')).messageOf(new Error(GIVEN.message));"
    assert run(program, message=message) == shown


@pytest.mark.parametrize("status", [404, 500, 503])
def test_missing_items_and_faults_are_worded_by_the_console(status: int) -> None:
    program = """
        const json = { message: "Try again, with an Idempotency-Key." };
        globalThis.answer = async () => ({ json, status: GIVEN.status });
        try { await (await load("api")).get("v2/models"); } catch (error) { return error.message; }
    """
    found = run(program, status=status, session=SIGNED_IN)
    assert "Idempotency-Key" not in found
    assert ("does not exist" if status == 404 else f"error {status}") in found


@pytest.mark.parametrize(("off", "expected"), [(0, 0), (3, 0), (7200, 7200), (-7200, -7200), (None, 0)])
def test_a_wrong_local_clock_is_corrected_by_the_apis(off: int | None, expected: int) -> None:
    program = """
        const date = GIVEN.off === null ? {} : { Date: new Date(Date.now() + GIVEN.off * 1000).toUTCString() };
        globalThis.answer = async () => ({ json: {}, headers: date });
        await (await load("api")).get("v2/models");
        const { now, lately } = await load("clock");
        const { ago } = await load("format");
        const just = new Date(Date.now() + (GIVEN.off ?? 0) * 1000).toISOString();
        return { ahead: (now() - Date.now()) / 1000, lately: (lately.value - Date.now()) / 1000, just: ago(just) };
    """
    found = run(program, off=off, session=SIGNED_IN)
    assert found["ahead"] == pytest.approx(expected, abs=2)
    assert found["lately"] == pytest.approx(expected, abs=3)
    assert found["just"] in ("now", "1 sec. ago", "2 sec. ago", "3 sec. ago")
