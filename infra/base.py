"""Define the settings and constructs that all capabilities share."""

from dataclasses import dataclass

from infra.announcements import Announcements
from infra.config import Stage
from infra.functions import Functions
from infra.storage import Storage


@dataclass(frozen=True)
class Base:
    """The stage's settings and the shared constructs."""

    stage: Stage
    functions: Functions
    storage: Storage
    announcements: Announcements
