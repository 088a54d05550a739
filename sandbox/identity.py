"""Put everything about a generation into its id, so that a poll needs no table.

An id has the fields of `_fields` as JSON in Base64, a code that only this sandbox can make, and the model like the
provider's ids. The prompt is there as its hash and its directives.
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from local.simulator.clips import Clip
from local.simulator.generations import Generation
from sandbox.directives import as_text, directives_of

CODE_BYTES = 12
LONGEST = 500  # characters of an id that Promptreel accepts
LONGEST_FAULT = 90


def new_id(secret: bytes, generation: Generation) -> str:
    """Return a new id for a generation, whose own id is not used. Raise Refused (400) for an unknown directive."""
    content = _encoded(json.dumps(_fields(generation), separators=(",", ":"), ensure_ascii=False).encode())
    model = generation.clip.model.replace("/", "-")
    return f"{content}.{_code(secret, content, model)}:{model}"


def read_id(secret: bytes, generation_id: str) -> Generation | None:
    """Return the generation of an id, with its directives as its prompt. Return None for an id of anyone else."""
    content, _, rest = generation_id.partition(".")
    code, _, model = rest.partition(":")
    if not hmac.compare_digest(code.encode(), _code(secret, content, model).encode()):
        return None
    created, name, seconds, ratio, container, directives, fault, *_ = json.loads(_decoded(content))
    clip = Clip(as_text(directives), name, seconds, ratio, container)
    return Generation(generation_id, clip, created / 1000, None, fault)


def prompt_hash(prompt: str) -> str:
    """Return a short hash of a prompt."""
    return _encoded(hashlib.sha256(prompt.encode(errors="surrogatepass")).digest()[:CODE_BYTES])


def _fields(generation: Generation) -> list[Any]:
    clip = generation.clip
    return [
        round(generation.created_at * 1000),
        clip.model,
        clip.seconds,
        "9:16" if _is_portrait(clip.aspect_ratio) else "16:9",  # a model may accept any text
        clip.container,
        directives_of(clip.prompt),
        generation.fault and generation.fault[:LONGEST_FAULT],
        prompt_hash(clip.prompt),
        secrets.token_urlsafe(6),  # two equal requests in one millisecond are two generations
    ]


def _is_portrait(aspect_ratio: str) -> bool:
    wide, _, high = aspect_ratio.partition(":")
    return wide.isdecimal() and high.isdecimal() and int(high[:9]) > int(wide[:9])


def _code(secret: bytes, content: str, model: str) -> str:
    return _encoded(hmac.digest(secret, f"{content}:{model}".encode(errors="surrogatepass"), "sha256")[:CODE_BYTES])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
