"""Answer `GET /v1/models` in the provider's shape, for clients that read the provider's list of models.

Source: the provider's reference, "Complete model list", and the older shape of the same list, whose `features` and
`endpoints` some clients still read. Every entry has all optional sections, whatever `include` says: the list is short.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.api import OLDER_PATH, PATH
from core.models import Model, Models

TYPE = "internal/video-generations/submit"  # the provider's name for the endpoint of videos
VIDEO = "video"  # as a capability: the node for n8n finds video models by it


def answer(models: Models, prices: Mapping[str, Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the models that pass the filters of the query. Other parameters are ignored.

    `prices` are the provider's, by the name of the model.
    """
    shown = (_shown(model, prices.get(model.name)) for model in sorted(models, key=lambda model: model.name))
    return {"object": "list", "data": [one for one in shown if _passes(one, query)]}


def _shown(model: Model, pricing: Mapping[str, Any] | None) -> dict[str, Any]:
    kinds = [model.kind] if model.kind else []
    inputs = dict.fromkeys(["text", *(kind.partition("-")[0] for kind in kinds)])
    older = [OLDER_PATH.replace("{vendor}", model.vendor)] if model.vendor else []
    return {
        "id": model.name,
        "object": "model",
        "aliases": [],
        "type": TYPE,
        "info": {"name": model.title, "developer": model.vendor or ""},
        "tags": ["playground:video"],
        "features": [],
        "endpoints": [PATH, *older],
        "modalities": {"input": list(inputs), "output": [VIDEO]},
        "capabilities": [*(kind.replace("-", "_") for kind in kinds), VIDEO],
        "pricing": pricing,
    }


def _passes(shown: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Return whether the model has one of the values of each filter."""
    return all(not query.get(name) or values & _wanted(query[name]) for name, values in _filters(shown))


def _filters(shown: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield each filter, with the values of the model in lower case."""
    inputs, outputs = shown["modalities"]["input"], shown["modalities"]["output"]
    yield "id", {shown["id"].lower()}
    yield "type", {shown["type"]}
    yield "tags", set(shown["tags"])
    yield "modalities", {*inputs, *outputs}
    yield "input_modalities", set(inputs)
    yield "output_modalities", set(outputs)
    yield "capabilities", set(shown["capabilities"])


def _wanted(values: str) -> set[str]:
    return {value.strip().lower() for value in values.split(",")}
