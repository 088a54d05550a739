# Promptreel: `make demo` first, `make help` for the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Lambda runs Python 3.13; any python3 from 3.11 up also works here.
PYTHON ?= $(shell for p in python3.13 python3; do "$$p" -c '' 2>/dev/null && { echo "$$p"; break; }; done)
STAGE ?= dev

# As it was typed: make would take `$$5` for a variable of its own.
ifdef PROMPT
ifneq ($(and $(filter command,$(origin PROMPT)),$(word 2,$(MAKECMDGOALS))),)
$(error Put the prompt in quotes: make demo PROMPT="A paper boat")
endif
override export PROMPT := $(value PROMPT)
endif

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
# Without bytecode every Python that is started here compiles all that it loads, which takes most of its time.
unexport PYTHONDONTWRITEBYTECODE
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help demo up down reset bootstrap deploy destroy sandbox sandbox-test sandbox-down test offline coverage unit e2e nightly fuzz torture mutants compatibility pr check check-code check-docs check-site check-definitions \
	check-console check-local check-dev check-prod check-sandbox docs site contract models pictures bench fmt lock

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

# --- the product ---------------------------------------------------------------------------------------------

demo: .venv/.ready .venv/ministack/.ready ## one prompt, one video, on a local cloud: make demo PROMPT="..."; VERBOSE=1 shows its JSON
	@python -m local demo

up: .venv/.ready .venv/ministack/.ready ## start and deploy the local cloud; .local/stack.json has its endpoints
	@python -m local up

down: ## stop the local cloud and keep its data; make up resumes running jobs
	@test ! -d .local || python -m local down

reset: ## stop the local cloud and delete its data; asks first, unless FORCE=1
	@test ! -d .local || python -m local reset

bootstrap: .venv/.ready ## prepare an AWS account and region for CDK, once: make bootstrap
	@cdk bootstrap --no-notices

deploy: .venv/.ready ## deploy to AWS, with your shell's credentials: make deploy STAGE=prod ALARM_EMAIL=you@example.com
	@python -m infra.deploy "$(STAGE)"

destroy: .venv/.ready ## delete a stack from AWS, after confirmation: make destroy STAGE=dev
	@python -m infra.destroy $(STAGE)

sandbox: .venv/.ready ## deploy to AWS with a simulated provider, which needs no provider's key (docs/sandbox.md)
	@python -m infra.deploy sandbox

sandbox-test: .venv/.ready .venv/ministack/.ready ## test the sandbox; LOCAL=1 deploys, tests and deletes it on a local AWS
	@python -m tests.sandbox $(if $(LOCAL),--local)

sandbox-down: .venv/.ready ## delete the sandbox; asks first, unless FORCE=1
	@python -m infra.destroy sandbox

# --- its quality ---------------------------------------------------------------------------------------------

test: offline e2e ## all tests but those that run nightly

offline: .venv/.ready node_modules/.ready ## the tests that need no local cloud
	@pytest --ignore tests/e2e --ignore tests/site --numprocesses 2 --dist loadgroup -m "not nightly"

coverage: .venv/.ready node_modules/.ready ## show the branches that tests without the local cloud do not cover
	@pytest --ignore tests/e2e --ignore tests/site --numprocesses 2 --dist loadgroup --cov

unit: .venv/.ready node_modules/.ready ## tests without the local cloud, a browser and the exhaustive ones: fast, for every change
	@pytest --ignore tests/e2e --ignore tests/site --ignore tests/console --numprocesses 2 --dist loadgroup -m "not exhaustive and not nightly"

e2e: .venv/.ready node_modules/.ready .venv/ministack/.ready .venv/compatibility/.ready ## tests of the deployed stack, on a local cloud of their own
	@pytest tests/e2e -m "not nightly" --numprocesses 4 --dist loadgroup --no-loadscope-reorder

nightly: .venv/.ready node_modules/.ready .venv/ministack/.ready ## the tests that make test leaves out because they take many minutes
	@pytest -m nightly --numprocesses 2 --dist loadgroup

fuzz: .venv/.ready node_modules/.ready ## search for inputs that break the property tests: make fuzz MINUTES=60
	@end=$$((60 * $(or $(MINUTES),10))); \
	while pytest --ignore tests/e2e -m hypothesis --hypothesis-profile fuzz --numprocesses 2 --timeout 3600; do \
		((SECONDS < end)) || exit 0; \
	done; exit 1

torture: .venv/.ready .venv/ministack/.ready ## inject faults into the deployed stack and write docs/reliability.md
	@python -m tests.torture

compatibility: .venv/.ready node_modules/.ready .venv/ministack/.ready .venv/compatibility/.ready ## try other people's clients and write docs/compatibility.md; SOURCE as in make models
	@python -m tests.compatibility $(if $(SOURCE),--source "$(SOURCE)")

mutants: .venv/.ready node_modules/.ready ## break the code on purpose and check that a test fails: make mutants ONLY="part of a name"
	@python -m tests.mutants $(if $(ONLY),"$(ONLY)")

pr: ## everything that a pull request must pass, as CI runs it, in less than 30 minutes
	@.ci/run

check: .venv/.ready node_modules/.ready .venv/docs/.ready ## lint, types, documentation, definitions and templates
	@$(MAKE) --jobs 4 --output-sync check-code check-console check-docs check-site check-definitions check-local check-dev check-prod check-sandbox

check-code:
	@ruff check --quiet && ruff format --quiet --check && mypy .

