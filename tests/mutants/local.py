"""Mistakes with the state that the local cloud keeps over a kill -9, and with its HTTP API at the root."""

from tests.mutants.mutant import Mutant

_TESTS = "tests/unit/test_local_state.py"
_MEMORY = "tests/unit/test_local_memory.py"

MUTANTS = (
    Mutant(
        "The local cloud forgets the history of a running batch",
        "local/memory.py",
        """                if oldest["status"] == "RUNNING":
                    begun.append(oldest)
                else:
                    oldest["events"].clear()
""",
        """                oldest["events"].clear()
""",
        noticed_by=f"{_MEMORY}::test_only_the_newest_histories_and_those_of_running_executions_are_kept",
    ),
    Mutant(
        "The local cloud keeps the histories of executions that ran when they were too many",
        "local/memory.py",
        "                    begun.append(oldest)\n",
        "                    continue\n",
        noticed_by=f"{_MEMORY}::test_many_running_executions_keep_their_histories_until_they_end",
    ),
    Mutant(
        "The local cloud's journal has no writes",
        "local/state.py",
        "            journal.note(requests_after(handle, target, json.loads(body)))",
        "            requests_after(handle, target, json.loads(body))",
        noticed_by=f"{_TESTS}::test_every_write_is_in_effect_once_after_kills",
    ),
    Mutant(
        "The local cloud does not repeat its journal",
        "local/state.py",
        "        repeat(handle, journal.entries())\n",
        "",
        noticed_by=f"{_TESTS}::test_every_write_is_in_effect_once_after_kills",
    ),
    Mutant(
        "The local cloud's journal has no transactions",
        "local/journal.py",
        '{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}',
        '{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}',
        noticed_by=f"{_TESTS}::test_each_kind_of_write_is_repeated",
    ),
    Mutant(
        "The local cloud repeats the first write of each item",
        "local/journal.py",
        "    for requests in entries:\n",
        "    for requests in reversed(list(entries)):\n",
        noticed_by=f"{_TESTS}::test_every_write_is_in_effect_once_after_kills",
    ),
    Mutant(
        "An entry that a kill cut off damages the next one",
        "local/journal.py",
        '        line = b"\\n" + json.dumps(entry).encode()\n',
        '        line = json.dumps(entry).encode() + b"\\n"\n',
        noticed_by=f"{_TESTS}::test_an_entry_that_the_kill_cut_off_does_not_damage_the_next",
    ),
    Mutant(
        "Executions are announced before they are in the journal",
        "local/state.py",
        """            self._executions.note(execution | {"events": []})
            emit(execution)
""",
        """            emit(execution)
            self._executions.note(execution | {"events": []})
""",
        noticed_by=f"{_TESTS}::test_a_status_is_in_the_journal_before_it_is_announced",
    ),
    Mutant(
        "Executions that have ended start again",
        "local/state.py",
        """if one["status"] == "RUNNING" and "mapRunArn" not in one]""",
        """if "mapRunArn" not in one]""",
        noticed_by=f"{_TESTS}::test_interrupted_executions_start_again_with_the_first_request_and_others_keep_their_end",
    ),
    Mutant(
        "A stop before the first request loses the interrupted executions",
        "local/state.py",
        "            if self._interrupted is None:\n                self._write",
        "            if True:\n                self._write",
        noticed_by=f"{_TESTS}::test_a_stop_before_the_first_request_changes_nothing",
    ),
    Mutant(
        "A state that was not written completely replaces the old one",
        "local/state.py",
        """            with (part / f"{name}.json").open() as file:
                os.fsync(file.fileno())  # before the old state is deleted
""",
        "",
        noticed_by=f"{_TESTS}::test_a_state_that_could_not_be_written_leaves_the_old_one_and_its_journals",
    ),
    Mutant(
        "The local cloud gives signed requests to the HTTP API",
        "local/root.py",
        "    return not signed and _OURS",
        "    return _OURS",
        noticed_by="tests/unit/test_local_root.py::test_every_other_path_is_unchanged",
    ),
    Mutant(
        "The local cloud offers the HTTP API at its own path only",
        "local/root.py",
        "_is_for_the_api(scope) and (api := api_id())",
        "(api := api_id()) is None",
        noticed_by="tests/unit/test_local_root.py::test_a_path_of_the_api_at_the_root_reaches_the_api",
    ),
    Mutant(
        "A state that cannot be read is taken for an empty one",
        "local/state.py",
        "            logging.getLogger(name).addHandler(self._strict)\n",
        "            pass\n",
        noticed_by=f"{_TESTS}::test_a_state_that_cannot_be_read_ends_the_process",
    ),
)
