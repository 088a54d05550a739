"""Finalize: what the provider finished is archived, recorded and announced, whichever of these was done before."""

import json
from dataclasses import replace

from core.archive.store import Archive
from core.errors import GenerationEnded, VideoUnavailable
from core.generation import ArchivedVideo, Generation, Status, Tombstone
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.publish.views import as_archived_record
from core.records.ledger import Ledger
from core.workflow import Run


def finalize(run: Run, ledger: Ledger, provider: Provider, archive: Archive, announcer: Announcer) -> Generation:
    """The completed generation, its video and record in S3 and its end announced."""
    generation = ledger.get_for(run)
    if generation.status is not Status.COMPLETED:
        video = archive.find(run.generation_id) or _store(generation, ledger, provider, archive)
        generation = _complete(run, video, ledger, archive)
    if not generation.announced_at:
        record = json.dumps(as_archived_record(generation), ensure_ascii=False)
        archive.store_record(run.generation_id, record.encode())
        announcer.announce(run.generation_id, ledger)
    return generation


def _complete(run: Run, video: ArchivedVideo, ledger: Ledger, archive: Archive) -> Generation:
    try:
        ledger.complete(run, video)
    except GenerationEnded:
        try:
            generation = ledger.get_for(run)
        except GenerationEnded:
            if isinstance(
                ledger.submission(run.generation_id), Tombstone
            ):  # while the video was being stored: nobody would ever find it
                archive.objects.remove(run.generation_id)
            raise
        if generation.status is Status.COMPLETED:  # another entry was faster, with the very same video
            return generation
        raise
    return ledger.get_for(run)


def _store(generation: Generation, ledger: Ledger, provider: Provider, archive: Archive) -> ArchivedVideo:
    """Archive from the link in the record; if it is dead, from the fresh one that fetching again may give."""
    try:
        return _from(generation, archive)
    except VideoUnavailable:
        answer = provider.fetch(generation.provider_id or "")
        if answer.video is None or answer.video == generation.provider_video:
            raise
        ledger.provider_finished(generation.run, answer.video, answer.credits_used)
        return _from(replace(generation, provider_video=answer.video), archive)


def _from(generation: Generation, archive: Archive) -> ArchivedVideo:
    video = generation.provider_video or {}
    size = video.get("file_size")
    return archive.store(generation.generation_id, str(video.get("url")), size if isinstance(size, int) else None)
