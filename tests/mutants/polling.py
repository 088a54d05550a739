"""Mistakes in when the provider is polled, and in the times that are learned."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "Five hundred jobs poll as often as one",
        "functions/core/check_status.py",
        "if generation.slot is None or not self.schedule.cycle(self.admission.limit):",
        "if self.admission.limit:",
        noticed_by="tests/unit/test_check_status.py",
    ),
    Mutant(
        "All jobs that take turns poll at the same moment",
        "functions/core/provider/waiting.py",
        "(turn.slot / self.polls_per_second - earliest) % cycle",
        "-earliest % cycle",
        noticed_by="tests/unit/test_waiting.py",
    ),
    Mutant(
        "A function that starts late waits for the next turn",
        "functions/core/check_status.py",
        "is_turn = before.age > 0 and before.is_before(self._age(generation))",
        "is_turn = False",
        noticed_by="tests/unit/test_check_status.py::test_a_function_that_starts_late_does_not_wait_for_the_next_turn",
    ),
    Mutant(
        "The wait for a turn counts as an outage",
        "functions/core/check_status.py",
        "replace(before, pause=before.pause + wait)",
        "before",
        noticed_by="tests/unit/test_check_status.py::test_the_wait_for_a_turn_is_no_outage",
    ),
    Mutant(
        "A check that keeps polling reads the record only once",
        "functions/core/check_status.py",
        """        while True:
            generation = self.ledger.get_for(run)
""",
        """        generation = self.ledger.get_for(run)
        while True:
""",
        noticed_by="tests/unit/test_check_status.py",
    ),
    Mutant(
        "A check keeps polling for as long as it likes",
        "functions/core/provider/waiting.py",
        "pause <= TURN_SECONDS and stayed + pause <= self.stay",
        "pause <= TURN_SECONDS",
        noticed_by="tests/unit/test_waiting.py",
    ),
    Mutant(
        "A job that the first poll finds done counts as finished at that moment",
        "functions/core/provider/waiting.py",
        "SOONER = 0.8",
        "SOONER = 1.0",
        noticed_by="tests/unit/test_waiting.py",
    ),
    Mutant(
        "A job that finished while polls failed counts as slow",
        "functions/core/provider/waiting.py",
        "return age - self.age <= self.pause + LATE_SECONDS",
        "return age >= self.age",
        noticed_by="tests/unit/test_check_status.py",
    ),
    Mutant(
        "A job fails when its time cannot be noted",
        "functions/core/learned/records.py",
        """        except (BotoCoreError, ClientError) as error:
            logger.warning("the time of""",
        """        except KeyError as error:
            logger.warning("the time of""",
        noticed_by="tests/unit/test_learned.py",
    ),
    Mutant(
        "The number of frames is not in the kind of a request",
        "functions/core/learned/kinds.py",
        '_NO_COST = re.compile(r"(negative_)?prompt|(.*_)?seed")',
        '_NO_COST = re.compile(r"(negative_)?prompt|(.*_)?seed|num_frames")',
        noticed_by="tests/unit/test_learned.py::test_dear_requests_do_not_make_cheap_ones_dear_nor_cheap_ones_dear_ones_cheap",
    ),
    Mutant(
        "An option with a name and no number is not in the kind of a request",
        "functions/core/learned/kinds.py",
        'return value.lower() if len(value) <= _MOST else "text:"',
        'return "text:"',
        noticed_by="tests/unit/test_learned.py::test_every_parameter_of_the_catalogue_that_bears_cost_is_in_the_kind",
    ),
    Mutant(
        "Requests with media have the history of all owners",
        "functions/core/learned/kinds.py",
        "owner if has_media(request) else None",
        "None",
        noticed_by="tests/unit/test_learned.py::test_the_cost_of_requests_with_media_is_known_only_from_the_same_owner",
    ),
    Mutant(
        "The first wait is unbounded",
        "functions/core/provider/waiting.py",
        "max(1, min(LONGEST_LEARNED, round(early)))",
        "max(1, round(early))",
        noticed_by="tests/unit/test_waiting.py::test_slow_jobs_delay_the_polls_of_a_fast_one_by_a_minute_at_most",
    ),
    Mutant(
        "A later wait is unbounded",
        "functions/core/provider/waiting.py",
        "pause = min(LONGEST_LEARNED, (times.early(age) or 0) - age)",
        "pause = (times.early(age) or 0) - age",
        noticed_by="tests/unit/test_waiting.py::test_slow_jobs_delay_the_polls_of_a_fast_one_by_a_minute_at_most",
    ),
    Mutant(
        "One poll with an unknown word ends the job",
        "functions/core/provider/client.py",
        """        if first.outcome != _UNSURE:
            return first
""",
        """        if first.outcome != _UNSURE:
            return first
        return replace(first, outcome="error")
""",
        noticed_by="tests/functions/test_states.py::test_a_word_that_is_said_once_ends_nothing",
    ),
    Mutant(
        "A job that the provider ended by mistake cannot be rescued",
        "functions/core/rescue.py",
        "if generation.failed_at_provider and generation.provider_id is None:",
        "if generation.failed_at_provider:",
        noticed_by="tests/unit/test_rescue.py",
    ),
)
