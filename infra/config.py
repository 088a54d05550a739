"""Define the stages `local`, `dev`, `prod` and `sandbox`, and every setting that can differ between them."""

import platform
import sysconfig
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from core.archive.retention import Retention
from core.models import closest, known, offered

AIMLAPI_URL = "https://api.aimlapi.com"

GIB = 1024**3
MINUTE = 60
HOUR = 60 * MINUTE
UNRESERVED = 100  # concurrent invocations that AWS keeps for the functions without a reserve

# The least values of settings. Other numbers must not be negative.
LEAST = {
    "poll_every_seconds": 0.1,
    "polls_per_second": 1,
    "batch_concurrency": 1,
    "account_concurrency": 1,
    "in_flight_limit": 1,
    "reserved_concurrency": 1,
    "requests_per_second": 1,
    "request_burst": 1,
    "prompt_days": 15,
    "replaced_video_days": 1,
    "video_days": 1,
    "failures_alarm": 1,
}


class UnknownStage(Exception):
    """The stage does not exist or does not support an option. `str()` is one sentence for the user."""


@dataclass(frozen=True)
class Stage:
    """The settings of one deployment. The defaults are those of dev: like production, but cheap and easy to delete."""

    name: str

    # the provider
    provider_url: str = AIMLAPI_URL  # the provider's API; only the local stage accepts another one
    video_hosts: tuple[str, ...] = ("cdn.aimlapi.com",)  # the hosts of videos; the catalogue adds those of each model
    allow_local_video_hosts: bool = False  # accept plain HTTP and loopback, for the simulator only
    max_video_bytes: int = 2 * GIB  # the largest accepted video: about twenty times the largest of Veo

    # Whether to deploy a simulator of the provider, which replaces the two addresses above: for a sandbox only.
    simulates_provider: bool = False
    emulator: str | None = None  # the URL of the local AWS, if the sandbox is not on AWS
    # Whether others use the provider account with their own keys. If not, every charge must match a job.
    account_is_shared: bool = False

    # models
    allowed_models: tuple[str, ...] = ()  # the allowed models of the catalogue (docs/models.md); empty for all
    passed_through_models: tuple[str, ...] = ()  # models to pass through although the catalogue lacks them, or "*"

    # deadlines and intervals, in seconds
    submit_deadline_seconds: int = 6 * HOUR  # how long to try while the provider is down or throttles, at no cost
    poll_first_seconds: int = 20  # the first poll, until a model's duration is known; the fastest takes about 40 s
    # The interval between polls once a generation may finish at any moment. A shorter interval means less delay (half
    # the interval on average) but more calls of the provider.
    poll_every_seconds: float = 2.5
    # Polls of all jobs together. With more than 125 slots in use, each job is polled less often. The provider's own
    # sample polls a job every 15 seconds, so it would poll 500 jobs 33 times a second.
    polls_per_second: float = 50
    poll_deadline_seconds: int = 30 * MINUTE  # polls are slow afterwards; generations of several minutes have been seen
    poll_slow_seconds: int = 15 * MINUTE  # the interval of slow polls
    poll_give_up_seconds: int = 24 * HOUR  # when to stop polling: late, because the video is paid for
    look_up_seconds: int = 24 * HOUR  # how long to search the provider's log for a submission without a response
    charge_late_seconds: int = 24 * HOUR  # how long a finished video's charge may take; the provider names no limit
    url_lifetime_seconds: int = HOUR  # lifetime of presigned links to videos: enough to play, but not to share
    link_opens_a_day: int = 1000  # opens of a short link in a day (UTC); those within a minute count as one

    # requests
    # Between two tries of a model whose job the provider rejected for lack of credits. Less than the minute between two
    # sweeps.
    try_seconds: int = MINUTE - 5
    # After this, a job that waits for credits ends. An execution's history has room for a day of tries.
    credits_deadline_seconds: int = 24 * 60 * MINUTE
    batch_concurrency: int = 50  # rows of one batch that are started at once; in_flight_limit still applies
    # Rejected rows are free. If so many rows of an API key are rejected in an hour, its files are not read until the
    # next hour. For files without a key, the rows of their owner count. A run also stops after 1,000 rejected rows.
    rejected_rows_an_hour: int = 2000
    default_model: str = "veo2"  # the model of text files and of requests without one; the cheapest to try
    file_owners: tuple[str, ...] = ("=files",)  # "prefix=owner" for dropped files; the longest prefix wins
    event_owners: tuple[str, ...] = ("=events",)  # "event source=owner" for events; an empty source matches any
    allow_local_webhooks: bool = False  # accept plain HTTP and loopback, for the local cloud only

    # concurrency
    # How many functions the account can run at once in this region. It decides the settings that are None below, and
    # `promptreel doctor` compares it with AWS. A new account may be limited to 10.
    account_concurrency: int = 10
    in_flight_limit: int | None = None  # concurrent generations at the provider; others are queued
    # How long one invocation may continue polling, which costs less than starting another, but is one of the account's
    # invocations all that time. 0 means one poll per invocation.
    poll_stay_seconds: int | None = None
    # Invocations that only the API, the authorizer and the console can use, each. AWS keeps 100 for all functions
    # without a reserve.
    reserved_concurrency: int | None = None

    # functions
    ingest_seconds: int = 15 * MINUTE  # the time to read a file, at most what Lambda allows; it is then read again
    python: str = "3.13"  # the version of Lambda's Python
    architecture: Literal["arm64", "x86_64"] = "arm64"  # arm64 costs a fifth less than x86_64
    package_platform: str | None = "aarch64-manylinux_2_28"  # the platform as uv names it; None for this machine
    # Where the function that makes posters finds PyAV. By default it has a layer of its own.
    poster_packages: tuple[str, ...] = ()

    # default budgets, in the provider's USD; `promptreel budgets set` overrides them
    budget_day_usd: float | None = 25  # an amount that a newcomer can afford to lose; None means no limit
    budget_month_usd: float | None = None  # None means no limit
    jobs_an_hour: int | None = None  # requests that are accepted in an hour; None means no limit
    reserve_usd: float = 5  # reserved for a request with no known price or cost

    # the API
    requests_per_second: int = 50  # the throttle: far above the use of one owner, but it limits a leaked key's cost
    request_burst: int = 100  # requests that may exceed it for a moment
    domain: str | None = None  # a domain of yours, such as video.example.com; needs the next setting
    certificate_arn: str | None = None  # the ARN of the domain's certificate, in the stack's region
    cors_origins: tuple[str, ...] = ()  # web pages that may call the API; none, because a page should not have a key

    # rules of your organization
    tags: tuple[str, ...] = ()  # "name=value", for everything in the stack that can have tags
    permissions_boundary: str | None = None  # the ARN of a policy that limits every role of the stack

    # retention
    keep_data: bool = False  # whether buckets, tables and secrets remain when the stack is deleted
    recover_table: bool = True  # whether the tables have point-in-time recovery, for 35 days
    log_days: Literal[7, 30, 90] = 30  # how long logs are kept
    prompt_days: int = 90  # how long prompt files are kept; the ledger keeps the request
    replaced_video_days: int = 30  # how long overwritten or deleted versions of videos are kept
    video_days: int | None = None  # how long videos are kept; None for ever
    # The storage class of videos. S3 returns a video of any of these at once.
    video_storage: Literal["STANDARD", "INTELLIGENT_TIERING", "STANDARD_IA", "GLACIER_IR"] = "STANDARD"
    # Other rules for generations with a tag: "project=drafts: 30 days", "final: keep GLACIER_IR". The first rule that
    # fits applies. A key without a value fits every value.
    video_rules: tuple[str, ...] = ()

    # alarms
    # Failed jobs, or errors of one function, in five minutes that raise an alarm. Failures that cost money raise one
    # immediately.
    failures_alarm: int = 5

    def __new__(cls, name: str = "", *_: object, **settings: object) -> Self:
        """Raise UnknownStage for a setting that does not exist. The initializer would raise TypeError."""
        names = [one.name for one in fields(cls)]
        for wrong in (one for one in settings if one not in names):
            near = get_close_matches(wrong, names, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists the settings."
            raise UnknownStage(f"The stage {name} has no setting {wrong!r}: {hint}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Stage).items():
            self._check(name, kind)
        self._check_models()
        for name in ("file_owners", "event_owners"):
            for owned in getattr(self, name):
                if not owned.partition("=")[1] or owned.endswith("="):
                    raise UnknownStage(f"The stage {self.name} has {owned!r} in {name}: write it as name=owner.")
        names = ["project", "stage", *(tag.partition("=")[0].lower() for tag in self.tags)]
        for tag_name in names:
            if names.count(tag_name) > 1 or tag_name.startswith("aws:"):
                raise UnknownStage(
                    f"The stage {self.name} has a tag {tag_name!r} that AWS would reject: choose another name. It must "
                    "differ from project, stage and the other tags, also in lower case, and must not begin with aws:."
                )
        if bool(self.domain) != bool(self.certificate_arn):
            raise UnknownStage(f"The stage {self.name} has only one of domain and certificate_arn: set both.")
        for tag in self.tags:
            if not tag.partition("=")[0] or "=" not in tag:
                raise UnknownStage(f"The stage {self.name} has the tag {tag!r}: write it as name=value.")
        try:
            names = [rule.name for rule in self.retention.rules]
        except ValueError as error:
            raise UnknownStage(f"The stage {self.name}: {error}") from None
        if len(names) > len(set(names)):
            raise UnknownStage(f"The stage {self.name} has two rules for videos with the same tag: keep one.")
        left = self.account_concurrency - 3 * (self.reserved_concurrency or 0)
        if self.reserved_concurrency and left < UNRESERVED:
            raise UnknownStage(
                f"The stage {self.name} reserves so much concurrency that {left} invocations are left for its other "
                f"functions, and AWS keeps {UNRESERVED} for them: lower reserved_concurrency or request a higher quota."
            )

    def _check(self, name: str, kind: Any) -> None:
        """Raise UnknownStage if the setting has another type than `kind`, or is too small."""
        value, least = getattr(self, name), LEAST.get(name, 0)
        if not _fits(value, kind):
            wanted = " or ".join(map(repr, get_args(kind))) if get_origin(kind) is Literal else _name(kind)
            raise UnknownStage(f"The stage {self.name} has {name}={value!r}: it must be {wanted}.")
        if isinstance(value, int | float) and value < least:
            raise UnknownStage(f"The stage {self.name} has {name}={value}: it must be {least} or more.")

    def _check_models(self) -> None:
        """Raise UnknownStage for a model that the catalogue lacks, or a default model that is not offered."""
        for model in self.allowed_models:
            if model not in known():
                similar = closest(model, known())
                hint = f"did you mean {similar}?" if similar else "docs/models.md lists the models."
                raise UnknownStage(
                    f"The stage {self.name} has {model!r} in allowed_models, which is not a model: {hint}"
                )
        if not offered(self.allowed_models, self.passed_through_models).requested(self.default_model):
            raise UnknownStage(
                f"The stage {self.name} has default_model={self.default_model!r}, which it does not offer: choose a "
                "model of docs/models.md, and one of allowed_models if you set that."
            )

    @property
    def slots(self) -> int:
        """Return how many generations may be at the provider at once."""
        return min(20, self.account_concurrency) if self.in_flight_limit is None else self.in_flight_limit

    @property
    def stay_seconds(self) -> int:
        """Return how long one invocation polls. If all slots do so at once, half of the concurrency is left."""
        if self.poll_stay_seconds is None:
            return 100 if 2 * self.slots <= self.account_concurrency else 0
        return self.poll_stay_seconds

    @property
    def queue_concurrency(self) -> int:
        """Return how many invocations read files, and how many deliver webhooks. Lambda allows no fewer than 2."""
        return max(2, min(10, self.account_concurrency // 5))

    @property
    def retention(self) -> Retention:
        """Return how long videos are kept. Raise ValueError for a rule that is not valid."""
        return Retention.of(self.retention_environment["VIDEO_RULES"].split(","))

    @property
    def retention_environment(self) -> dict[str, str]:
        """Return the environment of every function that stores or shows videos."""
        kept = "keep" if self.video_days is None else f"{self.video_days} days"
        return {"VIDEO_RULES": ",".join((*self.video_rules, f": {kept} {self.video_storage}"))}

    @property
    def webhook_environment(self) -> dict[str, str]:
        """Return the environment of every function that accepts or delivers webhooks."""
        return {"ALLOW_LOCAL_WEBHOOKS": str(self.allow_local_webhooks).lower()}

    @property
    def model_environment(self) -> dict[str, str]:
        """Return the environment of every function that validates requests."""
        return {
            "ALLOWED_MODELS": ",".join(self.allowed_models),
            "PASSED_THROUGH_MODELS": ",".join(self.passed_through_models),
        }


def _fits(value: object, kind: Any) -> bool:
    """Return whether the value has this type. Python does not check it."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    if isinstance(kind, UnionType):
        return any(_fits(value, one) for one in get_args(kind))
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _name(kind: Any) -> str:
    """Return a type as a user would say it."""
    if isinstance(kind, UnionType):
        return " or ".join(map(_name, get_args(kind)))
    if get_origin(kind) is tuple:
        return 'a tuple of strings, such as ("a",)'
    names = {int: "a whole number", float: "a number", bool: "True or False", str: "a string"}
    return names.get(kind, "None")


# A simulator needs no patience.
_SIMULATED = {
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
    "try_seconds": 2,
    "credits_deadline_seconds": 5 * MINUTE,
}


# How the local AWS runs functions: as processes of this machine.
_EMULATED = {
    "account_concurrency": 1000,  # as the emulator says
    "in_flight_limit": 10,
    "allow_local_webhooks": True,
    "poll_stay_seconds": 1,  # few functions can run concurrently here, and transitions are free
    "python": ".".join(platform.python_version_tuple()[:2]),
    "architecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
    "package_platform": None,
    # Those of the checkout, because a second layer of 100 MB would delay the first deployment.
    "poster_packages": (sysconfig.get_path("platlib"),),
    "recover_table": False,
    "log_days": 7,
}


def _local(provider_url: str) -> Stage:
    """Return the stage of the local cloud, which runs functions as processes of this machine.

    Deadlines and intervals are shortened only for the simulator. The real provider keeps the real ones.
    """
    stage = Stage(
        name="local",
        file_owners=("=demo",),
        event_owners=("=demo",),
        provider_url=provider_url,
        **_EMULATED,  # type: ignore[arg-type]  # mixed values
    )
    if provider_url == AIMLAPI_URL:
        return stage
    hosts = ("127.0.0.1", "localhost", "cdn.aimlapi.com")
    return replace(stage, video_hosts=hosts, allow_local_video_hosts=True, **_SIMULATED)  # type: ignore[arg-type]


def _sandbox(emulator: str | None) -> Stage:
    """Return the stage that runs on AWS without a provider, for hours. `emulator` is the URL of a local AWS instead."""
    stage = Stage(
        name="sandbox",
        simulates_provider=True,
        file_owners=("=sandbox",),
        event_owners=("=sandbox",),
        recover_table=False,
        log_days=7,
        **_SIMULATED,  # type: ignore[arg-type]  # mixed values
    )
    if emulator is None:
        return stage
    return replace(stage, emulator=emulator, allow_local_video_hosts=True, **_EMULATED)  # type: ignore[arg-type]


def stage_named(name: str, *, provider_url: str | None = None, emulator: str | None = None) -> Stage:
    """Return the stage with this name. Raise UnknownStage if it does not exist.

    Only `local` accepts a `provider_url`, and only `sandbox` an `emulator`."""
    if name == "local":
        return _local(provider_url or AIMLAPI_URL)
    if emulator and name != "sandbox":
        raise UnknownStage(f"The stage {name} runs on AWS. Only the sandbox accepts an emulator.")
    if provider_url:
        raise UnknownStage(f"The stage {name} uses {AIMLAPI_URL}. Only the local stage accepts another provider_url.")
    match name:
        case "sandbox":
            return _sandbox(emulator)
        case "dev":
            return Stage(name="dev")
        case "prod":
            return Stage(name="prod", keep_data=True, log_days=90)
    raise UnknownStage(
        f"There is no stage {name!r}. Choose local, dev, prod or sandbox, as in `cdk deploy -c stage=dev`."
    )
