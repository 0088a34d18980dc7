# Each target does its own set-up. make help lists them.

export PATH := $(CURDIR)/bin:$(PATH):/usr/sbin

# The same hash from any directory: no paths, no VCS stamp, no build id.
BUILD := go build -trimpath -buildvcs=false
ROOMS := api ca cmd docs enroll revocation store .ci
# Rooms that are there: a new one is checked from its first file on.
GOROOMS := $(wildcard $(ROOMS))

.PHONY: help demo build build-pkcs11 test check bench fuzz torture tools clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: build ## the whole story on a throwaway directory; ONCE=1 ends by itself
	bin/assay demo $(if $(filter-out 0,$(ONCE)),--once)

build: ## static bin/assay and bin/assay-device, reproducible
	CGO_ENABLED=0 $(BUILD) -ldflags=-buildid= -o bin/assay ./cmd/assay
	CGO_ENABLED=0 $(BUILD) -ldflags='-s -w -buildid=' -o bin/assay-device ./cmd/assay-device

build-pkcs11: ## bin/assay-pkcs11: keys in a PKCS#11 token; needs a C compiler
	CGO_ENABLED=1 $(BUILD) -tags pkcs11 -ldflags=-buildid= -o bin/assay-pkcs11 ./cmd/assay

tools:
	@mkdir -p bin
	@GOBIN=$(CURDIR)/bin go -C .ci/tools install tool
	@go -C .ci/tools build -buildvcs=false -o $(CURDIR)/bin/gotest ./gotest

test: tools ## all tests; installs what they call; lists what was skipped
	.ci/setup
	bin/gotest -timeout 8m ./...

check: tools ## format, vet, staticcheck, short tests with race, floors, docs
	@out=$$(bin/gofumpt -l $(GOROOMS)); if [ -n "$$out" ]; then \
		echo "not formatted; run: bin/gofumpt -w $(GOROOMS)"; echo "$$out"; exit 1; fi
	go vet ./...
	go -C .ci/tools vet ./...
	bin/staticcheck ./...
	go test -count=1 ./docs
	go test -short -race -timeout 8m ./...

bench: build ## Go benchmarks, then load on a fresh server; BENCHTIME=1s DURATION=5s
	.ci/bench

fuzz: ## every fuzz target for FUZZTIME=10s
	.ci/fuzz

torture: ## long runs of kill -9 and of flipped octets
	ASSAY_TORTURE=1 go test -count=1 -timeout 2h ./...

clean: ## remove what was built
	rm -rf bin
