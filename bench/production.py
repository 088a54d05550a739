"""Define the deployment that is measured: production in an account with AWS's usual quota of concurrent functions."""

from dataclasses import replace

from infra.config import Stage, stage_named

CONCURRENCY = 1000  # AWS's default quota; a new account begins with 10, which leaves no room for polls that stay


def production() -> Stage:
    """Return the stage `prod` in an account that can run 1,000 functions at once."""
    return replace(stage_named("prod"), account_concurrency=CONCURRENCY)
