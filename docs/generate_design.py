"""Write docs/design.md and its picture from the console's stylesheet: `python docs/generate_design.py [--check]`."""

import re
from html import escape
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
DOCUMENT, PICTURE = ROOT / "docs" / "design.md", ROOT / "docs" / "pictures" / "design.svg"
STYLES, ICONS = ROOT / "console" / "console.css", ROOT / "console" / "icons.js"
THEMES = {"light": r":root \{(.*?)\n\}", "dark": r':root\[data-theme="dark"\] \{(.*?)\n\}'}
SCALES = {"text": "Type", "space": "Space", "round": "Radius"}
REM = 16  # pixels
COLUMNS, CELL = 6, 108  # of icons in the picture, and the width of one
WIDTH, MARGIN = 720, 32
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

HEAD = """<!-- Written by docs/generate_design.py from console/console.css and console/icons.js. Do not edit. -->

# Design

This page is for developers who change the console or the pages behind short links.
Both have one scale of type, space and radius, one accent, and one set of icons.
Colour belongs to the videos: everything else is grey, except for the accent, failures and results.

![All tokens and icons, in the light and the dark theme](pictures/design.svg)

## Rules

- Sizes of type, spaces and radii come from these tokens. A test rejects other sizes of type and other radii.
- A page has one primary button. Its other actions are plain buttons, buttons with only an icon, or in a menu.
- Layouts are made of a few primitives: `.stack` (one below the other), `.row` (next to each other, wrapping), `.pair` (as many columns as fit), `.panel` (a box).
- A video has its own shape everywhere. Its place is `--sunk` until its poster is there.
- A busy button is not dimmed: a line at its lower edge shows that it is busy.
- Motion lasts `--fast` and explains where something came from. It stops for readers who want none.
- Text has a contrast of at least 4.5:1 in both themes, and the edge of a field 3:1. A test computes both, and axe-core checks every page.
"""


def tokens(theme: str) -> dict[str, str]:
    """Return the values of a theme by name, without the dashes."""
    found = re.search(THEMES[theme], STYLES.read_text("utf-8"), re.DOTALL)
    if found is None:
        raise SystemExit(f"console/console.css has no {theme} theme.")
    return dict(re.findall(r"--([\w-]+): ([^;]+);", found[1]))


def colours(theme: str) -> dict[str, str]:
    """Return the colours of a theme. The dark theme has those of the light one that it does not change."""
    both = {**tokens("light"), **tokens(theme)}
    return {name: value for name, value in both.items() if re.match(r"#|rgb\([^)]*\)$", value)}


def scale(name: str) -> dict[str, str]:
    """Return the steps of a scale."""
    return {token: value for token, value in tokens("light").items() if re.fullmatch(rf"{name}-\d", token)}


def icons() -> dict[str, str]:
    """Return the paths of the icons by name."""
    paths = ICONS.read_text("utf-8").partition("const PATHS = {")[2].partition("};")[0]
    return dict(re.findall(r'^  (\w+): "([^"]+)",$', paths, re.MULTILINE))


def document() -> str:
    """Return the content of docs/design.md."""
    light, dark = colours("light"), colours("dark")
    parts = [HEAD, "## Tokens\n"]
    for name, title in SCALES.items():
        parts += [f"| {title.lower()} | value | px |\n|---|---|---|"]
        parts += [f"| `--{token}` | {value} | {_pixels(value):g} |" for token, value in scale(name).items()]
        parts.append("")
    parts += ["| colour | light | dark |\n|---|---|---|"]
    parts += [f"| `--{name}` | `{light[name]}` | `{dark[name]}` |" for name in light]
    library = re.search(r"@license Icons of (\S+ \S+) \((\S+)\)", ICONS.read_text("utf-8"))
    if library is None:
        raise SystemExit("console/icons.js does not name the library of its icons and their licence.")
    names = ", ".join(f"`{name}`" for name in icons())
    parts.append(
        f"\n## Icons\n\nThe icons are from [{library[1]}]({library[2]}), under the ISC License; some of them derive from Feather, under the MIT License.\n"
        f"`console/icons.js` has the licences and only the {len(icons())} icons that the console uses: {names}.\n"
    )
    return "\n".join(parts)


def picture() -> str:
    """Return the picture: all tokens and icons in both themes, one above the other."""
    halves = [_half(theme) for theme in THEMES]
    height = sum(tall for _, tall in halves)
    drawn, top = [], 0
    for inside, tall in halves:
        drawn.append(f'<svg y="{top}" width="{WIDTH}" height="{tall}">{inside}</svg>')
        top += tall
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{FONT}">\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _half(theme: str) -> tuple[str, int]:
    """Return the drawing of a theme and its height."""
    colour, drawn, y = colours(theme), [], MARGIN
    for number, (name, value) in enumerate(colour.items()):
        x, down = MARGIN + number % COLUMNS * CELL, y + number // COLUMNS * 76
        drawn.append(
            f'<rect x="{x}" y="{down}" width="{CELL - 12}" height="40" rx="8" fill="{value}" stroke="{colour["line"]}"/>'
        )
        drawn.append(_text(x, down + 58, name, 12, colour["quiet"]))
    y += -(-len(colour) // COLUMNS) * 76 + 24
    for name, value in scale("text").items():
        size = _pixels(value)
        y += int(size * 1.25)
        drawn.append(_text(MARGIN, y, f"{name}: a red fox crossing fresh snow", size, colour["ink"]))
        y += 8
    y += 16
    left: float = MARGIN
    for name, value in {**scale("space"), **scale("round")}.items():
        size = _pixels(value)
        shape = f'width="{size:g}" height="40"' if name.startswith("space") else f'width="56" height="40" rx="{size:g}"'
        drawn.append(f'<rect x="{left:g}" y="{y}" {shape} fill="{colour["accent"]}"/>')
        drawn.append(_text(left, y + 58, name, 12, colour["quiet"]))
        left += 76
    y += 84
    for number, (name, path) in enumerate(icons().items()):
        x, down = MARGIN + number % COLUMNS * CELL, y + number // COLUMNS * 60
        drawn.append(
            f'<path transform="translate({x} {down})" d="{path}" fill="none" stroke="{colour["ink"]}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>'
        )
        drawn.append(_text(x, down + 42, name, 12, colour["quiet"]))
    y += -(-len(icons()) // COLUMNS) * 60 + 16
    return f'<rect width="100%" height="100%" fill="{colour["ground"]}"/>\n' + "\n".join(drawn), y


def _text(x: float, y: float, text: str, size: float, fill: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}">{escape(text)}</text>'


def _pixels(value: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(rem|px)", value).groups()  # type: ignore[union-attr]  # or the scale is wrong
    return float(number) * (REM if unit == "rem" else 1)


if __name__ == "__main__":
    write({DOCUMENT: document(), PICTURE: picture()})
