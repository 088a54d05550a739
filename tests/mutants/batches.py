"""Mistakes in the runs of batches, in their rejected rows, and in chains."""

from tests.mutants.mutant import Mutant

ACCEPT_ROW = "functions/core/batches/accept_row.py"
TABLE = "functions/core/batches/table.py"
RUNS = "tests/functions/test_batch_runs.py"
REJECTED = "tests/functions/test_rejected_rows.py"
EXISTING = "tests/functions/test_existing_rows.py"
CHAINS = "tests/functions/test_row_chains.py"

MUTANTS = (
    Mutant(
        "A late write of an earlier run of a batch marks the new run",
        TABLE,
        "            self._table.update(run_id, {name: why}, only_if=only_if)\n",
        '            latest = _latest_run(self.get(run_id.partition("-")[0]).record)\n'
        "            self._table.update(latest, {name: why}, only_if=only_if)\n",
        noticed_by=f"{RUNS}::test_a_late_write_of_an_earlier_run_does_not_mark_the_latest",
    ),
    Mutant(
        "A late end of an earlier run of a batch ends the new run",
        TABLE,
        '        self._table.update(run_id, {"ended_at": iso(self.now()), "is_complete": is_complete})\n',
        '        run_id = _latest_run(self.get(run_id.partition("-")[0]).record)\n'
        '        self._table.update(run_id, {"ended_at": iso(self.now()), "is_complete": is_complete})\n',
        noticed_by=f"{RUNS}::test_a_late_write_of_an_earlier_run_does_not_mark_the_latest",
    ),
    Mutant(
        "A second retry of a batch at once is not refused",
        TABLE,
        "            self._table.put_with(_written_run(run), IS_NEW, ",
        '            self._table.put_with(_written_run(run), Condition("attribute_not_exists(never)"), ',
        noticed_by=f"{RUNS}::test_a_run_is_created_once",
    ),
    Mutant(
        "A retry waits for the workflow of a row that an earlier run may still cancel",
        ACCEPT_ROW,
        "            is_polled=would_retry(attempt, state),\n",
        "",
        noticed_by=f"{RUNS}::test_a_retry_polls_a_row_that_an_earlier_run_may_still_cancel",
    ),
    Mutant(
        "A retry that meets the run of new content is dropped silently",
        "functions/core/batches/start.py",
        "            if not run.is_retry:\n",
        "            if not run.number:\n",
        noticed_by=f"{RUNS}::test_a_retry_at_the_same_time_as_new_content_is_refused",
    ),
    Mutant(
        "A rejected row gets a record",
        ACCEPT_ROW,
        '        rejection = Rejection.of(row.number, problem, row.request.get("prompt"), row.label)\n',
        '        rejection = Rejection.of(row.number, problem, row.request.get("prompt"), row.label)\n'
        "        times = (self.ledger.now(), self.ledger.now())\n"
        '        record = Generation("0" * 32, row.owner, row.request, Source("s3", row.source_ref), *times)\n'
        '        self.ledger.add_failed(record, Failure("InvalidRequest", problem))\n',
        noticed_by=f"{REJECTED}::test_a_rejected_row_is_in_the_report_and_nowhere_else",
    ),
    Mutant(
        "A new row of a batch that is cancelled meanwhile starts",
        ACCEPT_ROW,
        "not self.records.row(state.run.id, row.batch_id, row.number).is_cancelled",
        "not state.is_cancelled",
        noticed_by=f"{RUNS}::test_a_new_row_of_a_batch_that_is_cancelled_meanwhile_does_not_run",
    ),
    Mutant(
        "A generation keeps a tag that was removed from its row",
        "functions/core/records/ledger.py",
        "update(generation.generation_id, values, only_if=only_if, remove=none)",
        "update(generation.generation_id, values, only_if=only_if)",
        noticed_by=f"{RUNS}::test_what_is_removed_from_a_row_is_removed_from_its_generation",
    ),
    Mutant(
        "A cancel stops the rows that a retry has started since",
        "functions/core/batches/api.py",
        "if (generation.batch_run or 0) <= last_run:",
        "if generation:",
        noticed_by=f"{RUNS}::test_a_row_retried_during_a_cancel_is_not_cancelled_again",
    ),
    Mutant(
        "A batch that is cancelled while its file is read runs",
        "functions/core/batches/start.py",
        "        if record.cancelled_at and record.is_cancelled_before(content) and not run.is_retry:\n",
        "        if record.cancelled_at and not content:\n",
        noticed_by=f"{RUNS}::test_a_batch_that_is_cancelled_while_its_file_is_read_runs_nothing",
    ),
    Mutant(
        "A rejected row is decided again in the same run, and counts twice",
        TABLE,
        "is_rejected=rejected in items",
        "is_rejected=False",
        noticed_by=f"{REJECTED}::test_a_row_is_rejected_once_in_a_run_even_if_its_input_arrives",
    ),
    Mutant(
        "A run goes on after a thousand rejected rows",
        "functions/core/batches/run.py",
        "        if self.rejected >= MAX_REJECTED:\n",
        "        if self.rejected < 0:\n",
        noticed_by=f"{REJECTED}::test_a_batch_stops_after_too_many_rejected_rows_and_its_started_rows_continue",
    ),
    Mutant(
        "A retry runs a row again that it has already started",
        "functions/core/batches/replacement.py",
        "(attempt.batch_run or 0) < state.run.number",
        "(attempt.batch_run or 0) <= state.run.number",
        noticed_by="tests/functions/test_revisions.py::test_a_retry_rescues_a_row_once",
    ),
    Mutant(
        "A row is accepted before the row whose video it uses",
        ACCEPT_ROW,
        "            self._accept_needed(row, state, reached)\n",
        "",
        noticed_by=f"{CHAINS}::test_rows_in_any_order_become_a_chain",
    ),
    Mutant(
        "A failed attempt does not name its replacement",
        ACCEPT_ROW,
        "if not self.ledger.retried_as(failed, later_id):",
        "if not failed:",
        noticed_by="tests/functions/test_revisions.py::test_a_retry_generates_a_row_again_that_the_provider_failed",
    ),
    Mutant(
        "Replaced attempts of a file that an earlier release has read count as dropped rows",
        "functions/core/records/lists.py",
        "        while later := ids & before.keys():\n",
        "        while later := ids & before.keys() & set(before.values()):\n",
        noticed_by=f"{EXISTING}::test_retried_rows_of_a_file_that_an_earlier_release_has_read_are_not_dropped",
    ),
    Mutant(
        "Of two files that become batches of their own at once, one replaces the other",
        "functions/core/batches/placement.py",
        "        if not new.is_free:\n            raise BatchChanged\n",
        "",
        noticed_by=f"{EXISTING}::test_a_new_name_that_another_file_gets_first_is_not_replaced",
    ),
    Mutant(
        "A rejected file starts when its event arrives again",
        "functions/core/batches/dropped_file.py",
        "        if content.existing == Existing.ASK and self.rejections.knows(file.rejected_id):\n",
        "        if content.existing is None and self.rejections.knows(file.rejected_id):\n",
        noticed_by=f"{EXISTING}::test_a_rejected_file_starts_nothing_when_its_event_arrives_again",
    ),
    Mutant(
        "Rows of a strict file pass unknown fields on",
        "functions/core/batches/dropped_file.py",
        'strict=metadata.get("strict") != "false"',
        'strict=metadata.get("strict") == "true"',
        noticed_by="tests/functions/test_api_batches.py::"
        "test_a_dropped_file_is_strict_unless_its_metadata_says_otherwise",
    ),
    Mutant(
        "Rows of a file that is not strict are rejected when they start",
        "functions/core/batches/accept_row.py",
        "            strict=state.run.strict,\n",
        "",
        noticed_by="tests/functions/test_api_batches.py::test_a_file_passes_unknown_fields_on_only_if_told",
    ),
    Mutant(
        "A file that was rejected stays rejected without strictness",
        "functions/core/batches/run.py",
        "if self.strict and not strict and self.rejected:",
        "if self.strict and not strict and not self.rejected:",
        noticed_by="tests/unit/test_batch_record.py",
    ),
    Mutant(
        "A dropped file replaces the batch of which it drops most rows",
        "functions/core/batches/placement.py",
        "        if is_late or self._keeps_most(batch):\n",
        "        if is_late or batch:\n",
        noticed_by=f"{EXISTING}::test_a_dropped_file_that_drops_most_rows_is_a_batch_of_its_own",
    ),
    Mutant(
        "An event that arrives again pays again for the rows of a batch of its own",
        "functions/core/batches/placement.py",
        "has_run(one.record, content.sha256, MOST_RUNS)",
        "has_run(one.record, content.ref, MOST_RUNS)",
        noticed_by=f"{EXISTING}::test_an_event_that_arrives_again_after_the_batches_have_changed_pays_for_nothing",
    ),
    Mutant(
        "A repeated call runs every row a second time",
        "functions/core/batches/check.py",
        "(file.body and found.is_repeated_by(file.sha256, now))",
        "(not file.body and found.is_repeated_by(file.sha256, now))",
        noticed_by=f"{EXISTING}::test_a_repeated_call_does_not_pay_again",
    ),
    Mutant(
        "A file that was compared too early replaces a batch",
        "functions/core/batches/api.py",
        "Existing.ASK if self.existing in (None, Existing.REUSE)",
        "Existing.REPLACE if self.existing in (None, Existing.REUSE)",
        noticed_by=f"{EXISTING}::test_a_file_that_was_compared_too_early_replaces_nothing",
    ),
    Mutant(
        "A file is not compared with one that is not read yet",
        TABLE,
        "attribute_not_exists(#sent) OR #sent = :ours",
        "attribute_not_exists(#sent) OR #sent <> :ours",
        noticed_by=f"{EXISTING}::test_a_second_file_waits_until_the_first_is_read",
    ),
    Mutant(
        "Rows that never started are dropped silently",
        "functions/core/batches/comparison.py",
        "        if ids is not None:\n",
        "        if ids == 0:\n",
        noticed_by=f"{EXISTING}::test_rows_that_never_started_are_dropped_too",
    ),
    Mutant(
        "A later revision overwrites the report of an earlier one",
        "functions/core/batches/run.py",
        '        return f"{self.results}/revision-{self.revision}"\n',
        "        return self.results\n",
        noticed_by=f"{EXISTING}::test_every_revision_keeps_its_report",
    ),
)
