"""Finalize: what the provider finished is archived, recorded and announced, whichever of these was done before."""

import json
from dataclasses import replace

from core.archive.store import Archive
from core.errors import GenerationEnded, VideoUnavailable
from core.generation import ArchivedVideo, Generation, Status
from core.provider.client import Provider
from core.publish.announcer import Announcer
from core.publish.views import as_archived_record
from core.records.ledger import Ledger


def finalize(
    generation_id: str, ledger: Ledger, provider: Provider, archive: Archive, announcer: Announcer
) -> Generation:
    """The completed generation, its video and record in S3 and its end announced."""
    generation = ledger.get(generation_id)
    if generation.status is Status.ERROR:
        raise GenerationEnded(f"Generation {generation_id} has ended: {generation.error}")
    if generation.status is not Status.COMPLETED:
        video = archive.find(generation_id) or _store(generation, ledger, provider, archive)
        generation = _complete(generation_id, video, ledger)
    if not generation.announced_at:
        archive.store_record(generation_id, json.dumps(as_archived_record(generation), ensure_ascii=False).encode())
        announcer.announce(generation_id, ledger)
    return generation


def _complete(generation_id: str, video: ArchivedVideo, ledger: Ledger) -> Generation:
    try:
        ledger.complete(generation_id, video)
    except GenerationEnded:
        generation = ledger.get(generation_id)
        if generation.status is Status.COMPLETED:  # another entry was faster, with the very same video
            return generation
        raise
    return ledger.get(generation_id)


def _store(generation: Generation, ledger: Ledger, provider: Provider, archive: Archive) -> ArchivedVideo:
    """Archive from the link in the record; if it is dead, from the fresh one that fetching again may give."""
    try:
        return _from(generation, archive)
    except VideoUnavailable:
        answer = provider.fetch(generation.provider_id or "")
        if answer.video is None or answer.video == generation.provider_video:
            raise
        ledger.provider_finished(generation.generation_id, answer.video, answer.credits_used)
        return _from(replace(generation, provider_video=answer.video), archive)


def _from(generation: Generation, archive: Archive) -> ArchivedVideo:
    video = generation.provider_video or {}
    size = video.get("file_size")
    return archive.store(generation.generation_id, str(video.get("url")), size if isinstance(size, int) else None)
