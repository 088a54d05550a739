"""One deliberate mistake in the code."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """A mistake: `new` in place of `old` in a file. `noticed_by` is the test file, or the test, that must fail."""

    name: str
    file: str
    old: str
    new: str
    noticed_by: str

    def problem(self, root: Path) -> str | None:
        """Return why this mutant cannot be tried on the tree at `root`, or None if it can."""
        test_file, _, test = self.noticed_by.partition("::")
        if not (root / test_file).is_file():
            return f"{self.name}: {test_file} does not exist. Correct `noticed_by`."
        if test and f"def {test}(" not in (root / test_file).read_text("utf-8"):
            return f"{self.name}: {test_file} has no test {test}. Correct `noticed_by`."
        if not (root / self.file).is_file():
            return f"{self.name}: {self.file} does not exist. Correct `file`."
        right = (root / self.file).read_text("utf-8")
        if (count := right.count(self.old)) != 1:
            return f"{self.name}: {self.file} contains this text {count} times, not once. Correct `old`:\n{self.old}"
        try:
            if self.file.endswith(".py"):  # the tests of other files say whether they can be read
                compile(self.applied_to(right), self.file, "exec")
        except SyntaxError as error:
            return f"{self.name}: the result is not valid Python. Correct `new`: {error}"
        return None

    def applied_to(self, right: str) -> str:
        """Return the text of the file with the mistake in it."""
        return right.replace(self.old, self.new)
