"""Run a local cloud whose functions can be harmed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.processes import find
from local.services import throw_away
from local.settings import Checkout, Settings
from local.up import up
from tests.support.local_cloud import LocalCloud
from tests.torture.cases import Commands
from tests.torture.faults import Plans
from tests.torture.receiver import Receiver
from tests.torture.runner import Torture

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Chamber:
    """A local cloud whose functions can be harmed, with the tools to harm them."""

    checkout: Checkout
    settings: Settings
    torture: Torture
    commands: Commands


@contextmanager
def chamber(state: str) -> Iterator[Chamber]:
    """Deploy the stack to a separate local cloud whose state is in that folder, and stop it at the end."""
    checkout = Checkout(ROOT, state)
    throw_away(checkout)
    checkout.make_state()
    plans = Plans(checkout.state / "plans")
    plans.clear()
    receiver = Receiver()
    settings = Settings(wait_scale="0.05", functions_see=plans.environment)
    try:
        stack = up(checkout, settings)
        ministack = find(checkout.state, "ministack")
        assert ministack is not None
        cloud = LocalCloud(stack, ministack.pid)
        yield Chamber(checkout, settings, Torture(cloud, plans, receiver), _commands(checkout, cloud))
    finally:
        receiver.close()
        throw_away(checkout)


def _commands(checkout: Checkout, cloud: LocalCloud) -> Commands:
    functions = cloud.aws("lambda").list_functions()["Functions"]
    return Commands(
        {
            "PROMPTREEL_LOCAL": str(checkout.state / "stack.json"),
            "TORTURE_API": cloud.stack.api_url,
            "TORTURE_KEY": cloud.stack.api_key,
            "TORTURE_EXECUTIONS": cloud.stack.video_generation_state_machine_arn.replace(
                ":stateMachine:", ":execution:"
            ),
            "TORTURE_RECORD_FAILURE": next(
                one["FunctionName"] for one in functions if one["Handler"] == "record_failure.handler"
            ),
        }
    )
