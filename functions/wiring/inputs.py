"""The files that requests refer to."""

from dataclasses import dataclass

import wiring
from core.archive.objects import PRESIGNING
from core.inputs.files import Inputs
from wiring.ledger import UsesLedger, make_ledger
from wiring.retention import UsesRetention, make_retention


@dataclass(frozen=True)
class UsesInputs(UsesLedger, UsesRetention):
    videos_bucket: str
    prompts_bucket: str
    file_owners: tuple[str, ...]


def make_inputs(settings: UsesInputs) -> Inputs:
    """Return the files of all owners."""
    return Inputs(
        s3=wiring.client("s3", **PRESIGNING),
        videos_bucket=settings.videos_bucket,
        prompts_bucket=settings.prompts_bucket,
        file_owners=settings.file_owners,
        ledger=make_ledger(settings),
        retention=make_retention(settings),
    )
