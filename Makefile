# make demo builds everything and shows it; make test passes the tests.

GO          ?= go
BIN         := $(CURDIR)/bin
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS   := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
FUZZTIME    ?= 10s
# What the tests of properties draw, the same in every run; make test RAPID_SEED=0
# draws anew, as make race does.
RAPID_SEED  ?= 1

# One set of flags for building, checking and testing: everything is compiled
# once, and the node has no C in it.
NODE := CGO_ENABLED=0 GOFLAGS=-trimpath
# GOFLAGS of its own, because words with blanks cannot be in the one above.
LDFLAGS := -s -w -X main.version=$(VERSION)

# Headers that the module of llama.cpp lacks: two from Debian, one from a
# module that is linked into a folder here.
HEADERS = $(shell $(GO) env GOCACHE)/infernet-include
# The programs depend on the source alone: not on the commit, nor on whose
# folders these are. Debug information, which cgo asks for by default, is a
# third of the compiling and would be stripped.
engine_env = CGO_ENABLED=1 GOFLAGS="-trimpath -buildvcs=false -tags=netgo,osusergo" \
	CGO_CPPFLAGS="-I$(HEADERS) -ffile-prefix-map=$(HEADERS)=/include" CGO_CFLAGS="$(1)" CGO_CXXFLAGS="$(1)"
ENGINE     = $(call engine_env,-O2)
# For processors of the last ten years; llamafile's kernels are slower there.
ENGINE_V3  = $(call engine_env,-O2 -march=x86-64-v3 -UGGML_USE_LLAMAFILE)

