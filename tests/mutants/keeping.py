"""Mistakes that lose or leave what an owner has, or send a restored job twice."""

from tests.mutants.mutant import Mutant

ERASE, EXPORT, RESTORE = (f"client/promptreel/operator/{name}.py" for name in ("erase", "export", "restore"))

MUTANTS = (
    Mutant(
        "Erasing an owner leaves the older versions of videos",
        ERASE,
        'found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]',
        'found = [one for one in page.get("Versions", []) if one["IsLatest"]]',
        noticed_by="tests/functions/test_erase.py::test_nothing_of_an_owner_remains_but_what_the_page_lists",
    ),
    Mutant(
        "Erasing an owner erases another one whose name begins in the same way",
        ERASE,
        'key.rpartition(" ")[0] in beginnings',
        "key.startswith(tuple(beginnings))",
        noticed_by="tests/functions/test_erase.py::test_nothing_of_an_owner_remains_but_what_the_page_lists",
    ),
    Mutant(
        "An owner is erased while a function may still write a video",
        ERASE,
        "        if now - last < LONGEST_FUNCTION:\n",
        "        if now < last:\n",
        noticed_by="tests/functions/test_erase.py::test_a_video_that_is_being_archived_is_not_left_behind",
    ),
    Mutant(
        "An owner is erased while its keys still work",
        ERASE,
        '            if stops > self._now():\n                waits.add("revoked API keys',
        '            if stops < self._now():\n                waits.add("revoked API keys',
        noticed_by="tests/functions/test_erase.py::test_keys_end_before_anything_else_happens",
    ),
    Mutant(
        "An export keeps a video that is not as it was recorded",
        EXPORT,
        "(sha256 and kept.sha256 != sha256)",
        "(sha256 and not kept.sha256)",
        noticed_by="tests/functions/test_export.py::test_a_damaged_video_is_reported_and_the_others_are_exported",
    ),
    Mutant(
        "A restored job may be sent, although it may have been sent before",
        RESTORE,
        "        return safe | lost\n",
        "        return safe\n",
        noticed_by="tests/functions/test_restore.py",
    ),
    Mutant(
        "A repeated request sends a job again whose record was lost",
        RESTORE,
        "            self._mark_lost(generation_id)\n",
        "",
        noticed_by="tests/functions/test_restore.py::test_a_lost_job_is_not_sent_again_when_its_request_is_repeated",
    ),
    Mutant(
        "A video that has expired has a link",
        "functions/core/api/generations.py",
        "        generation = self._seen(recorded)\n",
        "        generation = recorded\n",
        noticed_by="tests/functions/test_retention.py::test_nothing_leads_to_an_expired_video",
    ),
    Mutant(
        "A video is stored with the rule of tags that have changed since",
        "functions/core/archive/retention.py",
        "if (rule.name == name if name else rule.fits(tags))",
        "if rule.fits(tags)",
        noticed_by="tests/functions/test_retention.py::test_the_rule_is_recorded_before_the_video_is_stored",
    ),
)
