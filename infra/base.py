"""What every capability of the stack is built on."""

from dataclasses import dataclass

from infra.announcements import Announcements
from infra.config import Stage
from infra.functions import Functions
from infra.storage import Storage


@dataclass(frozen=True)
class Base:
    """The settings of the stage, and the constructs that the capabilities share."""

    stage: Stage
    functions: Functions
    storage: Storage
    announcements: Announcements