ENGINE_SRC  := exec/engine/llm
ENGINE_BIN  := $(BIN)/engine/infernet-llm
ENGINE_BINS := $(ENGINE_BIN) $(if $(filter amd64,$(shell $(GO) env GOARCH)),$(ENGINE_BIN)-v3)
ENGINE_DEPS := $(filter-out %_test.go,$(wildcard $(addsuffix /*.go,$(ENGINE_SRC) $(ENGINE_SRC)/* \
	exec/engine/openai exec/engine/gguf exec/engine/chat exec/psabi))) exec/psabi/host_amd64.s $(ENGINE_SRC)/go.mod $(ENGINE_SRC)/go.sum

RUNTIME_SRC  := exec/containerd/runtime
RUNTIME_BINS := $(addprefix $(BIN)/runtime/,containerd containerd-shim-runc-v2 runc)

# The programs that the tests of real money run.
MONEY_SRC  := payments/lightning/ln/tools
CLEF_SRC   := payments/polygon/chain/tools
MONEY_BINS := $(addprefix $(BIN)/money/,btcd lnd clef)

# Containers need root.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# How long the tests of a package may take: a machine with much else to do is slow.
PATIENCE := 60m

# What is tried is what is built here, as it is by itself, whatever the caller's
# shell has set for other nodes and engines; which tests run is the caller's to say.
unexport $(filter-out INFERNET_LONG INFERNET_KUBO INFERNET_TEST_%,$(filter INFERNET_%,$(.VARIABLES)))

.DEFAULT_GOAL := help
.PHONY: help build demo test race lint fuzz sim e2e bench cross clean deps node runtime engine money-tools testnet-money devchain contracts stubs headers test-node test-engine

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what the build needs from Debian
	@sh .ci/deps

build: deps ## build the node, the container runtime and the engine into bin/
	@$(MAKE) --no-print-directory node runtime engine

demo: build ## run the main job on a private network on this machine
	@$(SUDO) $(BIN)/infernet demo

test: build lint ## build, check and test everything
	-@sh .ci/deps test
	@$(MAKE) --no-print-directory test-node test-engine

race: build headers ## run the tests with the race detector
	INFERNET_ENGINE=$(ENGINE_BIN) CGO_ENABLED=1 $(GO) test -race -timeout $(PATIENCE) ./...
	cd $(ENGINE_SRC) && INFERNET_ENGINE=$(ENGINE_BIN) $(ENGINE) $(GO) test -race -timeout $(PATIENCE) ./...

lint: deps headers ## gofmt, go vet and staticcheck
	@bad=$$($$($(GO) env GOROOT)/bin/gofmt -l .); test -z "$$bad" || { echo "not formatted by gofmt: $$bad" >&2; exit 1; }
	$(NODE) $(GO) vet ./...
	$(NODE) $(STATICCHECK) ./...
	cd $(ENGINE_SRC) && $(ENGINE) $(GO) vet ./... && $(ENGINE) $(STATICCHECK) ./...

fuzz: headers ## run each fuzz target for FUZZTIME (10s)
	@$(NODE) FUZZTIME=$(FUZZTIME) sh .ci/fuzz ./...
	@cd $(ENGINE_SRC) && $(ENGINE) FUZZTIME=$(FUZZTIME) sh $(CURDIR)/.ci/fuzz ./...

sim: ## run the simulated network, and the rules of trust at their full size
	$(NODE) $(GO) test -count=1 -v -timeout $(PATIENCE) -run 'Sim' ./p2p/... ./dht/... ./node/...
	INFERNET_LONG=1 $(NODE) $(GO) test -count=1 -timeout 3h ./node/sim

e2e: build money-tools ## run the tests with real nodes, containers and money
	INFERNET_ENGINE=$(ENGINE_BIN) $(NODE) $(GO) test -count=1 -v -timeout $(PATIENCE) -run 'E2E' ./node/... ./payments/...
	$(NODE) $(GO) test -count=1 -v -timeout $(PATIENCE) ./exec/containerd

# The first time this builds btcd and lnd, which takes minutes.
testnet-money: build money-tools ## bring up Lightning nodes and a chain, and run the demo's job paid on each
	INFERNET_ENGINE=$(ENGINE_BIN) $(NODE) $(GO) test -count=1 -v -timeout $(PATIENCE) -run 'E2EMoney' ./node/demo

bench: build ## measure dispatch, transfer, inference, verification and payment beside their baselines
	$(SUDO) $(BIN)/infernet bench dispatch
	$(BIN)/infernet bench transfer
	$(SUDO) $(BIN)/infernet bench infer
	$(BIN)/infernet bench verify
	$(BIN)/infernet bench pay

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

money-tools: $(MONEY_BINS) devchain ## build btcd, lnd, clef and an EVM chain for the tests of real money

# The driver's calls to lnd, from the committed copies of its protos. Needs
# Debian's protobuf-compiler; the generators are pinned.
STUBS := payments/lightning/ln/lnd/lnrpc
stubs:
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	GOBIN=$$dir $(NODE) $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 && \
	GOBIN=$$dir $(NODE) $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 && \
	cd $(STUBS) && m() { echo "--$$1_opt=paths=source_relative"; for f in lightning.proto:lnrpc stateservice.proto:lnrpc \
		invoicesrpc/invoices.proto:lnrpc/invoicesrpc routerrpc/router.proto:lnrpc/routerrpc; do \
		echo "--$$1_opt=M$${f%:*}=infernet.tech/infernet/payments/lightning/ln/lnd/$${f#*:}"; done; } && \
	PATH="$$dir:$$PATH" protoc -I. --go_out=. $$(m go) --go-grpc_out=. $$(m go-grpc) \
		lightning.proto stateservice.proto invoicesrpc/invoices.proto routerrpc/router.proto

# From modules pinned apart from the node's, and seldom; lnd with the services
# that the driver calls.
$(BIN)/money/btcd: $(MONEY_SRC)/go.mod $(MONEY_SRC)/go.sum
	@mkdir -p $(@D)
	cd $(MONEY_SRC) && $(NODE) $(GO) build -ldflags '-s -w' -o $@ github.com/btcsuite/btcd
	@touch $@

$(BIN)/money/lnd: $(MONEY_SRC)/go.mod $(MONEY_SRC)/go.sum $(MONEY_SRC)/lnd/main.go
	@mkdir -p $(@D)
	cd $(MONEY_SRC) && $(NODE) $(GO) build -tags invoicesrpc,routerrpc,signrpc,walletrpc,chainrpc -ldflags '-s -w' \
		-o $@ ./lnd
	@touch $@

$(BIN)/money/clef: $(CLEF_SRC)/go.mod $(CLEF_SRC)/go.sum
	@mkdir -p $(@D)
	cd $(CLEF_SRC) && $(NODE) $(GO) build -ldflags '-s -w' -o $@ github.com/ethereum/go-ethereum/cmd/clef
	@touch $@

# go build decides by itself what is stale.
devchain:
	@mkdir -p $(BIN)/money
	$(NODE) $(GO) build -ldflags '-s -w' -o $(BIN)/money/devchain ./payments/polygon/chaintest/devchain

contracts: ## compile the contracts with solc from npm; what comes out is committed
	cd payments/polygon/contract/solidity && npm ci --silent --no-audit --no-fund && \
		node compile.mjs ../artifacts ../../chaintest/tokens/artifacts
	@git diff --exit-code --stat -- payments/polygon/contract/artifacts payments/polygon/chaintest/tokens/artifacts || \
		echo "the contracts have changed: commit what came out"

headers:
	@test -e "$(HEADERS)/miniaudio/miniaudio.h" || { \
		dir=$$(cd $(ENGINE_SRC) && $(GO) mod download && $(GO) list -m -f '{{.Dir}}' github.com/gen2brain/malgo) && \
		mkdir -p "$(HEADERS)" && ln -sfn "$$dir" "$(HEADERS)/miniaudio"; }

engine: headers $(ENGINE_BINS)

# Both at once and put in place together, so that never one of old source lies
# beside one of new. The linker warns of functions that a static program may
# not rely on; the engine calls none of them.
engine_build = cd $(ENGINE_SRC) && $(1) $(GO) build -ldflags '-s -w -linkmode external -extldflags "-static"' -o $(BIN)/engine/new/$(2) .

$(ENGINE_BINS) &: $(ENGINE_DEPS) | headers
	@rm -rf $(BIN)/engine/new && mkdir -p $(BIN)/engine/new
	$(call engine_build,$(ENGINE),infernet-llm)
	$(if $(word 2,$(ENGINE_BINS)),$(call engine_build,$(ENGINE_V3),infernet-llm-v3))
	@touch $(BIN)/engine/new/* && mv $(BIN)/engine/new/* $(BIN)/engine && rmdir $(BIN)/engine/new

test-node:
	@for tool in btcd lnd clef devchain; do test -x $(BIN)/money/$$tool || { \
		echo "not run: the tests that pay with real money; make money-tools builds $$tool for them"; break; }; done
	INFERNET_ENGINE=$(ENGINE_BIN) RAPID_SEED=$(RAPID_SEED) $(NODE) $(GO) test -timeout $(PATIENCE) ./...

test-engine: engine
	cd $(ENGINE_SRC) && INFERNET_ENGINE=$(ENGINE_BIN) $(ENGINE) $(GO) test -timeout $(PATIENCE) ./...
