"""Make an example of each operation of the API, which docs/api.md shows, by calling the real handler.

Ids, times, keys and links are different in each run. `settled` replaces them by ones that stay the same.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3

from core.api.api_keys import ALL, READ, issue
from core.generation import Failure
from core.money.budgets import Budgets, Limits, scope_of
from core.slots.history import History
from core.workflow import Run
from tests.support.events import event
from tests.support.functions import PATHS, Cloud, Doors
from tests.support.money import USD
from tests.support.revisions import staged
from tests.support.webhooks import as_event, deliver
from wiring import now

STORED = Path(__file__).parents[1] / "api_examples.json"
SHOWN_AT = datetime.fromisoformat("2026-11-30T12:00:00+00:00")
HOUR = timedelta(hours=1)
NEXT_DAY = datetime.fromisoformat("2026-12-01T00:00:00+00:00")  # and the next month
VIDEO = {"model": "google/veo-3.1-t2v-fast", "prompt": "A paper boat", "duration": 4, "aspect_ratio": "16:9"}
FILE = "prompt,model,duration\nA paper boat,google/veo-3.1-t2v-fast,4\nA kite,google/veo3,6\n"

_KEY = re.compile(r"pr_[0-9a-f]{8}_[\w-]+")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ID = re.compile(rf"(?<![0-9a-f])(?:[0-9a-f]{{64}}|[0-9a-f]{{32}}|{_UUID}|(?<=\")[0-9a-f]{{8}}(?=\"))(?![0-9a-f])")
_SIZE = re.compile(r'"file_size": \d+')
_FORM = re.compile(r'"(policy|x-amz-[\w-]+)": "[^"]*"')
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T)")
_SIGNED = re.compile(r"(https://[^\s\"?]+)\?[^\s\"]*(?:X-Amz-)[^\s\"]*")
_TOKEN = re.compile(r"/v/[A-Za-z0-9_-]{52}")
_RECEIVER = re.compile(r"http://127\.0\.0\.1:\d+[^\s\"&]*")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


@dataclass(frozen=True)
class Example:
    """A call and its answer."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str | None
    status: int
    location: str | None
    answer: Any  # JSON, or None


