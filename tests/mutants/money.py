"""Mistakes in budgets, prices, sums and reconciliation."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A charge is matched to its generation only by the provider's id",
        "functions/core/reconciliation/books.py",
        """                    (SELECT own.generation_id FROM calls JOIN own USING (generation_id)
                        WHERE calls.reference = charges.reference),
""",
        "                    NULL,\n",
        noticed_by="tests/unit/test_reconcile.py::test_two_accepted_calls_for_one_generation_are_charged_twice",
    ),
    Mutant(
        "A charge that may still arrive is reported as missing",
        "functions/core/reconciliation/day.py",
        "is_waiting = own.done_at is not None and self.now() < own.done_at + self.late",
        "is_waiting = False",
        noticed_by="tests/unit/test_reconcile.py::test_a_charge_is_reported_missing_only_after_a_wait",
    ),
    Mutant(
        "Nothing is kept about the cost of a deleted generation",
        "functions/core/records/ledger.py",
        "stays = SUBMISSION if generation.at_provider else CHARGED",
        "stays = SUBMISSION if generation.at_provider else ()",
        noticed_by="tests/unit/test_reconcile.py::test_the_remains_of_a_deleted_generation_are_enough",
    ),
    Mutant(
        "A budget without room rejects nothing",
        "functions/core/money/budgets.py",
        "        if refusal := budget.refusal(credits_):\n",
        "        budget = replace(budget, limits=Limits())\n        if refusal := budget.refusal(credits_):\n",
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "A budget still has room after a concurrent request used it up",
        "functions/core/money/budgets.py",
        '*(f"{name} <= :{name}" for name in bounds)',
        '*(f"{name} <= :{name} OR {name} > :{name}" for name in bounds)',
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "Credits that were held and not spent stay held",
        "functions/core/money/budgets.py",
        "        difference = charged - cost.held\n",
        "        difference = max(0, charged - cost.held)\n",
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "An end is counted each time it is announced",
        "functions/core/records/ledger.py",
        "AND #rescues = :run AND attribute_not_exists(#announced_at)",
        "AND #rescues = :run",
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "A generation that is rescued is counted twice",
        "functions/core/money/usage.py",
        "        was, is_ = _numbers(before), _numbers(now)\n",
        "        was, is_ = {}, _numbers(now)\n",
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "A generation that is rescued keeps its error in the totals",
        "functions/core/money/usage.py",
        "for name in {**was, **is_} if",
        "for name in is_ if",
        noticed_by="tests/unit/test_budgets.py",
    ),
    Mutant(
        "A price is applied although several variants match",
        "functions/core/money/prices.py",
        "    return found if len(found) == 1 else None\n",
        "    return found[:1] or None\n",
        noticed_by="tests/unit/test_prices.py",
    ),
    Mutant(
        "The rows of a batch count against no key",
        "functions/core/batches/start.py",
        "            key_id=content.key_id,\n",
        "",
        noticed_by="tests/functions/test_api_batches.py::test_rows_count_against_the_budget_of_the_key_that_sent_the_file",
    ),
    Mutant(
        "A queued job is submitted although its budget is exceeded",
        "functions/core/submit.py",
        "        self.budgets.check(generation.cost, generation.owner)\n",
        "",
        noticed_by="tests/unit/test_submit.py",
    ),
    Mutant(
        "A price of zero is applied",
        "functions/core/money/prices.py",
        "if total is None or not 0 < total",
        "if total is None or not 0 <= total",
        noticed_by="tests/unit/test_prices.py",
    ),
)
