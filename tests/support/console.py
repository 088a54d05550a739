"""Run the console's modules in Node without a browser, and parse the HTML that they render."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NODE = Path(sys.executable).with_name("node")
# A tab: its address, its storage, and an API whose answers depend on the call.
TAB = """
const store = (kept = {}) => ({
  getItem: (name) => kept[name] ?? null,
  setItem: (name, value) => (kept[name] = value),
  removeItem: (name) => delete kept[name],
});
const quiet = { addEventListener() {}, removeEventListener() {} };
Object.assign(globalThis, {
  window: { ...quiet }, addEventListener() {},
  document: { ...quiet, baseURI: "https://reel.example/", hidden: false, querySelector: () => null },
  location: { pathname: "/", search: "", hash: GIVEN.hash ?? "" },
  history: { replaceState: (_state, _title, url) => { location.hash = new URL(url, "https://reel.example/").hash; } },
  matchMedia: () => ({ matches: false }),
  sessionStorage: store(GIVEN.session), localStorage: store(GIVEN.local),
  asked: [],
  fetch: async (url, options) => {
    asked.push(`${options.method} ${url.pathname.slice(1)}${url.search}`);
    const { status = 200, headers = {}, json } = await answer(url, options, asked.length);
    return new Response(JSON.stringify(json), { status, headers });
  },
});
"""
VOID = {"br", "img", "input"}
ENGLISH = {**os.environ, "LC_ALL": "en_US.UTF-8", "TZ": "UTC"}


# Renders a template for each line of input. The line's data is available as `GIVEN`.
RENDERER = """
import { createInterface } from "node:readline";
import { renderToString } from "preact-render-to-string";
const { html } = await load("html");
const { forget, note } = await load("videos");
const { models } = await load("models");
const { lately } = await load("clock");
const AsyncFunction = (async () => {}).constructor;
for await (const line of createInterface({ input: process.stdin })) {
  const { template, now, ...given } = JSON.parse(line);
  Date.now = () => Date.parse(now);
  lately.value = Date.now();
  forget();
  models.value = new Map(given.models.map((model) => [model.id, model]));
  for (const generation of given.generations) note(generation);
  try {
    const node = await new AsyncFunction("GIVEN", "load", "html", template)(given, load, html);
    console.log(JSON.stringify({ html: renderToString(node) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
"""


def run(program: str, **given: Any) -> Any:
    """Return what a program in JavaScript returns; it has `given` as `GIVEN`, and `load` for the console's modules."""
    whole = f"""
        {_tab(given)}
        const done = await (async () => {{ {program} }})();
        console.log(JSON.stringify(done ?? null));
        process.exit(0);
    """
    ended = subprocess.run(_node(whole), capture_output=True, encoding="utf-8", check=False, cwd=ROOT, env=ENGLISH)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


class Renderer:
    """A Node that renders the console's components to HTML, one after another."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = _node(_tab({}) + RENDERER)
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8", cwd=ROOT, env=ENGLISH)

    def __call__(self, template: str, **given: Any) -> "Element":
        """Return the page of a template: the body of a function in JavaScript, which has `html`, `load` and `GIVEN`."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"template": template, **given}), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return parsed(answer["html"])

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _node(program: str) -> list[str]:
    return [str(NODE), "--input-type=module", "--eval", program]


def _tab(given: dict[str, Any]) -> str:
    load = f'const load = (name) => import({json.dumps((ROOT / "console").as_uri())} + "/" + name + ".js");'
    return f"const GIVEN = {json.dumps(given)}; {TAB} {load}"


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the text in the element. Nested elements are separate words."""
        parts = (child if isinstance(child, str) else f" {child.text} " for child in self.children)
        return " ".join("".join(parts).split())

    def __getitem__(self, name: str) -> str | None:
        return self.attributes[name]

    def every(self, tag: str = "", **attributes: str) -> Iterator["Element"]:
        """Yield the elements in it with this tag and these attributes, in order."""
        for child in self.children:
            if isinstance(child, Element):
                if tag in ("", child.tag) and attributes.items() <= child.attributes.items():
                    yield child
                yield from child.every(tag, **attributes)

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """Return the only such element."""
        (found,) = self.every(tag, **attributes)
        return found

    def name_of(self, control: "Element") -> str:
        """Return what a screen reader calls a control of this page: the text of its label; "" if it has none."""
        if label := control.attributes.get("aria-label"):
            return label
        own = control.attributes.get("id")
        for one in self.every("label"):
            if (own and one.attributes.get("for") == own) or any(control is inner for inner in one.every()):
                return one.text
        return ""


def parsed(html: str) -> Element:
    """Parse HTML as a browser does."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert len(parser.open) == 1, f"{parser.open[-1].tag} is not closed"
    return parser.open[0]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)