@dataclass
class Story:
    """Calls of an owner, in the order in which they make sense."""

    doors: Doors
    webhook: str  # the URL of a receiver
    key_id: str = ""
    examples: dict[str, Example] = field(default_factory=dict)

    @property
    def cloud(self) -> Cloud:
        return self.doors.cloud

    def call(self, operation: str, method: str, path: str, query: str = "", body: object = None) -> Any:
        """Call the API, keep this as the example of an operation, and return the JSON of the answer."""
        text = body if isinstance(body, str | None) else json.dumps(body, ensure_ascii=False)
        headers = {"Content-Type": "text/csv"} if isinstance(body, str) else {}
        payload = event("http_api")
        payload["rawPath"] = payload["requestContext"]["http"]["path"] = path
        payload["requestContext"]["http"]["method"] = method
        payload["requestContext"]["authorizer"]["lambda"] = {"owner": "ann", "scope": ALL, "key_id": self.key_id}
        payload["headers"] |= {name.lower(): value for name, value in headers.items()}
        named = dict(part.split("=", 1) for part in query.split("&") if part)
        payload |= {"body": text, "rawQueryString": query}
        payload["queryStringParameters"] = {name: unquote(value) for name, value in named.items()} or None
        answer = self.cloud.invoke("api", payload)
        status, answered = answer["statusCode"], answer["body"] or ""
        assert status < 400, (operation, answered)
        # The document is in `api.md` as a whole.
        shown = json.loads(answered) if answered.startswith("{") and operation != "openapi" else None
        location = answer["headers"].get("Location")
        self.examples[operation] = Example(method, path, query, headers, text, status, location, shown)
        return shown

    def tell(self) -> dict[str, Any]:
        """Make all calls, and return the examples as JSON."""
        self._keys_and_budgets()
        self._models()
        done = self._videos()
        self._links(done)
        self._batches()
        self._others()
        return {operation: vars(one) for operation, one in sorted(self.examples.items())}

    def _keys_and_budgets(self) -> None:
        made = [
            issue("ann", now() - timedelta(days=3), name="shop", scope=READ, expires_at=now() + timedelta(days=87)),
            issue("ann", now() - timedelta(days=2), name="studio"),
        ]
        known = {key_id: record for _, entry in made for key_id, record in entry.items()}
        secret = self.cloud.environment["API_KEYS_SECRET"]
        boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(known))
        self.key_id = list(known)[-1]
        budgets = Budgets(boto3.client("dynamodb"), "money", Limits(), now)
        budgets.set(scope_of("ann"), {"day": 20 * USD, "month": 300 * USD})
        History(boto3.client("dynamodb"), "slots").note(2, 1, now())

    def _models(self) -> None:
        self.call("health", "GET", "/health")
        self.call("openapi", "GET", "/openapi.json")
        self.call("models", "GET", "/v2/models", "vendor=google&limit=1")
        self.call("listAtV1Models", "GET", "/v1/models", "id=google/veo-3.1-t2v-fast")
        self.call("estimate", "POST", "/v2/estimates", body=VIDEO)
        self.call("upload", "POST", "/v2/uploads", body={"content_type": "image/png"})

    def _videos(self) -> str:
        query = f"webhook={self.webhook}&tag=project=boats"
        done = str(self.call("create", "POST", PATHS[0], query, VIDEO)["id"])
        self.cloud.run({"generation_id": done}, "submit", "check_status", "finalize")
        [message] = self.cloud.messages()
        assert deliver(self.cloud, as_event(json.loads(message["Message"]))) == []
        self.call("fetchOrList", "GET", PATHS[0], f"generation_id={done}")
        self.call("content", "GET", f"{PATHS[0]}/{done}/content")
        self.call("edit", "PATCH", PATHS[0], f"generation_id={done}", {"add": ["favourite"], "name": "The boat"})
        older = str(self.call("createOlder", "POST", PATHS[1], body={**VIDEO, "prompt": "A kite"})["id"])
        self.call("fetchOlder", "GET", PATHS[1], f"generation_id={older}")
        self.call("delete", "DELETE", PATHS[0], f"generation_id={older}")
        return done

    def _links(self, done: str) -> None:
        link = self.call("createLink", "POST", f"{PATHS[0]}/{done}/links", body={"expires_in": 86400})
        token = str(link["page_url"]).rpartition("/")[2]
        for operation, method, name in (
            ("openLink", "GET", ""),
            ("checkLink", "HEAD", ""),
            ("openLinkByName", "GET", "/boat.mp4"),
            ("checkLinkByName", "HEAD", "/boat.mp4"),
        ):
            self.call(operation, method, f"/v/{token}{name}")
        self.call("links", "GET", f"{PATHS[0]}/{done}/links")
        self.call("revokeLink", "DELETE", f"{PATHS[0]}/{done}/links/{link['number']}")

    def _batches(self) -> None:
        batch = str(self.call("sendBatch", "POST", "/v2/batches", "name=week.csv", FILE)["id"])
        found = boto3.client("s3").get_object(Bucket="prompts", Key="owners/ann/week.csv")
        dropped = self.doors.drop("x/", "")
        of = {"key": "owners/ann/week.csv", "etag": found["ETag"].strip('"'), "version-id": found["VersionId"]}
        dropped["detail"]["object"] |= of
        assert self.doors.take(dropped) == []
        for row in staged(self.doors.executions("BATCH_STATE_MACHINE_ARN")[-1]["input"]):
            self.cloud.invoke("accept_row", row)
        self.call("fetchOrListBatches", "GET", "/v2/batches", f"batch_id={batch}")
        first = self.call("reportBatch", "GET", f"/v2/batches/{batch}/report")["data"][0]
        self.cloud.ledger.fail(Run(first["generation_id"]), Failure("RequestRefused", "The prompt is not allowed."))
        self.call("fetchBatchFile", "GET", f"/v2/batches/{batch}/file")
        self.call("cancelBatch", "POST", f"/v2/batches/{batch}/cancel")
        self.call("retryBatch", "POST", f"/v2/batches/{batch}/retry")

    def _others(self) -> None:
        self.call("usage", "GET", "/v2/usage", f"by=model&from={now():%Y-%m-%d}&to={now():%Y-%m-%d}")
        self.call("budgets", "GET", "/v2/budgets")
        self.call("slots", "GET", "/v2/slots")
        self.call("keys", "GET", "/v2/keys")
        deliveries = self.call("webhookDeliveries", "GET", "/v2/webhooks/deliveries")["data"]
        self.call("redeliverWebhook", "POST", f"/v2/webhooks/deliveries/{deliveries[0]['id']}/redeliver")
        self.call("webhookSecret", "GET", "/v2/webhooks/secret")
        self.call("rotateWebhookSecret", "POST", "/v2/webhooks/secret/rotate")


def settled(examples: dict[str, Any], began: datetime) -> dict[str, Any]:
    """Return the examples with what differs between runs replaced. Each id stays the same within all of them."""
    ids: dict[str, str] = {}

    def settle_id(seen: re.Match[str]) -> str:
        made = sha256(str(len(ids)).encode()).hexdigest()
        return ids.setdefault(seen[0], made[: len(seen[0])])

    def settle_time(seen: re.Match[str]) -> str:
        time = datetime.fromisoformat(seen[0])
        if time > began and time.time() == NEXT_DAY.time():  # the end of a day or of a month
            return f"{NEXT_DAY:%Y-%m-%dT%H:%M:%SZ}"
        if time == _hour(time):  # it names an hour
            later = _hour(time) - _hour(began)
        else:  # calls take seconds, and a slow machine may need minutes for all
            later = (time - began + timedelta(minutes=5)) // HOUR * HOUR
        return f"{SHOWN_AT + later:%Y-%m-%dT%H:%M:%SZ}"

    def settle_day(seen: re.Match[str]) -> str:
        later = datetime.fromisoformat(seen[0]).date() - began.date()
        return f"{SHOWN_AT.date() + later}"

    replace: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
        (_SIGNED, r"\1?X-Amz-Signature=..."),
        (_RECEIVER, "https://hooks.example.com/videos"),
        (_TOKEN, "/v/mVb7...Qz"),
        (_SECRET, "whsec_..."),
        (_SIZE, '"file_size": 100600'),  # encoders differ between platforms
        (_FORM, r'"\1": "..."'),
        (_KEY, "pr_..."),
        (_ID, settle_id),
        (_TIME, settle_time),
        (_DAY, settle_day),
    ]
    text = json.dumps(examples, ensure_ascii=False, indent=1)
    for pattern, by in replace:
        text = pattern.sub(by, text)
    found: dict[str, Any] = json.loads(text)
    return found


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
