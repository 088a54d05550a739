"""Finalize: archive, record and announce a finished generation, and skip the steps that are already done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.archive.retention import KEEP_ALL, Retention
from core.archive.store import Archive, Order
from core.errors import GenerationEnded
from core.generation import ArchivedVideo, Generation, Status
from core.models import hosts_of
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.publish.views import as_archived_record
from core.records.ledger import Ledger
from core.slots.admission import Admission
from core.workflow import Run


@dataclass(frozen=True)
class Finalize:
    """Archives, records and announces a generation that the provider has finished."""

    ledger: Ledger
    provider: Provider
    archive: Archive
    admission: Admission
    announcer: Announcer
    retention: Retention = KEEP_ALL

    def finalize(self, run: Run, seconds_left: Callable[[], float]) -> Generation:
        """Return the completed generation, with its video and record in S3 and its end announced.

        Raise `VideoIncomplete` when `seconds_left` runs out. Invoked again, it continues where it stopped.
        """
        generation = self.ledger.get_for(run)
        if generation.status is not Status.COMPLETED:
            video = self._store(generation, seconds_left)
            try:
                generation = self._complete(self.ledger.get_for(run), video)
            except GenerationEnded:
                if not isinstance(self.ledger.submission(run.generation_id), Generation):
                    # Deleted while its video was being stored, so nothing refers to the video any more.
                    self.archive.objects.remove(run.generation_id)
                raise
        self.announcer.announce(run.generation_id, self.ledger, self.admission.has_ended)
        return generation

    def _complete(self, generation: Generation, video: ArchivedVideo) -> Generation:
        now = self.ledger.now()
        rule = self.retention.rule_of(generation).name
        completed = replace(
            generation, status=Status.COMPLETED, video=video, video_rule=rule, ended_at=now, updated_at=now
        )
        # Before the ledger write: an execution that is stopped after it would leave the video without its record.
        self._store_record(completed)
        try:
            self.ledger.complete(generation.run, video, now, rule)
        except GenerationEnded:
            ended = self.ledger.submission(generation.generation_id)
            if isinstance(ended, Generation):
                self._store_record(ended)
            # Another invocation has completed it with the same video. Otherwise `get_for` raises.
            return self.ledger.get_for(generation.run)
        return completed

    def _store_record(self, generation: Generation) -> None:
        record = json.dumps(as_archived_record(generation), ensure_ascii=False)
        self.archive.store_record(generation.generation_id, record.encode())

    def _store(self, generation: Generation, seconds_left: Callable[[], float]) -> ArchivedVideo:
        """Archive the video from the link in the record, or, if that is dead, from the one that a new fetch returns."""

        def renew() -> str | None:
            answer = self.provider.fetch(generation.provider_id or "")
            if answer.video is None or answer.video == generation.provider_video:
                return None
            self.ledger.provider_finished(generation.run, answer.video, answer.credits_used)
            return str(answer.video.get("url"))

        rule = self.retention.rule_of(generation)
        if self.retention.is_by_tag and generation.video_rule is None:
            kept = self.ledger.keep_rule(generation.run, rule.name)
            rule = self.retention.rule_of(replace(generation, video_rule=kept))
        video = generation.provider_video or {}
        size = video.get("file_size")
        return self.archive.store(
            Order(
                generation.generation_id,
                url=str(video.get("url")),
                file_size=size if isinstance(size, int) else None,
                renew=renew,
                seconds_left=seconds_left,
                upload=generation.upload,
                keep=lambda upload: self.ledger.keep_upload(generation.run, upload),
                hosts=hosts_of(generation.model),
                options=rule.options,
            )
        )
