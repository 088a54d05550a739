"""Mistakes that show one owner what belongs to another."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "An unchecked field may name a file",
        "functions/core/models/unchecked.py",
        "if isinstance(value, str) and _REFERENCE.match(value):",
        "if isinstance(value, str) and _REFERENCE.match(value) and depth > MAX_DEPTH:",
        noticed_by="tests/functions/test_unchecked.py::test_no_file_may_be_named_in_an_unknown_field",
    ),
    Mutant(
        "Every owner sees every generation",
        "functions/core/api/generations.py",
        "        if generation.owner != owner:\n",
        "        if not generation.owner:\n",
        noticed_by="tests/functions/test_api.py::test_nobody_sees_anothers_generation",
    ),
    Mutant(
        "An owner sees other owners' keys",
        "functions/core/api/keys.py",
        'if record["owner"] == owner and (scope == ALL or key_id == own)',
        "if scope == ALL or key_id == own",
        noticed_by="tests/functions/test_keys.py",
    ),
    Mutant(
        "A key that may only read sees all keys of its owner",
        "functions/core/api/keys.py",
        "(scope == ALL or key_id == own)",
        "(scope or key_id == own)",
        noticed_by="tests/functions/test_keys.py",
    ),
    Mutant(
        "The gateway's answer about a new key is final",
        "functions/routes/access.py",
        '    if not holder.get("owner") and _needed(request) != ANYONE:\n',
        '    if holder.get("owner") == ANYONE:\n',
        noticed_by="tests/functions/test_new_keys.py",
    ),
    Mutant(
        "A key that was created after another one was used does not work yet",
        "functions/core/api/api_keys.py",
        "        if is_full_at - now > READ_EVERY * MOST_READS:\n",
        "        if is_full_at - now > READ_EVERY:\n",
        noticed_by="tests/functions/test_new_keys.py",
    ),
)
