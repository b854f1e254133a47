# Kontor. `make` alone lists what can be asked for.
SHELL := bash
.DEFAULT_GOAL := help

MODULES  := proto libs $(sort $(patsubst %/go.mod,%,$(wildcard services/*/go.mod)))
SERVICES := catalog contacts deals files gateway identity reporting
BIN      := $(CURDIR)/.bin
# One way of compiling for everything but tests, which take the race detector: what lint, build and tests have compiled is
# used by the others.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
WEB      := services/web

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-8s %s\n", $$1, $$2}'

.PHONY: run
run: bin/kontor ## Build and start the whole suite on embedded defaults.
	@bin/kontor suite

.PHONY: test
test: ## Run every test: Go with the race detector, web units, browser journeys.
	@tools/testenv/setup.sh
	@$(MAKE) --no-print-directory bin/kontor
	@tools/testenv/with.sh tools/test.sh

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/deadcode $(BIN)/buf $(WEB)/node_modules/.package-lock.json ## Check formatting, Go, protos and the web client.
	@tools/lint.sh

.PHONY: proto
proto: $(BIN)/buf $(BIN)/protoc-gen-go ## Generate Go and OpenAPI from the protos, and the client's types from OpenAPI.
	@$(BIN)/buf format --write --path proto/kontor
	@$(BIN)/buf generate
	@tools/proto-post.sh

.PHONY: docs
docs: ## Write the lists in docs that are made from the sources.
	@GOWORK=off go -C tools/errors run . -root ../..

.PHONY: bench
bench: bin/kontor ## Measure speed and memory; docs/benchmarks.md keeps the figures.
	@tools/testenv/setup.sh
	@tools/bench.sh

.PHONY: e2e
e2e: bin/kontor ## Drive the suite with a real browser.
	@tools/testenv/setup.sh
	@tools/e2e.sh

.PHONY: images
images: ## Build one container image per service and one of the suite, with the docker or podman command found.
	@tools/images.sh $(SERVICES) suite

.PHONY: clean
clean: ## Remove what was built. Data in .kontor stays.
	rm -rf bin dist $(WEB)/dist

# Built things.

GO_SOURCES := $(shell find proto/gen libs services -name '*.go' -o -name '*.sql' -not -path '*/node_modules/*' 2>/dev/null)

bin/kontor: $(GO_SOURCES) go.work $(WEB)/dist/index.html
	@mkdir -p bin
	go build -ldflags '$(LDFLAGS)' -o $@ ./services/suite/cmd/kontor

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	npm --prefix $(WEB) ci --no-audit --no-fund --prefer-offline --silent
	@touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json -type f 2>/dev/null)
	npm --prefix $(WEB) run build --silent
	@find services/gateway/internal/site/client -mindepth 1 -not -name .gitignore -not -name unbuilt.html -delete
	@cp -R $(WEB)/dist/. services/gateway/internal/site/client/
	@tools/reference/fetch.sh "$(CURDIR)/services/gateway/internal/site/client/reference"
	@touch $@

# Generators and linters, each pinned by a module of its own outside the workspace.

$(BIN)/buf: tools/buf/go.mod
	GOWORK=off GOBIN=$(BIN) go -C tools/buf install tool

$(BIN)/protoc-gen-go: tools/protoc/go.mod
	GOWORK=off GOBIN=$(BIN) go -C tools/protoc install tool

$(BIN)/golangci-lint $(BIN)/deadcode &: tools/lint/go.mod
	GOWORK=off GOBIN=$(BIN) go -C tools/lint install tool
