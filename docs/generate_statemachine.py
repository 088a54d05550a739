"""Write docs/pictures/video_generation.svg from the state machine: `python docs/generate_statemachine.py [--check]`.

The first row is the shortest path to a video. A Choice is drawn as the labels of the arrows that leave the state before
it. The frame holds every state that can fail: what may happen in any of them is one arrow that leaves the frame.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from generated import write

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "pictures" / "video_generation.svg"
DEFINITION = ROOT / "statemachine" / "video_generation.asl.json"

WIDTH, HEIGHT = 830, 372
BOX_WIDTH, BOX_HEIGHT = 118, 34
COLUMN, LEFT = 170, 75  # between two columns, and the middle of the first
ROWS = (86, 186, 306)  # the middles of the rows
FRAME = (8, 8, WIDTH - 16, 232)
SHARED = 3  # an arrow that leaves so many states leaves the frame
ANY = "States.ALL"

STYLE = """
.ground { fill: #fff } .box { fill: #eef2ff; stroke: #4f5bd5 } .wait { fill: #f6f6f6; stroke: #8a8f98 }
.good { fill: #e6f6ea; stroke: #2c8a4b } .bad { fill: #fdecea; stroke: #c0392b } .frame { fill: none; stroke: #8a8f98 }
text { fill: #1b1f24; font: 12px system-ui, sans-serif; text-anchor: middle; dominant-baseline: central }
.label { fill: #57606a; font-size: 11px; stroke: #fff; stroke-width: 4px; paint-order: stroke }
.arrow { fill: none; stroke: #57606a; marker-end: url(#tip) } .fault, .frame { stroke-dasharray: 4 3 }
.tip { fill: #57606a }
@media (prefers-color-scheme: dark) {
.ground { fill: #14171c } .box { fill: #232a4d; stroke: #8f9bff } .wait { fill: #262a31; stroke: #8a8f98 }
.good { fill: #153322; stroke: #4cc47a } .bad { fill: #3d1b18; stroke: #f08579 }
text { fill: #e6e8eb } .label { fill: #a9b1bb; stroke: #14171c } .arrow { stroke: #a9b1bb } .tip { fill: #a9b1bb }
}
"""


@dataclass(frozen=True)
class Arrow:
    """A transition, with the status or the error that leads to it."""

    source: str
    target: str
    label: str = ""
    is_fault: bool = False


@dataclass
class Picture:
    """The states with their places, and the arrows between them."""

    states: dict[str, dict[str, Any]]
    arrows: list[Arrow]
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # a column and a row


def arrows_of(states: dict[str, dict[str, Any]]) -> list[Arrow]:
    """Return all transitions, those of a Choice as if the state before it made them."""
    found = []
    for name, state in states.items():
        if state["Type"] == "Choice":
            continue
        follower = state.get("Next")
        if follower and states[follower]["Type"] == "Choice":
            found += [Arrow(name, one["Next"], str(one["StringEquals"])) for one in states[follower]["Choices"]]
            found.append(Arrow(name, states[follower]["Default"], "otherwise"))
        elif follower:
            found.append(Arrow(name, follower))
        for caught in state.get("Catch", []):
            label = ", ".join("any error" if error == ANY else error for error in caught["ErrorEquals"])
            found.append(Arrow(name, caught["Next"], label, is_fault=True))
    return found


def picture(definition: dict[str, Any]) -> Picture:
    """Return the states of a definition with their places."""
    states = {name: state for name, state in definition["States"].items() if state["Type"] != "Choice"}
    drawn = Picture(states, arrows_of(definition["States"]))
    path = _shortest(drawn, definition["StartAt"])
    drawn.places |= {name: (column, 0) for column, name in enumerate(path)}
    failure = _after(drawn, {arrow.target for arrow in drawn.arrows if arrow.label == "any error"})
    failure |= {name for name in states.keys() - drawn.places.keys() if _targets(drawn, name) <= failure}
    for name in states:
        if name not in drawn.places and name not in failure:
            before = next(drawn.places[arrow.source] for arrow in drawn.arrows if arrow.target == name)
            drawn.places[name] = (before[0] + before[1], 1)
    for column, name in enumerate(name for name in states if name in failure):
        drawn.places[name] = (column, 2)
    return drawn


def _targets(drawn: Picture, name: str) -> set[str]:
    return {arrow.target for arrow in drawn.arrows if arrow.source == name}


def _after(drawn: Picture, names: set[str]) -> set[str]:
    """Return these states and all that can follow them."""
    found = set(names)
    while more := {target for name in found for target in _targets(drawn, name)} - found:
        found |= more
    return found


def _shortest(drawn: Picture, start: str) -> list[str]:
    """Return the shortest path without a fault from a state to one that ends the execution with success."""
    paths = [[start]]
    for path in paths:
        if drawn.states[path[-1]].get("End"):
            return path
        paths += [
            [*path, arrow.target]
            for arrow in drawn.arrows
            if arrow.source == path[-1] and not arrow.is_fault and arrow.target not in path
        ]
    raise ValueError("The state machine has no end.")


def document() -> str:
    """Return the SVG."""
    definition = json.loads(DEFINITION.read_text("utf-8"))
    drawn = picture(definition)
    if outside := [name for name in drawn.places if _middle(drawn, name)[0] + BOX_WIDTH // 2 > WIDTH]:
        raise ValueError(
            f"{', '.join(outside)} would be outside of the picture: raise WIDTH by {COLUMN} for each column."
        )
    shared = _shared(drawn)
    left, top, width, height = FRAME
    lines = [_arrow(drawn, arrow) for arrow in drawn.arrows if (arrow.target, arrow.label) not in shared]
    lines += [_from_frame(drawn, target, label) for target, label in shared]
    return (
        "<!-- Written by docs/generate_statemachine.py from statemachine/video_generation.asl.json. Do not edit. -->\n"
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="The states of a generation">\n<style>{STYLE}</style>\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>\n'
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="6"/>\n'
        f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}" rx="8"/>\n'
        + "".join(lines)
        + "".join(_box(drawn, name) for name in drawn.places)
        + "</svg>\n"
    )


def _shared(drawn: Picture) -> list[tuple[str, str]]:
    """Return the targets and labels of arrows that leave the frame. Raise ValueError if a Task in it is not caught."""
    inside = {name for name, place in drawn.places.items() if place[1] < 2}  # noqa: PLR2004 - the last row
    for name in inside:
        if drawn.states[name]["Type"] == "Task" and not any(
            arrow.source == name and arrow.label == "any error" for arrow in drawn.arrows
        ):
            raise ValueError(f"{name} does not catch {ANY}, so the frame would be wrong.")
    leaving = Counter(
        (arrow.target, arrow.label) for arrow in drawn.arrows if arrow.source in inside and arrow.target not in inside
    )
    if rare := [one for one, times in leaving.items() if times < SHARED]:
        raise ValueError(f"Draw these arrows, which leave the frame from few states: {rare}.")
    return [*leaving]


def _middle(drawn: Picture, name: str) -> tuple[int, int]:
    column, row = drawn.places[name]
    return LEFT + column * COLUMN, ROWS[row]


def _box(drawn: Picture, name: str) -> str:
    x, y = _middle(drawn, name)
    state = drawn.states[name]
    kind = {"Wait": "wait", "Fail": "bad", "Succeed": "good", "Pass": "wait"}.get(state["Type"], "box")
    kind = "good" if state.get("End") else kind
    comment = f"<title>{escape(state['Comment'])}</title>" if "Comment" in state else ""
    return (
        f'<g>{comment}<rect class="{kind}" x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="5"/><text x="{x}" y="{y}">{escape(name)}</text></g>\n'
    )


def _arrow(drawn: Picture, arrow: Arrow) -> str:
    """Draw an arrow: straight to the next column or row, otherwise in an arc above or below the row."""
    (x, y), (to_x, to_y) = _middle(drawn, arrow.source), _middle(drawn, arrow.target)
    half_width, half_height = BOX_WIDTH // 2, BOX_HEIGHT // 2
    if y == to_y and to_x - x == COLUMN:
        return _line(arrow, [(x + half_width, y), (to_x - half_width, y)], ((x + to_x) // 2, y - 10))
    if y == to_y:
        side = 1 if drawn.places[arrow.source][1] else -1
        span = abs(to_x - x) // COLUMN
        far = y + side * (half_height + 14 + 20 * (span - 1))
        out, back = (x - 14 * span, to_x + 14 * span) if to_x < x else (x, to_x)
        edge = y + side * half_height
        return _line(arrow, [(out, edge), (out, far), (back, far), (back, edge)], ((out + back) // 2, far))
    down = 1 if to_y > y else -1
    if x == to_x:
        at = x + down * 26
        return _line(
            arrow,
            [(at, y + down * half_height), (at, to_y - down * half_height)],
            (at + down * (10 + 3 * len(arrow.label)), (y + to_y) // 2 - 18 * down),
        )
    out = x + (half_width - 6 if to_x > x else 6 - half_width)
    return _line(
        arrow,
        [(out, y + down * half_height), (to_x + 20, to_y - down * half_height)],
        ((out + to_x) // 2 + 36, (y + to_y) // 2 - 14 * down),
    )


def _from_frame(drawn: Picture, target: str, label: str) -> str:
    x, y = _middle(drawn, target)
    top = FRAME[1] + FRAME[3]
    arrow = Arrow("", target, label, is_fault=label == "any error")
    return _line(
        arrow, [(x, top), (x, y - BOX_HEIGHT // 2)], (x + 6 + 3 * len(label), (top + y - BOX_HEIGHT // 2) // 2)
    )


def _line(arrow: Arrow, points: list[tuple[int, int]], at: tuple[int, int]) -> str:
    path = "L".join(f"{x} {y}" for x, y in points)
    label = f'<text class="label" x="{at[0]}" y="{at[1]}">{escape(arrow.label)}</text>' if arrow.label else ""
    return f'<path class="arrow{" fault" if arrow.is_fault else ""}" d="M{path}"/>{label}\n'


if __name__ == "__main__":
    write({DOCUMENT: document()})
