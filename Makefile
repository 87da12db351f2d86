# Everything that a person or CI does with this repository. `make help` lists it.
SHELL := /bin/bash
CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
TOOLS := target/tools
CERT_NAMES := pullpass-webhook pullpass-webhook.pullpass-system \
	pullpass-webhook.pullpass-system.svc pullpass-webhook.pullpass-system.svc.cluster.local

.DEFAULT_GOAL := help
.PHONY: help run demo test soak soak-rotation bench bench-copies bench-node fuzz fuzz-smoke instructions instructions-accept build release control-plane node node-left-out registry moto certs docs completions man fmt lint deny audit \
	dockerfile image image-reproducible

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

run: build ## Start the webhook on this machine and post it a new Pod (ARGS=--once: end after the answer)
	@$(CARGO) run --quiet --locked --example first_pod -- target/debug/pullpass $(ARGS)

# The image it builds itself, as the tests on a node do.
demo: node control-plane registry ## Show Pullpass on a real node, started for it (ARGS=--stay: until Enter; needs root)
	@set -o pipefail; demo=$$($(CARGO) test --quiet --locked --no-run --test demo --message-format=json-render-diagnostics | \
		sed -n 's|.*"executable":"\([^"]*/deps/demo-[^"]*\)".*|\1|p') && exec "$$demo" $(ARGS)

# The tests on a real node need root on Linux. Where that cannot be had, PULLPASS_SKIP_NODE=1 leaves them out.
NODE := $(if $(filter 1,$(PULLPASS_SKIP_NODE)),node-left-out,node image)

test: $(NODE) control-plane registry moto ## Run every test, those on a real control plane and a real node among them
	$(CARGO) test --locked

# The Pullpass that is soaked is that of the image; PULLPASS_BINARY=FILE takes another.
soak: control-plane ## Load, change and mistreat the webhook for 10 minutes, then overload it (about 12 minutes; QUICK=1: 2)
	@set -o pipefail; soak=$$($(CARGO) test --quiet --locked --no-run --test soak --message-format=json-render-diagnostics | \
		sed -n 's|.*"executable":"\([^"]*/deps/soak-[^"]*\)".*|\1|p') && exec "$$soak"

soak-rotation: control-plane ## Rotate authority and certificate 1,000 times while Pods are created (about 45 minutes)
	PULLPASS_ROTATIONS=1000 $(CARGO) test --locked --test cluster -- --nocapture rotation_under_load

# The Pullpass that it measures is that of the image: the bench itself need not be optimized.
bench: image control-plane ## Measure the webhook beside others for bench/RESULTS.md (about 30 minutes; QUICK=1: 5; RESULTS=FILE)
	@echo "members: $$(bench/members/build)"
	$(CARGO) bench --locked --profile dev --bench webhook

bench-copies: control-plane ## Measure the copies of pull secrets for bench/RESULTS.md (about 15 minutes; QUICK=1: 3; RESULTS=FILE)
	$(CARGO) bench --locked --bench copies

# The Pullpass that it measures is that of the image: the bench itself need not be optimized.
bench-node: node image control-plane registry ## Measure Pullpass on a real node for bench/RESULTS.md (about 12 minutes; QUICK=1: 3; RESULTS=FILE)
	$(CARGO) bench --locked --profile dev --bench node

# libFuzzer comes with its crate, and no nightly toolchain is needed. TARGET is a file of fuzz/targets.
fuzz-smoke: ## Fuzz each target for a minute, from seeds that the tests' tables give
	@fuzz/run 1

fuzz: ## Fuzz for long (TARGET=name: one target; MINUTES=n: not an hour each)
	@fuzz/run $(or $(MINUTES),60) $(TARGET)

# Valgrind counts, in the code of the image: root installs Debian's if it is missing.
instructions: image ## Count the instructions of the work on a review; fails if a count of bench/instructions.toml has grown by over 3 %
	@bench/instructions/run

instructions-accept: image ## Count them, and write bench/instructions.toml
	@bench/instructions/run --accept

build: ## Build for development
	@$(CARGO) build --quiet --locked

release: ## Build optimized (what is shipped: make image)
	$(CARGO) build --locked --release

control-plane: ## Build etcd, kube-apiserver and the rest for the tests, once (or use KUBEBUILDER_ASSETS)
	@echo "control plane: $$(tests/cluster/build)"

node: ## Build the kubelet and the rest of the test node, once (root: installs Debian's nftables and iproute2 if missing)
	@tests/node/able --install "$${CARGO_TARGET_DIR:-target}/tmp"
	@echo "test node: $$(tests/node/build)"

node-left-out:
	@printf '\n%s\n\n' "LEFT OUT, because of PULLPASS_SKIP_NODE=1: all tests on a real node." >&2

registry: ## Find the programs of the test registry, or install Debian's: docker-registry, skopeo, apache2-utils
	@tests/cluster/registry-programs --install

moto: ## Install moto, the AWS of the tests, into the cache, once (root: installs Debian's python3-venv if missing)
	@echo "moto: $$(tests/tokens/build --install)"

certs: build ## Make a CA and serving certificate under certs/, for the overlay given-certificate (FORCE=1: replace what is there)
	target/debug/pullpass certs --out certs $(if $(FORCE),--force) $(foreach name,$(CERT_NAMES),--dns $(name))

docs: build ## Write what is generated: docs/configuration.md and docs/config.schema.json
	target/debug/pullpass schema > docs/config.schema.json
	target/debug/pullpass schema --markdown > docs/configuration.md

completions: build ## Write shell completions to completions/
	@mkdir -p completions
	target/debug/pullpass completions bash > completions/pullpass.bash
	target/debug/pullpass completions zsh > completions/_pullpass
	target/debug/pullpass completions fish > completions/pullpass.fish

man: build ## Write man pages to man/
	target/debug/pullpass man --out man

fmt: ## Format the code
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --manifest-path bench/instructions/Cargo.toml

lint: ## Formatting, clippy, and go vet, also of the fuzz targets and benches
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path bench/members/floor/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --test demo --test soak -- -D warnings
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets --manifest-path fuzz/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}" -- -D warnings
	$(CARGO) fmt --check --manifest-path bench/instructions/Cargo.toml
	$(CARGO) clippy --locked --manifest-path bench/instructions/Cargo.toml --target-dir "$${CARGO_TARGET_DIR:-target}" -- -D warnings
	cd tests/cluster && go vet ./...
	cd tests/node && go vet ./...
	cd image && go vet ./...
	cd bench/members/go && go vet ./...

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --debug --locked --version $(CARGO_DENY_VERSION) --root $(TOOLS)

deny: $(TOOLS)/bin/cargo-deny ## Licences, banned and duplicate crates, sources
	$(TOOLS)/bin/cargo-deny check bans licenses sources

audit: $(TOOLS)/bin/cargo-deny ## Known vulnerabilities (fetches the advisory database from GitHub)
	$(TOOLS)/bin/cargo-deny check advisories

dockerfile: ## Lint the Dockerfile by BuildKit's own rules, and test what assembles the image
	cd image && go test ./...
	image/lint

# Values of the command line, not those that the environment happens to have.
IMAGE_ARGS = $(foreach name,VERSION REVISION,$(if $(filter command,$(origin $(name))),'$(name)=$($(name))'))

image: ## Assemble the image of the Dockerfile without a container engine, into target/image/latest (REVISION=COMMIT)
	@image/build $(IMAGE_ARGS)

image-reproducible: ## Build the image from nothing in two folders: both must have the same digest
	@image/reproducible
