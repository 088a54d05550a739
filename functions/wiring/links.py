"""Links to inputs for the provider."""

from dataclasses import dataclass

import wiring
from core.archive.objects import PRESIGNING
from core.inputs.links import Links, Signer
from wiring.ledger import UsesLedger, make_ledger
from wiring.retention import UsesRetention, make_retention


@dataclass(frozen=True)
class UsesLinks(UsesLedger, UsesRetention):
    videos_bucket: str
    links_role_arn: str


def make_links(settings: UsesLinks) -> Links:
    """Return the links, signed by their own role."""
    sts, role = wiring.client("sts"), settings.links_role_arn
    signer = Signer(sts, role, lambda taken: wiring.client_of(taken, "s3", **PRESIGNING), wiring.now)
    return Links(
        ledger=make_ledger(settings),
        videos_bucket=settings.videos_bucket,
        sign=signer,
        retention=make_retention(settings),
    )
