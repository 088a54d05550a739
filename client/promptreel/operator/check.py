"""Check a file of prompts without a deployment, using the code of the Lambda functions."""

from pathlib import Path
from typing import Any

from core import errors
from core.batches import prompt_file
from core.models import offered
from promptreel.client import DEFAULT_MODEL
from promptreel.errors import PromptreelError


def check(path: Path) -> tuple[int, list[dict[str, Any]], int]:
    """Return the number of rows, their problems, and the number of models that this version knows and checks against.

    Raise `PromptreelError` if the file cannot be read.
    """
    models = offered()
    rows, problems = 0, []
    try:
        with path.open("rb") as stream:
            for row in prompt_file.read(path.name, stream, models, DEFAULT_MODEL):
                rows += 1
                if row.problem:
                    problems.append({"row": row.number, "line": row.line, "message": row.problem})
    except errors.InvalidFile as invalid:
        raise PromptreelError(f"{path}: {invalid}") from invalid
    return rows, problems, len(list(models))
