"""The files that requests name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import wiring
from core.archive.objects import PRESIGNING
from wiring.ledger import UsesLedger, make_ledger

if TYPE_CHECKING:
    from core.inputs.files import Inputs


@dataclass(frozen=True)
class UsesInputs(UsesLedger):
    videos_bucket: str
    prompts_bucket: str
    file_owners: tuple[str, ...]


def make_inputs(settings: UsesInputs) -> "Inputs":
    """The files of all owners."""
    from core.inputs.files import Inputs  # noqa: PLC0415 - for requests that name any, which are some

    return Inputs(
        s3=wiring.client("s3", **PRESIGNING),
        videos_bucket=settings.videos_bucket,
        prompts_bucket=settings.prompts_bucket,
        file_owners=settings.file_owners,
        ledger=make_ledger(settings),
    )
