"""Check a file of prompts without a deployment, using the code of the Lambda functions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import errors
from core.batches import prompt_file
from core.batches.prompt_file import Rules
from core.models import offered
from promptreel.client import DEFAULT_MODEL
from promptreel.errors import PromptreelError


@dataclass(frozen=True)
class Checked:
    """The contents of a file, and the number of models that this version knows and checks against."""

    rows: int
    problems: list[dict[str, Any]]
    unchecked: list[str]  # fields that the models do not have, of valid rows
    models: int


def check(path: Path, *, strict: bool) -> Checked:
    """Check the rows of a file. Raise `PromptreelError` if the file cannot be read."""
    models = offered()
    rows, problems, unchecked = 0, [], dict[str, None]()
    try:
        with path.open("rb") as stream:
            for row in prompt_file.read(path.name, stream, models, DEFAULT_MODEL, Rules(strict=strict)):
                rows += 1
                if row.problem:
                    problems.append({"row": row.number, "line": row.line, "message": row.problem})
                unchecked |= dict.fromkeys(row.unchecked)
    except errors.InvalidFile as invalid:
        raise PromptreelError(f"{path}: {invalid}") from invalid
    return Checked(rows, problems, list(unchecked), len(list(models)))
