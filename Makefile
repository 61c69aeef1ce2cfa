# What people and CI do with Ringchat. `make` alone lists it; the work is done in deploy/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# From the command line only: some systems have a NAME of their own in the environment.
ifneq ($(origin NAME),command line)
NAME :=
endif
export NAME PLAIN

BIN := .venv/bin
ARGS ?=
PROTOS := ringchat_proto/chat.proto ringchat_proto/replica.proto
PROTOC = $(CURDIR)/$(BIN)/python -m grpc_tools.protoc -I proto --python_out=$(1) --pyi_out=$(1) \
	--grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(PROTOS)

.PHONY: help setup up down clean status logs chat web demo \
	test test-unit simulate mutants explore fuzz chaos bench lint format types proto proto-check ci venv-dev

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n%s\n' 'RUNTIME=docker or RUNTIME=local forces one; else Docker, if there is an engine.'

##@ A cluster

up: ## start the three replicas and show them; again is harmless
	@deploy/cluster.sh up

chat: ## chat from this terminal: make chat NAME=ann; in lines: PLAIN=1
	@deploy/cluster.sh chat "$$NAME"

web: ## serve the chat to browsers, prints where; two gateways: make web GATEWAYS=2
	@GATEWAYS="$(or $(GATEWAYS),1)" deploy/cluster.sh web

status: ## the replicas: role, view, in sync, entries
	@deploy/cluster.sh status

logs: ## follow what the replicas say
	@deploy/cluster.sh logs

demo: venv-dev ## two bots chat while their master is killed every few seconds, in a ring of its own
	@$(BIN)/python -m demo $(ARGS)

down: ## stop the replicas; the data stays
	@deploy/cluster.sh down

clean: ## delete the cluster with its data, after asking (YES=1: without)
	@deploy/cluster.sh clean

##@ Work on the code

setup: ## make .venv with everything, or bring it up to date
	@deploy/venv.sh dev

venv-dev:
	@deploy/venv.sh dev

test: venv-dev ## all tests: make test ARGS="-k name"
	@$(BIN)/pytest $(ARGS)

test-unit: venv-dev ## the tests that start no process
	@$(BIN)/pytest tests/unit tests/architecture $(ARGS)

lint: venv-dev ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: venv-dev ## put the code in its usual form
	@$(BIN)/ruff check --fix --select I .
	@$(BIN)/ruff format .

types: venv-dev ## mypy --strict alone
	@$(BIN)/mypy

proto: venv-dev ## generate the code of the .proto files
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(call PROTOC,proto)

proto-check: venv-dev ## is the generated code that of the .proto files?
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(call PROTOC,"$$fresh"); \
		for file in "$$fresh"/ringchat_proto/*; do \
			cmp -s "$$file" "proto/ringchat_proto/$${file##*/}" \
				|| { echo "$${file##*/} is not that of the .proto files: make proto" >&2; exit 1; }; \
		done

ci: lint proto-check test ## what CI asks for

##@ Proof

simulate: venv-dev ## simulated runs: make simulate SEEDS=10000; one again: REPLAY=42
	@$(BIN)/python -m tests.simulator $(if $(REPLAY),--replay $(REPLAY),--runs $(or $(SEEDS),1000))

mutants: venv-dev ## break each rule, and see the simulator catch it: make mutants ARGS=NAME
	@$(BIN)/python -m tests.mutants $(ARGS)

explore: venv-dev ## every order of events, up to a depth: make explore DEPTH=9; to the end: SURPRISES=2
	@$(BIN)/python -m tests.exhaustive \
		$(if $(SURPRISES),--surprises $(SURPRISES),--depth $(or $(DEPTH),8)) \
		$(if $(PREFER),--prefer $(PREFER)) $(ARGS)

fuzz: venv-dev ## bytes that nobody would send: make fuzz INPUTS=1000000 TARGET=journal
	@$(BIN)/python -m tests.fuzz $(or $(TARGET),all) --inputs $(or $(INPUTS),1000000)

chaos: venv-dev ## a real cluster under random faults: make chaos MINUTES=10 SEED=7 PREFER=consistency
	@$(BIN)/python -m chaos --minutes $(or $(MINUTES),10) --seed $(or $(SEED),7) \
		--prefer $(or $(PREFER),availability)

##@ Measure

bench: venv-dev ## us beside other engines: make bench ONLY=failover,single ROUNDS=3; to try it: QUICK=1
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install -qq -c constraints.txt \
		-r requirements-bench.txt 2>/dev/null \
		|| echo 'pip could not install requirements-bench.txt: some peers and the picture are left out'
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(QUICK),--quick) $(if $(SAVE),--save)
