"""Finalize: what the provider finished is archived, recorded and announced, whichever of these was done before."""

import json
from collections.abc import Callable
from dataclasses import replace

from core.archive.store import Archive, Order
from core.errors import GenerationEnded
from core.generation import ArchivedVideo, Generation, Status
from core.models import hosts_of
from core.places.admission import Admission
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.publish.views import as_archived_record
from core.records.ledger import Ledger
from core.workflow import Run


def finalize(
    run: Run,
    ledger: Ledger,
    provider: Provider,
    archive: Archive,
    admission: Admission,
    announcer: Announcer,
    seconds_left: Callable[[], float],
) -> Generation:
    """The completed generation, its video and record in S3 and its end announced.

    When no `seconds_left` it stops with `VideoIncomplete`; entered again, it goes on where it was.
    """
    generation = ledger.get_for(run)
    if generation.status is not Status.COMPLETED:
        video = _store(generation, ledger, provider, archive, seconds_left)
        try:
            generation = _complete(ledger.get_for(run), video, ledger, archive)
        except GenerationEnded:
            if not isinstance(ledger.submission(run.generation_id), Generation):
                # Deleted while its video was being stored: nobody would ever find it.
                archive.objects.remove(run.generation_id)
            raise
    announcer.announce(run.generation_id, ledger, admission.has_ended)
    return generation


def _complete(generation: Generation, video: ArchivedVideo, ledger: Ledger, archive: Archive) -> Generation:
    now = ledger.now()
    completed = replace(generation, status=Status.COMPLETED, video=video, ended_at=now, updated_at=now)
    # Before the ledger says so: whoever ends this execution after that would leave the video without its record.
    _store_record(completed, archive)
    try:
        ledger.complete(generation.run, video, now)
    except GenerationEnded:
        ended = ledger.submission(generation.generation_id)
        if isinstance(ended, Generation):
            _store_record(ended, archive)
        return ledger.get_for(generation.run)  # another entry was faster, with the very same video; or it raises
    return completed


def _store_record(generation: Generation, archive: Archive) -> None:
    record = json.dumps(as_archived_record(generation), ensure_ascii=False)
    archive.store_record(generation.generation_id, record.encode())


def _store(
    generation: Generation, ledger: Ledger, provider: Provider, archive: Archive, seconds_left: Callable[[], float]
) -> ArchivedVideo:
    """Archive from the link in the record; if it is dead, from the fresh one that fetching again may give."""

    def renew() -> str | None:
        answer = provider.fetch(generation.provider_id or "")
        if answer.video is None or answer.video == generation.provider_video:
            return None
        ledger.provider_finished(generation.run, answer.video, answer.credits_used)
        return str(answer.video.get("url"))

    video = generation.provider_video or {}
    size = video.get("file_size")
    return archive.store(
        Order(
            generation.generation_id,
            url=str(video.get("url")),
            file_size=size if isinstance(size, int) else None,
            renew=renew,
            seconds_left=seconds_left,
            upload=generation.upload,
            keep=lambda upload: ledger.keep_upload(generation.run, upload),
            hosts=hosts_of(generation.model),
        )
    )