check-console:
	@eslint --max-warnings 0 console eslint.config.js && tsc --project jsconfig.json

check-docs:
	@for document in docs/generate_*.py; do python $$document --check; done

check-site:
	@pytest tests/site --quiet

check-definitions:
	@for definition in statemachine/*.asl.json; do asl-validator --json-path $$definition; done
	@cfn-lint -- examples/*.yaml

check-local check-dev check-prod check-sandbox: check-%:
	@CDK_OUTDIR=.local/check/$* CDK_CONTEXT_JSON='{"stage": "$*", "aws:cdk:bundling-stacks": []}' python app.py
	@cfn-lint --ignore-checks W3005 -- .local/check/$*/*.template.json

docs: .venv/.ready ## write the generated documents again
	@for document in docs/generate_*.py; do python $$document; done

site: .venv/.ready .venv/docs/.ready ## build the site of the documentation; SERVE=1 also shows it, with its search
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict
	@echo "The documentation is in $(CURDIR)/out/site/index.html"
	@$(if $(SERVE),python -m http.server --bind 127.0.0.1 --directory out/site 8000)

contract: .venv/.ready ## store the contract of a release, which later versions must keep: tests/released_contract.json
	@PYTHONPATH=functions python -m tests.support.contract

models: .venv/.ready ## write the models again: make models SOURCE=<a checkout of the provider's api-docs>
	@python -m catalogue "$(SOURCE)"
	@python docs/generate_models.py

pictures: .venv/.ready node_modules/.ready .venv/ministack/.ready ## take the console's pictures for a release, on the local cloud that make up started
	@python -m tests.pictures

bench: .venv/.ready .venv/ministack/.ready .venv/bench/.ready ## compare with the peers: docs/performance.md; QUICK=1 takes five minutes and writes nothing; PARTS="archive waiting" measures these
	@python -m bench $(if $(QUICK),--quick) $(PARTS)

fmt: .venv/.ready ## format the code
	@ruff check --quiet --fix && ruff format --quiet

# --- what a checkout needs, made once and again when a lock file changes -------------------------------------

.venv/.ready: requirements/uv.txt requirements/dev.txt package-lock.json pyproject.toml
	@test -n "$(PYTHON)" || { echo "Promptreel needs Python 3.11 or newer: install python3 and try again." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Promptreel needs Python 3.11 or newer, and $(PYTHON) is older: set PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Setting up .venv with $$("$(PYTHON)" --version), once: about half a minute"
	@echo "  the package installer: about 5 s ..."
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv \
		|| { echo "Python could not make a virtual environment: install its venv package (Debian: python3-venv)." >&2; exit 1; }
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@echo "  the Python packages: about 20 s ..."
	@VIRTUAL_ENV=.venv uv pip sync --quiet --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=.venv uv pip install --no-deps --no-build-isolation --quiet -e .
	@echo "  the Node packages of a deployment: about 5 s ..."
	@npm ci --omit=dev --silent --no-audit --no-fund
	@touch $@

node_modules/.ready: package-lock.json .venv/.ready
	@echo "Setting up the Node packages of the tests and checks: about 20 s ..."
	@npm ci --silent --no-audit --no-fund
	@touch $@

.venv/ministack/.ready: requirements/ministack.txt | .venv/.ready
	@echo "Setting up the local AWS (ministack), once: about 10 s ..."
	@uv venv --quiet --clear --python .venv/bin/python .venv/ministack
	@VIRTUAL_ENV=.venv/ministack uv pip sync --quiet --require-hashes requirements/ministack.txt
	@touch $@

.venv/docs/.ready: requirements/docs.txt | .venv/.ready
	@echo "Setting up the builder of the documentation, once: about 10 s ..."
	@uv venv --quiet --clear --python .venv/bin/python .venv/docs
	@VIRTUAL_ENV=.venv/docs uv pip sync --quiet --require-hashes requirements/docs.txt
	@touch $@

.venv/bench/.ready: requirements/bench.txt | .venv/.ready
	@echo "Setting up the peers of the benchmark ..."
	@uv venv --quiet --clear --python .venv/bin/python .venv/bench
	@VIRTUAL_ENV=.venv/bench uv pip sync --quiet --require-hashes requirements/bench.txt
	@touch $@

.venv/compatibility/.ready: requirements/compatibility.txt tests/compatibility/package-lock.json | .venv/.ready
	@echo "Setting up other people's clients ..."
	@uv venv --quiet --clear --python .venv/bin/python .venv/compatibility
	@VIRTUAL_ENV=.venv/compatibility uv pip sync --quiet --require-hashes requirements/compatibility.txt
	@npm ci --prefix tests/compatibility --ignore-scripts --silent --no-audit --no-fund
	@touch $@

lock: .venv/.ready ## write the lock files anew from requirements/*.in and package.json
	@export UV_CUSTOM_COMPILE_COMMAND="make lock"; for f in uv layer poster ministack docs bench compatibility dev; do \
		constraints=""; [ $$f = dev ] && constraints="-c requirements/layer.txt -c requirements/uv.txt"; \
		uv pip compile --quiet --generate-hashes --universal --python-version 3.11 $$constraints \
			requirements/$$f.in -o requirements/$$f.txt; done
	@npm install --package-lock-only --silent --omit-lockfile-registry-resolved
	@npm install --prefix tests/compatibility --package-lock-only --silent --omit-lockfile-registry-resolved
