"""Test promptreel.toml: where it is found, what it sets, and that a stranger's file can do no harm."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from promptreel import Client, ConfigurationError
from promptreel.configuration import load
from promptreel.project import find
from tests.support.api_answers import ID, KEY, completed, shown
from tests.support.wire import http, serving

Run = Callable[..., tuple[int, str, str]]
SETTINGS = 'tags = ["project=boats", "week=48"]\nmodel = "runway/gen4_aleph"\noutput = "videos"\nstage = "prod"\n'
HOSTILE = {
    "url": 'url = "{url}"',
    "key": 'api_key = "pr_"',
    "both": 'tags = []\nurl = "{url}"\napi_key = "x"',
    "in capitals": 'URL = "{url}"',
    "a table": '[promptreel]\nurl = "{url}"',
    "an endpoint": 'endpoint = "{url}"',
    "local": 'stage = "local"',
    "a key as a tag": f'tags = ["{KEY}"]',
    "a link as a model": 'model = "{url}"',
    "an unknown name": 'command = "touch x"',
}
OUTSIDE = [
    "/srv",
    "..",
    "../elsewhere",
    "a/../../b",
    "C:\\\\videos",
    "\\\\\\\\host\\\\share",
    "link",
    "link/deeper",
    "",
]


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a folder of a project below the home folder, as the working directory."""
    folder = home / "boats"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, text: str = SETTINGS) -> Path:
    path = folder / "promptreel.toml"
    path.write_text(text, "utf-8")
    return path


def sent(ask: Callable[..., object]) -> tuple[dict[str, str], dict[str, object]]:
    """Return the query and the body of the first request."""
    head, _, body = ask.sent[0].partition(b"\r\n\r\n")  # type: ignore[attr-defined]  # see the fixture
    query = parse_qs(urlsplit(head.split()[1].decode()).query)
    return {name: value for name, [value] in query.items()}, json.loads(body or b"{}")


def test_the_file_is_found_from_a_folder_below_it_and_the_nearest_one_applies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder)
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    found = find()
    assert found
    assert (found.file, found.stage, found.output) == (path, "prod", folder / "videos")
    nearer = write(folder / "a", 'model = "veo2"')
    found = find()
    assert found
    assert (found.file, found.model, found.tags) == (nearer, "veo2", ())


def test_a_file_in_the_home_folder_or_above_it_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "user" / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home / "user"))
    write(home)
    write(home / "user")
    monkeypatch.chdir(home / "user" / "work")
    assert find() is None
    monkeypatch.chdir(home / "user")
    assert find() is None


