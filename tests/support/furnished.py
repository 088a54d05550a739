"""Create an owner with something on every page of the console."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from core.money.budgets import Budgets, Limits, scope_of
from core.slots.history import History
from promptreel.operator.keys import ApiKeys
from tests.support.local_cloud import LocalCloud, eventually, unique
from tests.support.money import USD
from wiring import now

MODEL, EXTENDING = "google/veo-3.1-t2v-fast", "google/veo3-1-fast-extend-video"
HOURS = 150  # hours with recorded slot usage
WEBHOOK = "https://receiver.invalid/told"


@dataclass(frozen=True)
class Furnished:
    """The ids of everything that an owner has."""

    completed: str
    failed: str
    running: str
    waiting: str  # of the running one
    batch: str

    @classmethod
    def of(cls, cloud: LocalCloud, owner: str, key: str) -> "Furnished":
        """Create everything with this key of the owner."""
        headers = {"Authorization": f"Bearer {key}"}

        def ask(prompt: str, seconds: float, query: dict[str, str] | None = None, **script: Any) -> str:
            cloud.simulator.script(prompt, seconds=seconds, **script)
            request = {"model": MODEL, "prompt": prompt, "duration": 4, "seed": 7}
            answer = cloud.call("POST", json=request, headers=headers, params=query)
            assert answer.ok, answer.text
            return str(answer.json()["id"])

        budgets = Budgets(cloud.aws("dynamodb"), cloud.stack.money_table_name, Limits(), now)
        budgets.set(scope_of(owner), {"day": 15 * USD, "month": 150 * USD, "hour": 40})
        completed = ask(unique("a kite"), 0, {"webhook": WEBHOOK, "tag": "shop,day=1"})
        failed = ask(unique("a banquet"), 0, outcome="error")
        for hours in range(HOURS):
            seen = now() - timedelta(hours=hours)
            for held, waiting in ((hours * 7 % 20, 0), (19, max(0, hours % 37 - 20))):
                History(cloud.aws("dynamodb"), cloud.stack.slots_table_name).note(held, waiting, seen)
        keys = ApiKeys(cloud.aws("secretsmanager"), cloud.stack.api_keys_secret_arn)
        keys.create(owner, name="shop", scope="read", expires_at=now() + timedelta(days=5))
        running = ask(unique("a snail"), 300)
        extending = {"model": EXTENDING, "prompt": "it goes on", "video_url": f"generation:{running}"}
        answer = cloud.call("POST", json=extending, headers=headers)
        assert answer.ok, answer.text
        row = unique("a boat")
        cloud.simulator.script(row, seconds=0)
        batch = cloud.call(
            "POST",
            "/v2/batches",
            params={"name": f"{uuid4().hex[:8]}.csv"},
            data=f'prompt,model,duration\n"{row}",{MODEL},4\n'.encode(),
            headers={**headers, "Content-Type": "text/csv"},
        )
        assert batch.ok, batch.text
        for generation_id in (completed, failed):
            cloud.ended(generation_id)
        made = cls(completed, failed, running, str(answer.json()["id"]), str(batch.json()["id"]))
        eventually(lambda: made._delivery_of(cloud, headers))
        return made

    def cancel(self, cloud: LocalCloud, key: str) -> None:
        """Cancel what would keep running and hold a slot."""
        for generation_id in (self.waiting, self.running):
            headers, query = {"Authorization": f"Bearer {key}"}, {"generation_id": generation_id}
            assert cloud.call("DELETE", params=query, headers=headers).ok

    def _delivery_of(self, cloud: LocalCloud, headers: dict[str, str]) -> Any:
        found = cloud.call("GET", "/v2/webhooks/deliveries", headers=headers).json()["data"]
        return next((one for one in found if one["generation_id"] == self.completed), None)
