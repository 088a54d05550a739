"""Write docs/settings.md from infra/config.py and its comments: `python docs/generate_settings.py [--check]`."""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from generated import write

ROOT = Path(__file__).parent.parent
sys.path += [str(ROOT), str(ROOT / "functions")]

from infra.config import LEAST, Stage, stage_named  # noqa: E402 - found only now

DOCUMENT = ROOT / "docs" / "settings.md"

HEAD = """<!-- Written by docs/generate_settings.py from infra/config.py. Do not edit. -->

# Settings

This page is for operators who want to change a deployment.

A stage is a deployment with its own settings: `dev`, `prod`, `sandbox`, and `local` for the local cloud.
Each setting has a default, so you can deploy without changing any.

## Change a setting

The settings are fields of `Stage` in `infra/config.py`.
Add a field to the stage, and deploy it again.
For example, this is a `prod` with its own domain, for an account that can run 1,000 functions at once:

<!-- not run: a part of infra/config.py; tests/unit/test_pages.py makes this stage -->
```python
Stage(
    name="prod",
    keep_data=True,
    log_days=90,
    account_concurrency=1000,
    budget_day_usd=100,
    domain="video.example.com",
    certificate_arn="arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d",
    tags=("cost-centre=film",),
)
```

<!-- not run: needs an AWS account -->
```sh
make deploy STAGE=prod
```

An unknown setting, a value of the wrong type, a number out of range or an unknown model stops the deployment with a sentence that names the setting.
AWS checks the rest, such as the ARN of a certificate: if it rejects one, CloudFormation restores the version before.
Running jobs continue while you deploy.
[Upgrading](upgrading.md) says what else may change.

Budgets, API keys and the provider's key are not settings: see [money](money.md#budgets), [API keys](keys.md) and `promptreel secret set`.

## All settings

The second column is the value of `dev`, and of `prod` and `sandbox` if they do not differ.
The local cloud has shorter times, because its provider is simulated.
"""
_DERIVED = {"in_flight_limit": "slots", "poll_stay_seconds": "stay_seconds"}
_FIELD = re.compile(r"^    (\w+): .*?=[^#]*(?:  # (.*))?$")


@dataclass(frozen=True)
class Setting:
    """A setting as the page shows it."""

    section: str
    name: str
    text: str


def settings() -> Iterator[Setting]:
    """Yield the settings in the order of their definition. The comments above and after each describe it."""
    source = inspect.getsource(Stage).partition("    name: str\n")[2].partition("    def ")[0]
    section, above, after_blank = "", list[str](), True
    for line in source.splitlines():
        comment = line.strip().removeprefix("# ") if line.strip().startswith("#") else ""
        if comment and after_blank and comment[0].islower():
            section = comment
        elif comment:
            above.append(comment)
        elif found := _FIELD.match(line):
            yield Setting(section, found[1], _sentences([*above, found[2] or ""]))
        if not comment:
            above = []
        after_blank = not line.strip()


def _sentences(comments: list[str]) -> str:
    text = " ".join(comments[:-1])
    last = comments[-1]
    if text and last:
        text = f"{text.removesuffix('.')}. {last[0].upper()}{last[1:]}"
    text = (text or last).removesuffix(".")
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _value(stage: Stage, name: str) -> str:
    value = getattr(stage, name)
    if value is None and name in _DERIVED:
        return f"{getattr(stage, _DERIVED[name])}, from `account_concurrency`"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_seconds"):
        return next(
            (
                f"{value // unit} {word}"
                for unit, word in ((3600, "h"), (60, "min"))
                if value >= unit and value % unit == 0
            ),
            f"{value} s",
        )
    if name.endswith("_bytes"):
        return f"{value // 1024**3} GiB"
    return f"{value:,}" if isinstance(value, int) else f"`{value}`" if isinstance(value, str) else str(value)


def document() -> str:
    """Return the content of docs/settings.md."""
    dev, prod, sandbox = (stage_named(name) for name in ("dev", "prod", "sandbox"))
    text, section = HEAD, ""
    described = list(settings())
    missing = {one.name for one in fields(Stage)} - {"name"} - {one.name for one in described if one.text}
    if missing:
        sys.exit(f"infra/config.py does not describe {', '.join(sorted(missing))}: add a comment to each.")
    for one in described:
        if one.section != section:
            section = one.section
            title = section[0].upper() + section[1:]
            text += f"\n### {title}\n\n| setting | value | |\n|---|---|---|\n"
        value = _value(dev, one.name)
        values = {"prod": _value(prod, one.name), "sandbox": _value(sandbox, one.name)}
        others = "".join(f"; {stage}: {other}" for stage, other in values.items() if other != value)
        least = f" At least {LEAST[one.name]}." if one.name in LEAST else ""
        text += f"| `{one.name}` | {value}{others} | {one.text}{least} |\n"
    return text


if __name__ == "__main__":
    write({DOCUMENT: document()})