def test_the_search_stays_on_its_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    (folder / "mounted").mkdir()
    monkeypatch.chdir(folder / "mounted")
    assert find()
    right = Path.stat

    def stat(path: Path, **options: bool) -> object:
        is_there = path == folder / "mounted"
        return SimpleNamespace(st_dev=-1) if is_there else right(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert find() is None


def test_a_deleted_working_directory_has_no_project(folder: Path) -> None:
    folder.rmdir()
    assert find() is None


def test_options_and_the_environment_precede_the_project_and_it_precedes_the_users_own_file(
    folder: Path, home: Path
) -> None:
    own = home / ".config" / "promptreel" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text('url = "https://own"\napi_key = "k"\nstage = "own"\n')
    own.chmod(0o600)
    environ = {"HOME": str(home)}
    write(folder)
    project = find(environ)
    found = load(environ=environ, project=project)
    assert (found.stage, found.is_stage_of_project, found.url, found.api_key) == ("prod", True, "https://own", "k")
    found = load(environ={**environ, "PROMPTREEL_STAGE": "test"}, project=project)
    assert (found.stage, found.is_stage_of_project) == ("test", False)
    found = load(environ=environ, project=project, stage="dev")
    assert (found.stage, found.is_stage_of_project) == ("dev", False)
    assert load(environ=environ).stage == "own"


def test_create_uses_the_model_and_the_tags_and_says_which_file_they_are_from(folder: Path, ask: Run) -> None:
    path = write(folder)
    code, out, err = ask("create", "A boat", answers=[shown()])
    query, body = sent(ask)
    assert (code, out, query["tag"], body["model"]) == (0, f"{ID}\n", "project=boats,week=48", "runway/gen4_aleph")
    using = f"Using the model runway/gen4_aleph, the tag project=boats, the tag week=48 of {path}.\n"
    assert err.startswith(using)


def test_options_replace_the_model_and_tags_of_the_same_key(folder: Path, ask: Run) -> None:
    write(folder)
    _, _, err = ask("create", "A boat", "--model", "veo2", "--tag", "week=49,extra", answers=[shown()])
    query, body = sent(ask)
    assert (query["tag"], body["model"]) == ("week=49,extra,project=boats", "veo2")
    assert "Using the tag project=boats of" in err


def test_without_a_project_create_sends_what_it_sent_before(folder: Path, ask: Run) -> None:
    _, _, err = ask("create", "A boat", answers=[shown()])
    query, body = sent(ask)
    assert ("tag" in query, body["model"], "Using" in err, folder.exists()) == (False, "veo2", False, True)


def test_list_filters_by_the_project_only_on_request(folder: Path, ask: Run) -> None:
    nothing = http(200, {"data": [], "next_cursor": None})
    code, _, err = ask("list", "--project", answers=[nothing])
    assert (code, "no promptreel.toml" in err) == (2, True)
    write(folder)
    ask("list", answers=[nothing])
    assert "tag" not in sent(ask)[0]
    ask("list", "--project", "--tag", "shot", answers=[nothing])
    assert sent(ask)[0]["tag"] == "shot,project=boats,week=48"


def test_sync_selects_the_videos_of_the_project(folder: Path, ask: Run) -> None:
    nothing = http(200, {"data": [], "next_cursor": None})
    code, _, err = ask("sync", "sea", "--project", answers=[nothing])
    assert (code, "no promptreel.toml" in err) == (2, True)
    write(folder)
    code, _, err = ask("sync", "sea", "--project", answers=[nothing])
    assert (code, sent(ask)[0]["tag"]) == (0, "project=boats,week=48"), err
    code, _, err = ask("sync", "sea", "--project", "--batch", "week.csv", answers=[nothing])
    assert (code, "with --batch" in " ".join(err.split())) == (2, True)


def test_downloads_without_a_name_are_saved_in_the_output_folder(
    folder: Path, ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder)
    (folder / "deeper").mkdir()
    monkeypatch.chdir(folder / "deeper")
    with serving(http(200, b"video")) as videos:
        code, out, err = ask("download", ID, answers=[completed(f"{videos.url}/v", 5)])
        assert (code, out) == (0, f"{folder / 'videos' / f'a-boat-{ID[:8]}.mp4'}\n"), err
        code, out, _ = ask("download", ID, "-o", "here.mp4", answers=[completed(f"{videos.url}/v", 5)])
    assert (code, out, (folder / "deeper" / "here.mp4").read_bytes()) == (0, "here.mp4\n", b"video")


def test_rows_of_a_file_keep_their_own_model_and_tags(folder: Path, ask: Run) -> None:
    path = write(folder)
    (folder / "week.csv").write_text("prompt\nA boat\n")
    check = {"id": "b4" * 16, "name": "week.csv", "rows": 1, "problem_rows": 0, "problems": []}
    check |= {"made_before": 0, "failed_before": 0}
    code, _, err = ask("batch", "week.csv", "--dry-run", answers=[http(200, check)])
    assert (code, f"Rows have the model and the tags of their file, not those of {path}." in err) == (0, True)
    assert ask.sent[0].endswith(b"prompt\nA boat\n")  # type: ignore[attr-defined]  # see the fixture


def test_an_operator_sees_that_the_stage_is_the_projects(folder: Path, run: Run) -> None:
    path = write(folder)
    _, _, err = run("keys", "list")
    assert f"Using the stage prod of {path}.\n" in err
    _, _, err = run("--stage", "dev", "keys", "list")
    assert "Using the stage" not in err


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("command", [["list"], ["create", "x"], ["status"]], ids=lambda command: command[0])
def test_no_request_is_sent_anywhere_because_of_a_url_or_key_in_the_file(
    folder: Path, ask: Run, text: str, command: list[str]
) -> None:
    with serving(shown()) as elsewhere:
        path = write(folder, text.replace("{url}", elsewhere.url))
        (folder / ".local").mkdir()
        stack = {"api_url": elsewhere.url, "api_key": KEY, "aws_endpoint_url": elsewhere.url, "region": "r"}
        (folder / ".local" / "stack.json").write_text(json.dumps(stack))
        code, _, err = ask(*command, answers=[shown()])
    assert (code, elsewhere.requests, ask.sent) == (3, [], [])  # type: ignore[attr-defined]  # see the fixture
    assert err.startswith(str(path))
    assert elsewhere.url not in err
    assert KEY not in err


def test_an_error_says_where_a_key_belongs(folder: Path) -> None:
    write(folder, 'api_key = "s3cr3t"')
    with pytest.raises(ConfigurationError, match=r"PROMPTREEL_API_KEY, or in ~/.config") as error:
        find()
    assert "s3cr3t" not in str(error.value)


@pytest.mark.parametrize("text", OUTSIDE)
def test_the_output_folder_is_inside_the_files_folder(folder: Path, home: Path, text: str) -> None:
    (folder / "link").symlink_to(home)
    write(folder, f'output = "{text}"')
    with pytest.raises(ConfigurationError, match="`output` must be"):
        find()


@pytest.mark.parametrize("text", [".", "videos", "a/b", "link within"])
def test_an_output_folder_inside_is_accepted(folder: Path, text: str) -> None:
    (folder / "link within").symlink_to(folder / "a")
    write(folder, f'output = "{text}"')
    found = find()
    assert found
    assert found.output
    assert found.output.is_relative_to(folder)


@pytest.mark.parametrize(
    "text",
    [
        "tags = 3",
        'tags = ["a,b"]',
        'tags = [""]',
        'tags = ["=x"]',
        'tags = [["a"]]',
        'tags = ["a\\u001b[31m"]',
        'model = ["veo2"]',
        'model = "a\\nb"',
        "model = ",
        "x" * 70_000,
        "tags = " + "[" * 5_000,
        '"\\u001b[31m" = 1',
        "\udcff",
    ],
    ids=list(map(str, range(13))),
)
def test_an_invalid_file_is_named_and_cannot_write_to_the_terminal(folder: Path, text: str) -> None:
    path = folder / "promptreel.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError, match=str(path)) as error:
        find()
    assert "\x1b" not in str(error.value)


def test_a_file_of_another_user_is_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    monkeypatch.setattr("promptreel.project.os.fstat", lambda _: SimpleNamespace(st_uid=os.geteuid() + 4711))
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        find()


def test_programs_and_the_help_ignore_the_file(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "broken")
    assert run("--help")[0] == 0
    assert run("list")[0] == 3
    monkeypatch.setenv("PROMPTREEL_URL", "https://api.example")
    monkeypatch.setenv("PROMPTREEL_API_KEY", KEY)
    Client().close()
