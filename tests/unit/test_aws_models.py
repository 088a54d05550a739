"""Test the check of requests against AWS's models, so that its silence in other tests means something."""

from typing import Any

import boto3
import botocore.session
import pytest

from tests.support import aws_models


def found(service: str, operation: str, **params: Any) -> list[str]:
    """Return what AWS would reject in a request."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape
    return list(aws_models.problems(shape, params, ""))


@pytest.mark.parametrize(
    ("service", "operation", "params", "problem"),
    [
        ("stepfunctions", "StartExecution", {"name": "n" * 81}, ".name has the size 81, and the most is 80"),
        ("dynamodb", "Query", {"Select": "EVERYTHING"}, "which is not one of"),
        ("dynamodb", "BatchGetItem", {"RequestItems": {}}, "has the size 0, and the least is 1"),
        ("secretsmanager", "CreateSecret", {"ClientRequestToken": "short", "Name": "n"}, "the least is 32"),
        ("lambda", "Invoke", {"FunctionName": "a b"}, "does not match"),
        ("dynamodb", "Query", {"Limit": 5, "Select": "COUNT", "TableName": "slots"}, None),
    ],
    ids=["length", "enum", "map", "least", "pattern", "right"],
)
def test_what_aws_would_reject_is_found(service: str, operation: str, params: Any, problem: str | None) -> None:
    problems = found(service, operation, **params)
    assert [problem in one for one in problems] == [True] if problem else problems == []


def test_a_request_of_a_test_is_checked(aws: None) -> None:  # noqa: ARG001 - sets up
    boto3.client("secretsmanager").create_secret(Name="n", Description="x" * 2049)
    assert aws_models.violations == ["CreateSecret: .Description has the size 2049, and the most is 2048"]
    aws_models.violations.clear()
