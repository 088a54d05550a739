"""Test that every alarm has a section in docs/runbook.md with commands that exist."""

import re
import shlex

import pytest

from infra.bundle import ROOT
from infra.runbook import NOT_WALKED, RUNBOOK, SECTIONS, Section, description
from tests.support.programs import check
from tests.support.templates import STAGES, resources
from tests.support.walked import WALKED

PAGE = (ROOT / "docs" / "runbook.md").read_text("utf-8")
COMMANDS = [
    pytest.param(command, id=f"{section.anchor} {number}")
    for section in RUNBOOK
    for number, command in enumerate(section.commands, 1)
]


@pytest.mark.parametrize("stage", STAGES)
def test_every_alarm_links_to_its_section_and_every_section_has_an_alarm(stage: str) -> None:
    alarms = resources(stage, "AWS::CloudWatch::Alarm")
    assert {name.removeprefix("Monitoring") for name in alarms} == SECTIONS.keys()
    for name, alarm in alarms.items():
        section = SECTIONS[name.removeprefix("Monitoring")]
        assert alarm["Properties"]["AlarmDescription"].endswith(f" docs/runbook.md#{section.anchor}")
        assert len(alarm["Properties"]["AlarmDescription"]) <= 1024, "CloudWatch takes no more"


def test_an_alarm_is_in_one_section_and_a_section_has_one_anchor() -> None:
    assert len(SECTIONS) == sum(len(section.alarms) for section in RUNBOOK)
    assert len({section.anchor for section in RUNBOOK}) == len(RUNBOOK)
    assert NOT_WALKED.keys() <= SECTIONS.keys()


def test_every_alarm_is_tested_or_listed_as_untested() -> None:
    assert {*SECTIONS} == WALKED | {*NOT_WALKED}, (
        "raise it in tests/e2e/test_runbook.py and name it in tests/support/walked.py, or in NOT_WALKED of "
        "infra/runbook.py"
    )
    assert not WALKED & {*NOT_WALKED}


def test_an_alarm_without_a_description_says_where_to_add_it() -> None:
    with pytest.raises(KeyError, match="does not describe the alarm NobodysErrors: add it to _FUNCTIONS"):
        description("NobodysErrors")


@pytest.mark.parametrize("section", RUNBOOK, ids=lambda section: section.anchor)
def test_the_page_has_the_section_with_all_its_commands(section: Section) -> None:
    _, heading, text = PAGE.partition(f"\n## {section.title}\n")
    assert heading, "run make docs"
    text = text.partition("\n## ")[0]
    assert section.look
    assert section.do
    for command in section.commands:
        assert f"\n   {command}\n" in text
    listed = re.search(rf"^\| \[{re.escape(section.title)}\]\(#{section.anchor}\) \| (.+) \|$", PAGE, re.M)
    assert listed
    assert listed[1].split(", ") == [f"`{alarm}`" for alarm in section.alarms]
    for alarm in section.alarms:
        assert f"- **{alarm}.** " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_exists_with_its_options(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program in ("promptreel", "make", "aws"), "an operator has no other program"
    check(program, *arguments)
