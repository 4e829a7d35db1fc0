# make demo builds everything and shows it; make test passes the tests.

GO          ?= go
BIN         := $(CURDIR)/bin
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS   := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
FUZZTIME    ?= 10s

# One set of flags for building, checking and testing: everything is compiled
# once, and the node has no C in it.
NODE := CGO_ENABLED=0 GOFLAGS=-trimpath
# GOFLAGS of its own, because words with blanks cannot be in the one above.
LDFLAGS := -s -w -X main.version=$(VERSION)

# Headers that the module of llama.cpp lacks: two from Debian, one from a
# module that is linked into a folder here.
HEADERS    = $(shell $(GO) env GOCACHE)/infernet-include
ENGINE     = CGO_ENABLED=1 GOFLAGS="-trimpath -tags=netgo,osusergo" CGO_CPPFLAGS="-I$(HEADERS)"
ENGINE_SRC := exec/engine/llm
ENGINE_BIN := $(BIN)/engine/infernet-llm

RUNTIME_SRC  := exec/containerd/runtime
RUNTIME_BINS := $(addprefix $(BIN)/runtime/,containerd containerd-shim-runc-v2 runc)

# Containers need root.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help build demo test race lint fuzz sim e2e bench cross clean deps node runtime engine headers test-node test-engine

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what the build needs from Debian
	@sh .ci/deps

build: deps ## build the node, the container runtime and the engine into bin/
	@$(MAKE) --no-print-directory node runtime engine

demo: build ## run the main job on a private network on this machine
	@$(SUDO) $(BIN)/infernet demo

test: build lint ## build, check and test everything
	@$(MAKE) --no-print-directory test-node test-engine

race: build headers ## run the tests with the race detector
	INFERNET_ENGINE=$(ENGINE_BIN) CGO_ENABLED=1 $(GO) test -race ./...
	cd $(ENGINE_SRC) && $(ENGINE) $(GO) test -race ./...

lint: headers ## gofmt, go vet and staticcheck
	@bad=$$($$($(GO) env GOROOT)/bin/gofmt -l .); test -z "$$bad" || { echo "not formatted by gofmt: $$bad" >&2; exit 1; }
	$(NODE) $(GO) vet ./...
	$(NODE) $(STATICCHECK) ./...
	cd $(ENGINE_SRC) && $(ENGINE) $(GO) vet ./... && $(ENGINE) $(STATICCHECK) ./...

fuzz: headers ## run each fuzz target for FUZZTIME (10s)
	@$(NODE) FUZZTIME=$(FUZZTIME) sh .ci/fuzz ./...
	@cd $(ENGINE_SRC) && $(ENGINE) FUZZTIME=$(FUZZTIME) sh $(CURDIR)/.ci/fuzz ./...

sim: ## run the simulated network
	$(NODE) $(GO) test -count=1 -v -run 'Sim' ./p2p/... ./dht/... ./node/...

e2e: build ## run the tests with real nodes and containers
	INFERNET_ENGINE=$(ENGINE_BIN) $(NODE) $(GO) test -count=1 -v -run 'E2E' ./node/...
	$(NODE) $(GO) test -count=1 -v ./exec/containerd

bench: build ## measure dispatch, transfer and inference beside their baselines
	$(SUDO) $(BIN)/infernet bench dispatch
	$(BIN)/infernet bench transfer
	$(SUDO) $(BIN)/infernet bench infer

cross: $(addprefix cross-,$(PLATFORMS)) ## build the node for every platform

clean: ## remove what was built
	rm -rf $(BIN)

# go build decides by itself what is stale.
node:
	@mkdir -p $(BIN)
	$(NODE) $(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/infernet ./cmd/infernet
	$(NODE) $(GO) build -ldflags '-s -w' -o $(BIN)/engine/infernet-echo ./exec/engine/echo

cross-%:
	@mkdir -p $(BIN)/cross
	$(NODE) GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) \
		$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/cross/infernet-$*$(if $(findstring windows,$*),.exe) ./cmd/infernet

runtime: $(RUNTIME_BINS)

# Built from modules pinned apart from the node's, and seldom.
$(BIN)/runtime/containerd $(BIN)/runtime/containerd-shim-runc-v2: $(RUNTIME_SRC)/go.mod $(RUNTIME_SRC)/go.sum
	@mkdir -p $(@D)
	cd $(RUNTIME_SRC) && CGO_ENABLED=0 $(GO) build -trimpath -tags no_btrfs,no_zfs,no_devmapper,no_cri -ldflags '-s -w' \
		-o $@ github.com/containerd/containerd/v2/cmd/$(@F)
	@touch $@

$(BIN)/runtime/runc: $(RUNTIME_SRC)/go.mod $(RUNTIME_SRC)/go.sum
	@mkdir -p $(@D)
	cd $(RUNTIME_SRC) && CGO_ENABLED=1 $(GO) build -trimpath -tags seccomp -ldflags '-s -w' -o $@ github.com/opencontainers/runc
	@touch $@

headers:
	@test -e "$(HEADERS)/miniaudio/miniaudio.h" || { \
		dir=$$(cd $(ENGINE_SRC) && $(GO) mod download && $(GO) list -m -f '{{.Dir}}' github.com/gen2brain/malgo) && \
		mkdir -p "$(HEADERS)" && ln -sfn "$$dir" "$(HEADERS)/miniaudio"; }

engine: headers $(ENGINE_BIN)

# The linker warns of functions that a static program may not rely on; the
# engine calls none of them.
$(ENGINE_BIN): $(filter-out %_test.go,$(wildcard $(ENGINE_SRC)/*.go $(ENGINE_SRC)/*/*.go exec/engine/openai/*.go exec/engine/gguf/*.go exec/engine/chat/*.go)) $(ENGINE_SRC)/go.mod $(ENGINE_SRC)/go.sum | headers
	@mkdir -p $(@D)
	cd $(ENGINE_SRC) && $(ENGINE) $(GO) build -ldflags '-s -w -linkmode external -extldflags "-static"' -o $@ .
	@touch $@

test-node:
	INFERNET_ENGINE=$(ENGINE_BIN) $(NODE) $(GO) test -timeout 20m ./...

test-engine: headers
	cd $(ENGINE_SRC) && $(ENGINE) $(GO) test ./...
