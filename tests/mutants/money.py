"""Mistakes in budgets, prices, sums and reconciliation."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A charge is matched to its generation only by the provider's id",
        "functions/core/reconciliation/book.py",
        """                        (SELECT generation_id FROM calls WHERE calls.reference = movements.reference)
""",
        "                        NULL\n",
        noticed_by="tests/unit/test_reconcile.py::test_two_accepted_calls_for_one_generation_are_charged_twice",
    ),
    Mutant(
        "A charge that may still arrive is reported as missing",
        "functions/core/reconciliation/day.py",
        "may_arrive = one.done_at is not None and read_until < one.done_at + self.late",
        "may_arrive = False",
        noticed_by="tests/unit/test_reconcile.py::test_a_charge_is_reported_missing_only_after_a_wait",
    ),
    Mutant(
        "An unreadable row ends the run",
        "functions/core/provider/account.py",
        "    except (KeyError, TypeError, ValueError, ArithmeticError):\n        return Unreadable",
        "    except ZeroDivisionError:\n        return Unreadable",
        noticed_by="tests/functions/test_reconcile.py::test_an_unreadable_row_is_a_finding_and_ends_nothing",
    ),
    Mutant(
        "A day that fails stops the others",
        "functions/core/reconciliation/reconcile.py",
        "                failed = failed or error\n",
        "                raise\n",
        noticed_by="tests/functions/test_reconcile.py::"
        "test_the_days_around_one_that_cannot_be_read_wait_for_what_it_may_have",
    ),
    Mutant(
        "A due day is dropped after seven days",
        "functions/core/reconciliation/reconcile.py",
        "        return [mark for mark in self.reconciliation.shelf.marks() if mark.since <= now]\n",
        "        marks = self.reconciliation.shelf.marks()\n"
        "        return [one for one in marks if one.since <= now and one.day >= self._now().date() - 7 * DAY]\n",
        noticed_by="tests/functions/test_reconcile.py::test_a_day_that_cannot_be_read_stops_no_other_and_stays_due",
    ),
    Mutant(
        "A charge is matched by its day instead of its id",
        "functions/core/reconciliation/reading.py",
        "            book.match(with_provider_ids(self.table, strangers))\n",
        "",
        noticed_by="tests/unit/test_reconcile.py::"
        "test_charges_and_refunds_are_found_by_the_providers_id_whenever_they_come",
    ),
    Mutant(
        "A refund does not count",
        "functions/core/reconciliation/book.py",
        "        one.kind == REFUND and one.reference is not None and one.credits < 0\n",
        "        one.kind == REFUND and one.reference is not None and one.credits < -(10**15)\n",
        noticed_by="tests/unit/test_reconcile.py::"
        "test_charges_and_refunds_are_found_by_the_providers_id_whenever_they_come",
    ),
    Mutant(
        "A charge on a later day does not reopen the day of its generation",
        "functions/core/reconciliation/reconcile.py",
        "                    shelf.mark(home, now)\n",
        "                    pass\n",
        noticed_by="tests/functions/test_reconcile.py::test_a_charge_on_a_later_day_reopens_the_day_of_its_generation",
    ),
    Mutant(
        "A new finding is not announced if there was one of its kind",
        "functions/core/reconciliation/reports.py",
        '_IDENTITY = ("kind", "generation_id", "provider_id", "at", "charged_credits", "row")',
        '_IDENTITY = ("kind",)',
        noticed_by="tests/functions/test_reconcile.py::"
        "test_a_finding_is_announced_once_also_when_another_of_its_kind_disappears",
    ),
    Mutant(
        "A mark that is set while its day is judged is lost",
        "functions/core/reconciliation/reconcile.py",
        "        shelf.clear(marks)\n",
        "        shelf.clear(mark for mark in self._marks() if mark.day == day)\n",
        noticed_by="tests/functions/test_reconcile.py::test_a_day_that_is_marked_while_it_is_judged_is_judged_again",
    ),
    Mutant(
        "A file of a day that is damaged is used",
        "functions/core/reconciliation/shelf.py",
        "        if is_usable(path):\n",
        "        if path:\n",
        noticed_by="tests/functions/test_reconcile.py::test_a_file_that_cannot_be_used_is_read_again",
    ),
    Mutant(
        "A list of transactions that loops is read forever",
        "functions/core/provider/account.py",
        "        seen.add(following)\n",
        "        seen = {following}\n",
        noticed_by="tests/unit/test_account.py::test_a_cursor_that_was_seen_before_is_refused",
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
        "Every job is submitted while the provider is out of credits",
        "functions/core/submit.py",
        "        if since and not self.circuit.may_probe():\n",
        "        if since and self.circuit.probe_seconds < 0:\n",
        noticed_by="tests/functions/test_money.py::test_jobs_wait_for_credits_and_one_a_minute_probes",
    ),
    Mutant(
        "The circuit stays open when there are credits again",
        "functions/core/submit.py",
        "        if since:\n            self.circuit.close()\n",
        "",
        noticed_by="tests/functions/test_money.py::test_jobs_wait_for_credits_and_one_a_minute_probes",
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
