"""Keep a folder equal to the videos of a batch or of a tag."""

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from promptreel import _sidecar
from promptreel.batch import ReportRow
from promptreel.errors import ConnectionFailed, GenerationFailed, PromptreelError, Unauthorized
from promptreel.generation import Generation
from promptreel.results import Results, free_earlier, prepare, row_of, slug, video_name

EXPIRED = "VideoExpired"


@dataclass(frozen=True)
class Selected:
    """A generation or a row whose video the folder should have."""

    row: ReportRow
    generation: Generation | None = None  # known if it was selected by a tag

    @property
    def id(self) -> str:
        """Return the id of the generation, or an empty text for a row that has none."""
        return self.row.generation_id or ""

    @property
    def name(self) -> str:
        """Return the name for the video."""
        return video_name(self.row)

    @property
    def has_expired(self) -> bool:
        """Return whether it had a video that has expired."""
        return (self.row.error or "").startswith(EXPIRED)

    @classmethod
    def of(cls, generation: Generation) -> "Selected":
        """Return a generation that was selected by a tag."""
        return cls(row_of(generation), generation)


@dataclass
class Synced:
    """What `Client.sync` has done, and what is left."""

    folder: Path
    saved: list[Path] = field(default_factory=list)
    already: int = 0  # videos that the folder had
    running: int = 0  # generations that have not ended
    failed: int = 0  # generations that ended without a video
    expired: list[str] = field(default_factory=list)  # generations whose videos expired before they were saved
    replaced: list[Path] = field(default_factory=list)  # changed files that were moved to `earlier`
    unselected: list[Path] = field(default_factory=list)  # videos of the folder that are not selected any more
    problems: list[tuple[str, str]] = field(default_factory=list)  # generations that could not be saved, and why


@dataclass
class Sync:
    """One pass over a folder.

    `save` downloads a generation's video into a file, and continues an interrupted download, which left its part.

    A video is complete if its sidecar says so. So the sidecar is written last, and a pass can be interrupted anywhere.
    """

    save: Callable[[str, Path, Path], Generation]
    get: Callable[[str], Generation]
    folder: Path
    verify: bool
    on_saved: Callable[[Path], None] | None = None

    def run(self, selected: Iterable[Selected]) -> Synced:
        """Save what is missing. Raise `PromptreelError` if another process does the same at this moment."""
        with _sidecar.locked(self.folder):
            return self._run(list(selected))

    def _run(self, selected: list[Selected]) -> Synced:
        done = Synced(self.folder)
        there = _sidecar.saved_in(self.folder)
        taken = {one.path.name.casefold() for one in there.values()}
        for one in selected:
            known = there.get(one.id)
            if known and known.is_complete(verify=self.verify):
                done.already += 1
            elif one.has_expired:
                done.expired.append(one.id)
            elif one.row.status == "completed":
                path = known.path if known else self._path(one, taken)
                taken.add(path.name.casefold())
                self._save(one, path, known is not None, done)
            else:
                is_over = one.row.status in ("error", "not started")
                done.failed += is_over
                done.running += not is_over
        ids = {one.id for one in selected}
        done.unselected += [one.path for key, one in there.items() if key not in ids and one.path.is_file()]
        return done

    def _path(self, one: Selected, taken: set[str]) -> Path:
        """Return the path for a new video. Its name has the whole id if another video has the short one."""
        path = self.folder / one.name
        return path.with_stem(f"{path.stem}-{slug(one.id)}") if path.name.casefold() in taken else path

    def _save(self, one: Selected, path: Path, was_known: bool, done: Synced) -> None:
        try:
            if path.exists() and not was_known:
                generation = one.generation or self.get(one.id)
                _sidecar.compare(path, generation)
                _sidecar.save_poster(path, generation)
                _sidecar.write(path, generation)
                done.already += 1
                return
            if path.exists():
                done.replaced.append(_sidecar.move(path, free_earlier(path)))
            generation = self.save(one.id, path, path.with_name(f"{path.name}.part"))
            _sidecar.save_poster(path, generation)
            _sidecar.write(path, generation)
        except (ConnectionFailed, Unauthorized):
            raise
        except GenerationFailed as failed:
            if failed.generation.error and failed.generation.error.name == EXPIRED:
                done.expired.append(one.id)
            else:
                done.problems.append((one.id, str(failed)))
        except (PromptreelError, OSError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            done.problems.append((one.id, str(error)))
        else:
            done.saved.append(path)
            if self.on_saved:
                self.on_saved(path)


def opened(folder: Path, batch_id: str | None) -> None:
    """Create the folder. Raise `PromptreelError` if it is not writable or has the results of another batch."""
    if batch_id:
        Results.open(folder, batch_id)
    else:
        prepare(folder)


def by_tag(generations: Iterable[Generation]) -> Iterator[Selected]:
    """Yield generations as selected by a tag."""
    return map(Selected.of, generations)


def by_batch(rows: Iterable[ReportRow]) -> Iterator[Selected]:
    """Yield the rows of a batch as selected."""
    return map(Selected, rows)
