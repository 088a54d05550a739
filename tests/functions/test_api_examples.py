"""Test that docs/api.md shows an example of each operation, and that the API still answers so."""

import json
import os

from core.api.contract.document import document
from core.models import offered
from tests.support.api_examples import STORED, Story, settled
from tests.support.functions import Doors
from tests.support.wire import http, serving
from wiring import now

OPERATIONS = {
    operation["operationId"]: operation for item in document(offered())["paths"].values() for operation in item.values()
}


def test_the_examples_of_the_api_are_what_it_answers(doors: Doors) -> None:
    """`python docs/generate_api.py` runs this to write them again."""
    import deliver_webhook  # noqa: PLC0415 - after the environment is there

    began = now()
    deliver_webhook._wired.cache_clear()
    with serving(http(204)) as receiver:
        made = settled(Story(doors, receiver.url).tell(), began)
    if os.environ.get("PROMPTREEL_EXAMPLES") == "write":
        STORED.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert made == json.loads(STORED.read_text("utf-8")), "run make docs"
    missing = {name for name in OPERATIONS if not name.startswith("listAt")} - made.keys()
    assert missing == set(), "call each in tests/support/api_examples.py"
