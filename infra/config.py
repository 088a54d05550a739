"""The stages and everything that differs between them: `local`, `dev` and `prod`."""

import platform
from dataclasses import dataclass, replace
from typing import Literal

AIMLAPI_URL = "https://api.aimlapi.com"

GIB = 1024**3
MINUTE = 60
HOUR = 60 * MINUTE


class UnknownStage(Exception):
    """There is no such stage, or it does not take what was asked; `str()` is one sentence for the user."""


@dataclass(frozen=True)
class Stage:
    """One deployment's settings. The defaults are dev's: as in production, but cheap to throw away."""

    name: str

    # the provider
    provider_url: str = AIMLAPI_URL
    video_hosts: tuple[str, ...] = ("cdn.aimlapi.com",)  # for any model, added to its own: core.archive.download
    allow_local_video_hosts: bool = False  # plain http and loopback: for the simulator, never in AWS
    max_video_bytes: int = 2 * GIB  # some twenty times the largest Veo video: a guard, not a limit of use

    # Whether others use the provider's account with keys of their own. Else each charge to it must be one of ours.
    account_is_shared: bool = False

    # the models: of those in the catalogue (docs/models.md), all or only these; and others, by name, as they come
    allowed_models: tuple[str, ...] = ()
    passed_through_models: tuple[str, ...] = ()

    # patience, in seconds
    submit_deadline_seconds: int = 6 * HOUR  # for a provider that is down or throttles; nothing is paid yet
    poll_first_seconds: int = 20  # until it is learned how long a model takes: the fastest is said to take 40
    # Between two polls while a generation may be done at any moment. This trades lag, which is half of it on average,
    # against calls to the provider.
    poll_every_seconds: float = 2.5
    # How long a check may stay in its function and poll again, which costs less than to start another. Each that stays
    # is one of the account's concurrent invocations; 0 lets none stay.
    poll_stay_seconds: int = 100
    poll_deadline_seconds: int = 30 * MINUTE  # several minutes have been seen; after this, poll slowly
    poll_slow_seconds: int = 15 * MINUTE
    poll_give_up_seconds: int = 24 * HOUR  # a day, because the video is paid for
    look_up_seconds: int = 24 * HOUR  # for a submission whose answer was lost, in the provider's log
    charge_late_seconds: int = 24 * HOUR  # for the charge of a video that is done: how long it takes is not documented
    url_lifetime_seconds: int = HOUR  # of the presigned links to videos: long enough to play, too short to share

    # the ways in
    in_flight_limit: int = 20  # generations at the provider at once, whichever way they came in; more of them wait
    batch_concurrency: int = 50  # rows of one batch that are started at once; what the limit does not admit waits
    default_model: str = "veo2"  # of a text file, and of a request that names none: the cheapest to try
    file_owners: tuple[str, ...] = ("=files",)  # "prefix=owner" of dropped files; the longest prefix wins
    event_owners: tuple[str, ...] = ("=events",)  # "event source=owner" of events; the empty source is any

    allow_local_webhooks: bool = False  # plain http and loopback: for receivers beside the local cloud, never in AWS

    # what runs
    ingest_seconds: int = 15 * MINUTE  # Lambda's limit: for a file of 1 GiB; and after it a message comes again at last
    python: str = "3.13"
    architecture: Literal["arm64", "x86_64"] = "arm64"  # a fifth cheaper than x86_64
    package_platform: str | None = "aarch64-manylinux2014"  # uv's name for the above; None is this machine

    # money, in USD of the provider's: what may be spent until `promptreel budgets set` says otherwise; None is no limit
    budget_day_usd: float | None = 25  # what a newcomer survives
    budget_month_usd: float | None = None
    jobs_an_hour: int | None = None
    probe_seconds: int = MINUTE  # how often one job tries whether the provider has credits again
    reserve_usd: float = 5  # held for a request of which neither a price nor a cost is known

    # the API's throttle: far above one owner's use, far below what a leaked key could cost
    requests_per_second: int = 50
    request_burst: int = 100
    cors_origins: tuple[str, ...] = ()  # closed: a key does not belong in a web page, unless its owner says so

    # what is kept
    keep_data: bool = False  # buckets, table and secrets outlive the stack
    recover_table: bool = True  # point-in-time recovery of the ledger, for 35 days
    log_days: Literal[7, 30, 90] = 30
    prompt_days: int = 90  # prompt files; the request itself is in the ledger
    replaced_video_days: int = 30  # versions of a video that were overwritten or deleted

    # failed jobs, or errors of one function, in five minutes that are more than bad luck with a prompt;
    # what costs money alarms at once
    failures_alarm: int = 5

    @property
    def webhook_environment(self) -> dict[str, str]:
        """What every function that takes or tells a webhook is told."""
        return {"ALLOW_LOCAL_WEBHOOKS": str(self.allow_local_webhooks).lower()}

    @property
    def model_environment(self) -> dict[str, str]:
        """What every function that validates requests is told."""
        return {
            "ALLOWED_MODELS": ",".join(self.allowed_models),
            "PASSED_THROUGH_MODELS": ",".join(self.passed_through_models),
        }


_SIMULATED = {
    "video_hosts": ("127.0.0.1", "localhost", "cdn.aimlapi.com"),
    "allow_local_video_hosts": True,
    "submit_deadline_seconds": 2 * MINUTE,
    "poll_first_seconds": 2,
    "poll_every_seconds": 0.5,
    "poll_deadline_seconds": MINUTE,
    "poll_slow_seconds": 5,
    "poll_give_up_seconds": 3 * MINUTE,
    "look_up_seconds": 10,
    "charge_late_seconds": 10,
    "ingest_seconds": MINUTE,
    "budget_day_usd": None,
    "probe_seconds": 2,
}


def _local(provider_url: str) -> Stage:
    """The local cloud runs functions as processes of this machine, so the layer has to be made for it.

    The real provider needs the real patience, so only another one (the simulator) is polled fast.
    """
    stage = Stage(
        name="local",
        file_owners=("=demo",),
        event_owners=("=demo",),
        in_flight_limit=10,
        allow_local_webhooks=True,
        poll_stay_seconds=1,  # few functions run at once here, and transitions cost nothing
        provider_url=provider_url,
        python=".".join(platform.python_version_tuple()[:2]),
        architecture="arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
        package_platform=None,
        recover_table=False,
        log_days=7,
    )
    return stage if provider_url == AIMLAPI_URL else replace(stage, **_SIMULATED)  # type: ignore[arg-type]  # mixed values


def stage_named(name: str, *, provider_url: str | None = None) -> Stage:
    """The stage of this name; `provider_url` only goes with `local`. Raises UnknownStage."""
    if name == "local":
        return _local(provider_url or AIMLAPI_URL)
    if provider_url:
        raise UnknownStage(f"Stage {name} uses {AIMLAPI_URL}: only the local stage takes another provider_url.")
    match name:
        case "dev":
            return Stage(name="dev")
        case "prod":
            return Stage(name="prod", keep_data=True, log_days=90)
    raise UnknownStage(f"There is no stage {name!r}: choose local, dev or prod, as in `cdk deploy -c stage=dev`.")
