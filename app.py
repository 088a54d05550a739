"""The CDK app: `cdk deploy -c stage=prod`. infra/config.py says what a stage is, infra/stack.py what is deployed."""

import sys

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.bundle import BundlingFailed
from infra.config import UnknownStage, stage_named
from infra.stack import PromptreelStack


def main() -> None:
    app = cdk.App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    stage = stage_named(
        app.node.get_context("stage"),
        provider_url=app.node.try_get_context("provider_url"),
        emulator=app.node.try_get_context("emulator"),
    )
    PromptreelStack(app, stage)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except (UnknownStage, BundlingFailed) as problem:
        sys.exit(str(problem))
