"""Run two programs of other people, unchanged. `make compatibility` runs all of them and writes a page."""

from pathlib import Path

import pytest

from tests.compatibility.clients import QUICK, Client
from tests.compatibility.trial import attempt
from tests.support.local_cloud import LocalCloud


@pytest.mark.parametrize(
    ("client", "case"),
    [pytest.param(one, case, id=f"{one.name} {one.language}, {case}") for one in QUICK for case in one.models],
)
def test_a_client_of_the_provider_gets_its_video(cloud: LocalCloud, client: Client, case: str, tmp_path: Path) -> None:
    assert attempt(cloud, client, case, tmp_path).problems == ()
