"""Mistakes in archiving a video."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "The provenance marks of a video are removed",
        "functions/core/archive/store.py",
        """                Body=cast("bytes", body),  # boto3 takes both
                ContentType=CONTENT_TYPES[check.container],
                ChecksumSHA256=base64.b64encode(bytes.fromhex(check.sha256 or "")).decode(),
""",
        """                Body=bytes(body).replace(b"c2pa", b"free"),
                ContentType=CONTENT_TYPES[check.container],
""",
        noticed_by="tests/functions/test_states.py::test_a_video_keeps_its_provenance_marks",
    ),
    Mutant(
        "A generation is recorded as completed before its video is archived",
        "functions/core/finalize.py",
        "            video = self._store(generation, seconds_left)\n",
        """            if generation.status is Status.ARCHIVING:
                key = f"videos/{run.generation_id}/video.mp4"
                bucket = self.archive.objects.bucket
                too_early = ArchivedVideo(bucket, key, f"s3://{key}", "video/mp4", "video.mp4", 1, "")
                self.ledger.complete(run, too_early, self.ledger.now())
            video = self._store(generation, seconds_left)
""",
        noticed_by="tests/functions/test_states.py::test_a_prompt_becomes_an_archived_and_announced_video",
    ),
    Mutant(
        "A second multipart upload replaces an archived video",
        "functions/core/archive/multipart.py",
        '            IfNoneMatch="*",\n',
        "",
        noticed_by="tests/unit/test_archive_parts.py::test_a_video_archived_by_another_invocation_is_not_replaced",
    ),
    Mutant(
        "A second upload in one request replaces an archived video",
        "functions/core/archive/store.py",
        '                IfNoneMatch="*",\n',
        "",
        noticed_by="tests/unit/test_archive.py",
    ),
    Mutant(
        "Parts of two different videos are joined",
        "functions/core/archive/source.py",
        "        if _validator(response) not in (None, found.validator):\n",
        "        if not found.validator:\n",
        noticed_by="tests/unit/test_archive_parts.py::test_another_video_from_a_host_that_ignores_if_range_is_detected",
    ),
    Mutant(
        "A part that arrives early is verified out of order",
        "functions/core/archive/transfer.py",
        "self._failure or self._passed == first)",
        "self._failure or first >= 0)",
        noticed_by="tests/unit/test_archive_parts.py::test_parts_that_arrive_in_any_order_are_verified_in_order",
    ),
    Mutant(
        "Parts from an earlier invocation are kept although the video has changed",
        "functions/core/archive/store.py",
        "            if before and (before.length, before.validator) != (found.length, found.validator):\n",
        "            if before and found.length is None:\n",
        noticed_by="tests/unit/test_archive_parts.py::test_a_video_that_changed_between_invocations_starts_again",
    ),
    Mutant(
        "An upload is completed before it is verified",
        "functions/core/archive/store.py",
        "            check.finish(found.length or order.file_size)\n",
        "            upload.complete()\n            check.finish(found.length or order.file_size)\n",
        noticed_by="tests/unit/test_archive_parts.py::test_an_incomplete_video_leaves_nothing_behind",
    ),
    Mutant(
        "A truncated MP4 is archived",
        "functions/core/archive/mp4.py",
        "        if (self._left and not self._open_ended) or self._header:\n",
        "        if not self.position:\n",
        noticed_by="tests/unit/test_mp4.py",
    ),
    Mutant(
        "A truncated WebM is archived",
        "functions/core/archive/webm.py",
        "        if self._left or self._header or any(end not in (None, self.position) for end in self._ends):\n",
        "        if not self.position:\n",
        noticed_by="tests/unit/test_containers.py",
    ),
    Mutant(
        "An element of a WebM may be larger than its parent",
        "functions/core/archive/webm.py",
        "        if limit is not None and (self.position if end is None else end) > limit:\n",
        "        if limit is None and first < 0:\n",
        noticed_by="tests/unit/test_containers.py",
    ),
    Mutant(
        "An upload that another release began is continued",
        "functions/core/archive/store.py",
        "            if before and Check(allowed, before.structure).size == before.size:\n",
        "            if before:\n",
        noticed_by="tests/unit/test_archive_parts.py::test_progress_stored_by_another_release_is_not_continued",
    ),
    Mutant(
        "A video is downloaded from any host",
        "functions/core/archive/download.py",
        '    if not any(_is(parts.hostname or "", host) for host in allowed.hosts):\n',
        "    if not parts.hostname:\n",
        noticed_by="tests/unit/test_download.py",
    ),
    Mutant(
        "A video is kept although its generation was deleted during archiving",
        "functions/core/finalize.py",
        "                    self.archive.objects.remove(run.generation_id)\n",
        "                    pass\n",
        noticed_by="tests/functions/test_states.py::test_a_generation_deleted_during_archiving_leaves_nothing",
    ),
    Mutant(
        "The record of a completed generation is stored after its end",
        "functions/core/finalize.py",
        """        self._store_record(completed)
        try:
            self.ledger.complete(generation.run, video, now, rule)
