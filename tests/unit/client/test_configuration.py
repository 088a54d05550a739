"""Test the sources of settings and their precedence."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from promptreel import Client, ConfigurationError
from promptreel.configuration import load

FILE = 'url = "https://file"\napi_key = "file-key"\nstage = "prod"\n'


def write(home: Path, text: str = FILE, mode: int = 0o600) -> Path:
    path = home / ".config" / "promptreel" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def cloud(folder: Path, **changes: str) -> Path:
    path = folder / ".local" / "stack.json"
    path.parent.mkdir(parents=True)
    stack = {"api_url": "http://127.0.0.1:1", "api_key": "local-key", "aws_endpoint_url": "u", "region": "r"}
    path.write_text(json.dumps(stack | changes))
    return path


def test_flags_win_over_the_environment_and_the_environment_over_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home)
    found = load()
    assert (found.url, found.api_key, found.stage) == ("https://file", "file-key", "prod")
    monkeypatch.setenv("PROMPTREEL_URL", "https://environment")
    monkeypatch.setenv("PROMPTREEL_API_KEY", "environment-key")
    monkeypatch.setenv("PROMPTREEL_STAGE", "dev")
    found = load()
    assert (found.url, found.api_key, found.stage) == ("https://environment", "environment-key", "dev")
    found = load(url="https://flag", stage="test")
    assert (found.url, found.api_key, found.stage) == ("https://flag", "environment-key", "test")


def test_the_file_follows_xdg(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home).rename(home / "config.toml")
    (home / "xdg" / "promptreel").mkdir(parents=True)
    (home / "config.toml").rename(home / "xdg" / "promptreel" / "config.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert load().url == "https://file"


def test_a_key_that_others_can_read_causes_a_warning(home: Path) -> None:
    path = write(home)
    assert load().warning is None
    path.chmod(0o640)
    assert load().warning == f"Other users can read your API key in {path}: protect it with chmod 600."


def test_a_file_without_a_key_may_be_read_by_all(home: Path) -> None:
    write(home, 'url = "https://file"', 0o644)
    assert load().warning is None


@pytest.mark.parametrize("text", ["url = ", 'apikey = "x"', "stage = 1"])
def test_a_file_that_cannot_be_used_is_named(home: Path, text: str) -> None:
    path = write(home, text)
    with pytest.raises(ConfigurationError, match=str(path)):
        load()


@pytest.mark.parametrize("how", ["flag", "stage", "environment"])
def test_the_local_cloud_is_found_from_anywhere_in_its_checkout(
    home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    cloud(home)
    write(home)
    (home / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(home / "a" / "b")
    if how == "environment":
        monkeypatch.setenv("PROMPTREEL_LOCAL", "1")
    found = load(local=how == "flag", stage="local" if how == "stage" else None)
    assert (found.url, found.api_key, found.stage) == ("http://127.0.0.1:1", "local-key", "local")
    assert found.local_aws


def test_a_local_cloud_can_be_named_by_its_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud(home)
    other = cloud(home / "other", api_key="other-key")
    monkeypatch.setenv("PROMPTREEL_LOCAL", str(other))
    assert load().api_key == "other-key"


def test_a_flag_wins_over_the_local_cloud_of_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud(home)
    monkeypatch.setenv("PROMPTREEL_LOCAL", "1")
    assert load(url="https://flag").url == "https://flag"
    assert load(stage="prod").local_aws is None


def test_the_local_cloud_of_the_checkout_that_was_installed_is_found_from_everywhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud(home / "a checkout")
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    origin = {"url": (home / "a checkout").as_uri(), "dir_info": {}}
    recorded(monkeypatch, json.dumps(origin))
    assert load(local=True).api_key == "local-key"
    cloud(home / "elsewhere", api_key="nearer")
    assert load(local=True).api_key == "nearer"


@pytest.mark.parametrize("origin", [None, "{}", '{"url": "https://example.com/promptreel.whl"}'])
def test_a_package_from_elsewhere_names_no_checkout(monkeypatch: pytest.MonkeyPatch, origin: str | None) -> None:
    recorded(monkeypatch, origin)
    with pytest.raises(ConfigurationError, match="make up"):
        load(local=True)


def recorded(monkeypatch: pytest.MonkeyPatch, origin: str | None) -> None:
    """Make pip's record of where the package comes from contain this."""
    found = SimpleNamespace(read_text=lambda _: origin)
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: found)


def test_without_a_running_local_cloud_the_error_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch, None)
    with pytest.raises(ConfigurationError, match="make up"):
        load(local=True)


def test_a_client_without_url_or_key_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="PROMPTREEL_URL"):
        Client()
    monkeypatch.setenv("PROMPTREEL_URL", "https://environment")
    with pytest.raises(ConfigurationError, match="PROMPTREEL_API_KEY"):
        Client()


def test_a_configuration_does_not_show_its_key(home: Path) -> None:
    write(home)
    assert "file-key" not in repr(load())
