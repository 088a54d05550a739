"""Start the local cloud of this checkout, show its status, and stop it."""

import os
import time

import requests

from local import deploy, processes, services
from local.provision import provision
from local.reset import note_provider
from local.settings import Checkout, LocalCloudError, Settings, say
from local.stack import Stack

HEALTH_SECONDS = 60.0


def up(checkout: Checkout, settings: Settings) -> Stack:
    """Start the servers, deploy the stack if it has changed, and return once the HTTP API answers."""
    steps = Steps()
    checkout.make_state()
    with services.lock(checkout):
        if deploy.is_outdated(checkout):
            raise LocalCloudError(
                "The data of this local cloud is from an older version. Delete it with make reset and try again."
            )
        if not processes.find(checkout.state, services.MINISTACK) and not deploy.is_kept(checkout):
            deploy.forget(checkout)
        if not processes.find(checkout.state, services.MINISTACK):
            steps.done("starting the local AWS: about 1 s ...")
        ministack = services.ensure_ministack(checkout, settings)
        steps.done(f"local AWS at {ministack.url}")
        provider_url, provider_key = _provider(checkout, settings)
        steps.done(f"provider at {provider_url}" + ("" if settings.provider_url else " (simulator)"))
        is_simulated = not settings.provider_url or services.is_simulator(provider_url)
        note_provider(checkout, provider_url, is_simulator=is_simulated)
        if deploy.is_current(checkout, provider_url):
            steps.done("stack unchanged")
        else:
            steps.done("deploying the stack with the CDK CLI: about 20 s ...")
            deploy.deploy(checkout, ministack, provider_url)
            ministack = services.restart_ministack(checkout, settings)  # it writes its state when it stops
            steps.done("stack deployed")
        stack = provision(
            deploy.outputs(checkout),
            ministack.url,
            provider_url=provider_url,
            provider_key=provider_key,
            known_api_key=services.api_key(checkout),
        )
        services.keep_api_key(checkout, stack.api_key)
        _wait_for_health(stack.api_url)
        stack.save(checkout)
        steps.done(f"HTTP API at {stack.api_url}")
    return stack


def down(checkout: Checkout) -> None:
    """Stop the local cloud of this checkout. Its data remains, and the next `up` resumes running jobs."""
    if not checkout.state.exists():
        say("Nothing was running.")
        return
    with services.lock(checkout):
        stopped = services.stop_all(checkout)
        Stack.forget(checkout)
    for process in stopped:
        say(f"Stopped {process.name} (process {process.pid}, port {process.port}).")
    kept = "Its data is kept. Run make up to continue, or make reset to delete the data."
    say(kept if stopped else "Nothing was running.")


def status(checkout: Checkout) -> None:
    """Show which servers of this checkout are running."""
    running = [process for name in services.NAMES if (process := processes.find(checkout.state, name))]
    for process in running:
        say(f"{process.name} runs at {process.url} (process {process.pid}).")
    stack = Stack.load(checkout)
    if stack and running:
        say(f"The HTTP API is {stack.api_url}, the provider {stack.provider_url}.")
    if not running:
        say("Nothing is running. Run make up to start the local cloud.")


def summary(checkout: Checkout, stack: Stack) -> str:
    """Return a text with the next steps for the user."""
    state, key = os.path.relpath(checkout.state), os.path.relpath(services.api_key_path(checkout))
    return (
        f"\nThe local cloud is running. Its console: {stack.console_link}\n\n"
        f"{state}/stack.json contains its endpoints and names. To use it from this shell:\n\n"
        "  . .venv/bin/activate\n"
        f"  export PROMPTREEL_URL='{stack.api_url}'\n"
        f'  export PROMPTREEL_API_KEY="$(cat {key})"\n\n'
        'Then make a video: promptreel create "A storm at sea" -o storm.mp4\n'
        f"Code written for AIML API: set its base URL to {stack.aws_endpoint_url} (docs/drop-in.md).\n"
        "Run make demo to see one prompt from end to end, and make down to stop. The next make up resumes running jobs."
    )


class Steps:
    """Prints a line for each finished step, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def done(self, what: str) -> None:
        """Print the line of a finished step."""
        say(f"{time.monotonic() - self._start:6.1f} s  {what}")


def _provider(checkout: Checkout, settings: Settings) -> tuple[str, str]:
    """Return the provider's URL and key."""
    if settings.provider_url:
        # Another test provider may accept any key, so send it a worthless one.
        return settings.provider_url, settings.provider_key or services.simulator_key(checkout)
    return services.ensure_simulator(checkout, settings).url, services.simulator_key(checkout)


def _wait_for_health(api_url: str) -> None:
    deadline = time.monotonic() + HEALTH_SECONDS
    while True:
        try:
            answer = requests.get(f"{api_url}/health", timeout=30)
            if answer.ok:
                return
            problem = f"it answers {answer.status_code}"
        except requests.RequestException as error:
            problem = type(error).__name__
        if time.monotonic() > deadline:
            raise LocalCloudError(
                f"The stack is deployed, but {api_url}/health fails ({problem}). See .local/ministack.log."
            )
        time.sleep(processes.POLL_SECONDS)
