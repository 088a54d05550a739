"""Create the Lambda functions. Most of them share one code asset and one layer. Each has its own role and log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.code import FUNCTIONS, FunctionsCode
from infra.config import Stage
from infra.console import SOURCES as CONSOLE
from infra.console import ConsoleCode
from infra.layer import LOCK_FILE, POSTER_LOCK_FILE, Layer
from infra.nag import acknowledge
from infra.sandbox_code import SIMULATOR, SandboxCode
from infra.sandbox_code import SOURCES as SANDBOX


def allow(*actions: str, on: str | list[str]) -> iam.PolicyStatement:
    """Return a permission for `actions` on exactly the resource `on` (an ARN), or on each of several."""
    return iam.PolicyStatement(actions=list(actions), resources=[on] if isinstance(on, str) else on)


def log_group(
    scope: Construct, stage: Stage, name: str = "Logs", *, log_group_name: str | None = None
) -> logs.LogGroup:
    """Create a log group with the stage's retention, which is deleted with the stack."""
    return logs.LogGroup(
        scope,
        name,
        log_group_name=log_group_name,
        retention=_RETENTION[stage.log_days],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
}


@dataclass(frozen=True)
class Size:
    """The timeout, memory and storage of an invocation, and how many invocations only this function may use."""

    timeout_seconds: int
    memory_mb: int = 256
    storage_mb: int = 512
    reserved: int | None = None


class Functions(Construct):
    """Creates functions whose handler is `<name>.handler` in functions/."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Functions")
        self._stage = stage
        self._runtime = lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)
        acknowledge(
            self,
            "AwsSolutions-L1",
            "Tests, lock file and functions use one Python, changed on purpose. AWS supports 3.13 until mid-2029.",
        )
        acknowledge(self, "Serverless-LambdaLatestVersion", "As AwsSolutions-L1.")
        for finding in ("Serverless-LambdaDLQ", "Serverless-LambdaAsyncFailureDestination"):
            acknowledge(
                self,
                finding,
                "Of the asynchronous functions, sweep and reconcile are repeated by their schedules, and "
                "record_failure has a destination, and a video without a poster is complete. The others are invoked "
                "synchronously, or by a queue that has dead letters.",
            )
        self._architecture = (
            lambda_.Architecture.ARM_64 if stage.architecture == "arm64" else lambda_.Architecture.X86_64
        )
        self._code = self._bundle(FunctionsCode(stage.python), stand_in=FUNCTIONS)
        # The console has its own asset: its files would slow other functions. The simulator is not part of the product.
        self._own_code = {"console": self._bundle(ConsoleCode(stage.python), stand_in=CONSOLE)}
        if stage.simulates_provider:
            self._own_code[SIMULATOR] = self._bundle(SandboxCode(stage.python), stand_in=SANDBOX)
        self.made: dict[str, lambda_.Function] = {}  # by their names, in title case
        packages = self._packages("Packages", LOCK_FILE)
        self._layers: dict[str, list[lambda_.ILayerVersion]] = {"console": []}  # which needs no packages
        if not stage.poster_packages:
            self._layers["make_poster"] = [packages, self._packages("PosterPackages", POSTER_LOCK_FILE)]
        self._usual_layers: list[lambda_.ILayerVersion] = [packages]

    def add(
        self,
        name: str,
        *,
        size: Size,
        environment: Mapping[str, str],
        permissions: Sequence[iam.PolicyStatement],
    ) -> lambda_.Function:
        """Add the function `name`. It may do what `permissions` say, write its own log and send traces."""
        title = "".join(word.title() for word in name.split("_"))
        scope = Construct(self, title)
        log = log_group(scope, self._stage)
        role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        for statement in (
            *permissions,
            allow("logs:CreateLogStream", "logs:PutLogEvents", on=log.log_group_arn),
        ):
            role.add_to_policy(statement)
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "X-Ray's PutTraceSegments and PutTelemetryRecords do not support resources.",
        )
        function = lambda_.Function(
            scope,
            "Function",
            description=f"Promptreel {self._stage.name}: {name}",
            handler=f"{name}.handler",
            code=self._own_code.get(name, self._code),
            layers=self._layers.get(name, self._usual_layers),
            runtime=self._runtime,
            architecture=self._architecture,
            memory_size=size.memory_mb,
            ephemeral_storage_size=cdk.Size.mebibytes(size.storage_mb),
            timeout=cdk.Duration.seconds(size.timeout_seconds),
            reserved_concurrent_executions=size.reserved,
            environment={
                **environment,
                "POWERTOOLS_SERVICE_NAME": f"promptreel-{self._stage.name}",
                "POWERTOOLS_METRICS_NAMESPACE": "Promptreel",
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
            role=role,
            log_group=log,
            tracing=lambda_.Tracing.ACTIVE,
        )
        if name != SIMULATOR:  # whose errors are the tests'
            self.made[title] = function
        return function

    def _packages(self, name: str, lock_file: Path) -> lambda_.LayerVersion:
        layer = Layer(self._stage.python, self._stage.package_platform, lock_file)
        return lambda_.LayerVersion(
            self,
            name,
            code=self._bundle(layer, stand_in=lock_file.parent),
            compatible_runtimes=[self._runtime],
            compatible_architectures=[self._architecture],
            description=f"Third-party packages of requirements/{lock_file.name}",
        )

    def _bundle(self, bundle: FunctionsCode | ConsoleCode | SandboxCode | Layer, stand_in: Path) -> lambda_.Code:
        """Return the bundle for Lambda, or the stand-in when CDK needs no bundles (`cdk ls`, `cdk destroy`, tests)."""
        if not cdk.Stack.of(self).bundling_required:
            return lambda_.Code.from_asset(str(stand_in), exclude=["__pycache__"])
        return lambda_.Code.from_asset(str(bundle.build()), asset_hash=bundle.key)
