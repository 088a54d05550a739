"""Run a local AWS for the sandbox: strict about permissions and TLS, in a folder of its own, and without a provider."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import services
from local.settings import ACCOUNT, REGION, Checkout, Settings, isolate

CHECKOUT = Checkout(Path(__file__).parents[1], ".local/sandbox")
WAIT_SCALE = "0.05"  # of the length of waits


@contextmanager
def local_aws() -> Iterator[None]:
    """Lead boto3 and the CDK CLI of this process and its children to a new, empty local AWS during the block."""
    services.throw_away(CHECKOUT)
    CHECKOUT.make_state()
    isolate(os.environ)
    try:
        ministack = services.ensure_ministack(CHECKOUT, Settings(wait_scale=WAIT_SCALE, is_strict=True))
        os.environ["AWS_ENDPOINT_URL"] = ministack.url
        os.environ["CDK_HOME"] = str(CHECKOUT.state / "cdk")
        os.environ["CDK_DISABLE_CLI_TELEMETRY"] = "true"
        bootstrap = ["cdk", "bootstrap", f"aws://{ACCOUNT}/{REGION}", "--no-notices"]
        # In a folder without cdk.json: otherwise the CLI would synthesize the app and ignore the result.
        subprocess.run(bootstrap, cwd=CHECKOUT.state, check=True)  # noqa: S603 - ours
        yield
    finally:
        services.throw_away(CHECKOUT)
