"""Mistakes in when the provider is polled, and in the times that are learned."""

from tests.mutants.mutant import Mutant

MUTANTS = (
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
        "if age - self.age > self.pause + LATE_SECONDS:",
        "if age < self.age:",
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
