"""Test what `make destroy` and `make sandbox-down` delete. A script takes the place of CDK."""

import io
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra import destroy


@pytest.fixture
def cdk(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001 - sets up
    """Create a versioned bucket and a secret of a stack. Return the file with the arguments of the script."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    secret = boto3.client("secretsmanager").create_secret(Name="key", SecretString="value")["ARN"]
    found = {"AWS::S3::Bucket": ["kept"], "AWS::SecretsManager::Secret": [secret], "AWS::Lambda::Function": ["x"]}
    monkeypatch.setattr(destroy, "_resources", lambda _: found)
    for content in (b"1", b"2"):
        s3.put_object(Bucket="kept", Key="a", Body=content)
    s3.delete_object(Bucket="kept", Key="a")
    script = tmp_path / "cdk"
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path / "called"


def answered(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("builtins.input", lambda _: text)


def versions() -> list[Any]:
    found = boto3.client("s3").list_object_versions(Bucket="kept")
    return [*found.get("Versions", []), *found.get("DeleteMarkers", [])]


def test_buckets_are_emptied_and_secrets_forgotten(cdk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, "promptreel-sandbox")
    assert destroy.main("sandbox") == 0
    assert cdk.read_text().split() == [
        *("destroy", "promptreel-sandbox", "--context", "stage=sandbox", "--force", "--no-notices"),
    ]
    assert versions() == []
    with pytest.raises(ClientError, match="ResourceNotFound"):
        boto3.client("secretsmanager").describe_secret(SecretId="key")


def test_a_secret_that_is_gone_with_the_stack_is_no_error(
    cdk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId="key", ForceDeleteWithoutRecovery=True)
    monkeypatch.setenv("FORCE", "1")
    assert destroy.main("sandbox") == 0
    assert cdk.exists()
    assert capfd.readouterr().err == ""


def test_a_stack_that_could_not_be_deleted_keeps_its_secrets(cdk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cdk.parent / "cdk").write_text("#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("FORCE", "1")
    assert destroy.main("sandbox") == 3
    assert boto3.client("secretsmanager").describe_secret(SecretId="key")["Name"] == "key"


@pytest.mark.parametrize("force", ["", "0", "yes"])
def test_nothing_is_deleted_without_the_name(cdk: Path, monkeypatch: pytest.MonkeyPatch, force: str) -> None:
    monkeypatch.setenv("FORCE", force)
    answered(monkeypatch, "promptreel")
    assert destroy.main("sandbox") == 1
    assert len(versions()) == 3
    assert not cdk.exists()


def test_without_a_terminal_nothing_is_deleted_and_one_sentence_says_how(
    cdk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert destroy.main("sandbox") == 1
    assert capsys.readouterr().err == (
        "\nNothing was deleted, because confirmation needs a terminal. Set FORCE=1 to delete anyway.\n"
    )
    assert len(versions()) == 3
    assert not cdk.exists()


def test_a_stack_that_does_not_exist_is_named(
    cdk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(_: str) -> None:
        raise ClientError(
            {"Error": {"Message": "Stack with id promptreel-sandbox does not exist"}}, "ListStackResources"
        )

    monkeypatch.setenv("FORCE", "1")
    monkeypatch.setattr(destroy, "_resources", missing)
    assert destroy.main("sandbox") == 1
    assert "promptreel-sandbox cannot be deleted" in capfd.readouterr().err
    assert not cdk.exists()


def test_a_stage_that_keeps_its_data_is_never_deleted(cdk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE", "1")
    assert destroy.main("prod") == 1
    assert destroy.main("production") == 1
    assert not cdk.exists()
