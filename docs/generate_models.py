"""Write docs/models.md from the catalogue of models: `python docs/generate_models.py [--check]`."""

import sys
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "functions"))

from core.models import Model, known  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "models.md"

HEAD = """<!-- Written by docs/generate_models.py from functions/core/models/. Do not edit. -->

# The models

This page is for people who choose a model.
These are the provider's video models, as its public reference describes them.
A deployment may offer fewer models, or more: `promptreel models` and `GET /v2/models` list what yours offers.
`promptreel models MODEL`, `GET /v2/models?id=MODEL` and the console show the parameters of one model, with an example.

A model's kind is named after the input that it requires.
An input is a field of the request that takes the URL of an image, a video or an audio file.
`[]` marks a list.

| vendor | model | kind | inputs |
|---|---|---|---|
"""


def document() -> str:
    """Return the content of docs/models.md."""
    models = sorted(known().values(), key=lambda model: (model.vendor or "", model.name))
    return HEAD + "".join(map(_row, models))


def _row(model: Model) -> str:
    inputs = ", ".join(f"`{one.field}` ({' or '.join(one.media)})" for one in model.inputs)
    return f"| {model.vendor} | `{model.name}` | {model.kind} | {inputs} |\n"


if __name__ == "__main__":
    write({DOCUMENT: document()})
