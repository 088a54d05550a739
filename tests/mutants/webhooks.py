"""Mistakes in delivering webhooks."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "A webhook attempt is claimed before it is due",
        "functions/core/webhooks/records.py",
        ' AND #due_at <= :now"',
        ' AND (#due_at <= :now OR #due_at > :now)"',
        noticed_by="tests/unit/test_webhooks.py::test_an_attempt_is_claimed_when_it_is_due_and_not_before",
    ),
    Mutant(
        "A webhook attempt that fails late overrides the next attempt",
        "functions/core/webhooks/records.py",
        '"#status = :pending AND #attempts = :seen AND',
        '"#status = :pending AND #attempts >= :seen AND',
        noticed_by="tests/unit/test_webhooks.py::test_a_late_failure_does_not_change_the_next_attempt",
    ),
    Mutant(
        "One owner may use all senders",
        "functions/core/webhooks/senders.py",
        '(f"owner {self.owner}", share)',
        '(f"owner {self.owner}", senders)',
        noticed_by="tests/unit/test_webhook_senders.py::test_no_owner_has_more_than_its_share",
    ),
    Mutant(
        "One host may use all senders",
        "functions/core/webhooks/senders.py",
        '(f"host {self.host}", share)',
        '(f"host {self.host}", senders)',
        noticed_by="tests/unit/test_webhook_senders.py::test_a_host_that_many_owners_share_gets_a_third_of_the_senders",
    ),
    Mutant(
        "Slow receivers may use all senders",
        "functions/core/webhooks/senders.py",
        '(("slow", max(1, senders // 2)),) if self.is_slow else ()',
        '(("slow", max(1, senders // 2)),) if self.is_slow is None else ()',
        noticed_by="tests/unit/test_webhook_senders.py::test_slow_receivers_share_half_of_the_senders",
    ),
    Mutant(
        "All messages are sent to a receiver that fails repeatedly",
        "functions/core/webhooks/senders.py",
        "        if receiver.failures < FAILURES:\n",
        "        if receiver.failures >= 0:\n",
        noticed_by="tests/unit/test_webhook_senders.py::test_one_message_at_a_time_tries_a_failing_receiver",
    ),
    Mutant(
        "A function that dies keeps its sender for ever",
        "functions/core/webhooks/senders.py",
        " OR #until < :now",
        " OR (#until < :now AND #until > :now)",
        noticed_by="tests/unit/test_webhook_senders.py::test_a_slot_whose_holder_died_is_free_after_its_lease",
    ),
    Mutant(
        "A late function frees the sender of another message",
        "functions/core/webhooks/senders.py",
        '"#holder = :mine"',
        '"(#holder = :mine OR attribute_exists(#holder))"',
        noticed_by="tests/unit/test_webhook_senders.py::test_a_slot_whose_holder_died_is_free_after_its_lease",
    ),
    Mutant(
        "A postponement counts as an attempt",
        "functions/core/webhooks/courier.py",
        "        delay = longest * ",
        "        self.records.claim(delivery)\n        delay = longest * ",
        noticed_by="tests/unit/test_webhooks.py::test_a_postponed_message_makes_no_attempt_and_waits_longer_each_time",
    ),
    Mutant(
        "A message that waits stays the same message and uses up its receives",
        "functions/deliver_webhook.py",
        "                send(queue_url, again.message, ceil(again.delay.total_seconds()))\n",
        "                hide(queue_url, message, ceil(again.delay.total_seconds()))\n",
        noticed_by="tests/functions/test_webhooks.py::test_a_failing_receiver_is_tried_again_later",
    ),
    Mutant(
        "A message is postponed for ever",
        "functions/core/webhooks/courier.py",
        "        if self.records.now() - delivery.begun_at > TRIED_FOR:\n",
        "        if self.records.now() < delivery.begun_at:\n",
        noticed_by="tests/unit/test_webhook_senders.py::"
        "test_after_a_day_each_message_was_delivered_or_given_up_and_says_so",
    ),
    Mutant(
        "A message that was never sent ends silently",
        "functions/core/webhooks/courier.py",
        "        self.records.failed(delivery, delivery.answered, problem, None)\n",
        "        pass\n",
        noticed_by="tests/unit/test_webhooks.py::"
        "test_a_message_that_could_not_be_sent_within_a_day_says_so_and_can_be_sent_again",
    ),
    Mutant(
        "The messages before a redelivery live on",
        "functions/core/webhooks/courier.py",
        " if delivery and series_of(as_queued(delivery)) == series_of(message) else None",
        "",
        noticed_by="tests/unit/test_webhooks.py::test_the_messages_before_a_redelivery_end",
    ),
    Mutant(
        "A rejected private address shows whether the port is open",
        "functions/core/public.py",
        "        if not public:\n            raise PrivateAddress",
        "        if not public:\n            super()._new_conn().close()\n            raise PrivateAddress",
        noticed_by="tests/unit/test_webhook_sending.py::"
        "test_an_open_port_of_a_private_network_looks_the_same_as_a_closed_one",
    ),
    Mutant(
        "A private port shows on the local cloud what answers there",
        "functions/core/webhooks/sending.py",
        "return Answer(None, NOT_ACCEPTED, is_final=answer.is_final, detail=answer.problem)",
        "return Answer(answer.status, NOT_ACCEPTED, is_final=answer.is_final, detail=answer.problem)",
        noticed_by="tests/unit/test_webhook_sending.py::"
        "test_so_it_does_on_the_local_cloud_which_connects_to_private_addresses",
    ),
    Mutant(
        "After a rotation webhooks are signed with the newest secret only",
        "functions/core/webhooks/records.py",
        "self.latest - len(self.changed_at) - 1, -1",
        "self.latest - 1, -1",
        noticed_by="tests/unit/test_webhooks.py::test_messages_are_also_signed_with_the_previous_secret_for_a_day",
    ),
)