""",
        """        try:
            self.ledger.complete(generation.run, video, now, rule)
            self._store_record(completed)
""",
        noticed_by="tests/functions/test_states.py::test_a_completed_generation_already_has_its_record_next_to_its_video",
    ),
    Mutant(
        "An interrupted upload is continued although S3 lacks some of its parts",
        "functions/core/archive/multipart.py",
        "        return len(self.etags) == parts\n",
        "        return True\n",
        noticed_by="tests/unit/test_archive_parts.py::test_an_upload_of_which_s3_lacks_a_part_starts_again",
    ),
    Mutant(
        "An interrupted upload is continued without asking S3 for its parts",
        "functions/core/archive/store.py",
        "        if before and not upload.find(before.parts, part_bytes):\n",
        "        if before and upload.find(before.parts, part_bytes) is None:\n",
        noticed_by="tests/unit/test_archive_parts.py::test_an_upload_of_which_s3_lacks_a_part_starts_again",
    ),
    Mutant(
        "A part of another size counts as a part of the interrupted upload",
        "functions/core/archive/multipart.py",
        '                    if part["PartNumber"] <= parts and part["Size"] == part_bytes:\n',
        '                    if part["PartNumber"] <= parts:\n',
        noticed_by="tests/unit/test_archive_parts.py::test_an_upload_of_which_s3_lacks_a_part_starts_again",
    ),
    Mutant(
        "One connection is measured while others still read",
        "functions/core/archive/flow.py",
        "            if len(self._responses) > self.connections:",
        "            if False:",
        noticed_by="tests/unit/test_flow.py::test_one_connection_is_measured_only_when_the_others_have_ended",
    ),
    Mutant(
        "A host that sends one byte after the other outlasts the time limit",
        "functions/core/archive/flow.py",
        "            if self._seconds_left() <= 0:\n                self.stop()\n",
        "            pass\n",
        noticed_by="tests/unit/test_archive_parts.py::test_a_host_that_trickles_does_not_outlast_the_deadline",
    ),
    Mutant(
        "Another checksum of a small video is computed",
        "functions/core/archive/store.py",
        '                ChecksumSHA256=base64.b64encode(bytes.fromhex(check.sha256 or "")).decode(),\n',
        "",
        noticed_by="tests/unit/test_archive_parts.py::test_s3_compares_a_small_video_with_its_only_checksum",
    ),
    Mutant(
        "A part is checked only after it was uploaded",
        "functions/core/archive/transfer.py",
        "        if self._passed == part.first:\n",
        "        if self._passed < 0:\n",
        noticed_by="tests/unit/test_archive_parts.py::test_a_damaged_video_is_noticed_before_it_is_uploaded",
    ),
    Mutant(
        "Another worker continues the check before progress is noted",
        "functions/core/archive/transfer.py",
        """            self._reached()  # before another worker continues the check
            self._passed = first + len(data)
""",
        """            self._passed = first + len(data)
            self._reached()
""",
        noticed_by="tests/unit/test_archive_parts.py::test_progress_does_not_include_a_later_part_that_arrives_meanwhile",
    ),
)
