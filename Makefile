# Everything a person or a machine does with this repository. No target needs a
# step by hand before it.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT    := go tool -modfile=tools/go.mod golangci-lint

WEB     := internal/hub/webui/dist/index.html

.PHONY: run build web-test web-e2e screenshots test e2e bench lint fmt fuzz cross

run: build ## build and start the hub and a runner; it prints what to do next
	./bin/hapi up

build: $(WEB) ## the binary for this machine, with the web app
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/hapi ./cmd/hapi

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

$(WEB): web/node_modules web/index.html web/vite.config.ts $(shell find web/src web/public -type f 2>/dev/null)
	cd web && npm run --silent build

web-test: web/node_modules ## the web app: its types against the contract, lint, types, unit tests
	cd web && npm run --silent check-gen && npm run --silent lint && npm run --silent typecheck && npm run --silent test

test: ## all tests, with the race detector
	go vet ./...
	go test -race -timeout 10m ./...
	go test -timeout 10m -run 'Large|Thousand|Megabytes' ./internal/hub

soak: ## ten minutes of 200 sessions, 300 watchers and everything that happens to them
	go test -count=1 -timeout 20m -v -run Soak ./internal/hub/soak -soak 10m -sessions 200 -watchers 300

# Not `npm ci`: it asks for the agents' packages of every platform, and a mirror
# need not have those of others. The lock is kept to all the same.
e2e/node_modules: e2e/package-lock.json
	cd e2e && npm install --no-save --no-audit --no-fund
	touch $@

web-e2e: build ## what a person does, in Chromium against a real hub
	cd web && npm run --silent journeys

screenshots: build ## every screen as pictures in web/screenshots
	cd web && npm run --silent screenshots

e2e: e2e/node_modules web-e2e ## journeys with the real agents against model doubles
	go test -tags e2e -count=1 -parallel 3 -timeout 15m ./e2e/...

bench: build ## the load generator, as a table and as bench.json
	go run ./bench -hub ./bin/hapi -json bench.json

lint: ## linters, pinned in tools/go.mod
	$(LINT) run ./...

fmt:
	gofmt -w api bench cmd e2e internal

# Every fuzz target below FUZZ for FUZZTIME, several side by side.
FUZZTIME ?= 30s
FUZZ     ?= internal cmd
fuzz: ## every decoder of what comes from elsewhere, against what nobody sends
	.ci/fuzz $(FUZZTIME) $(FUZZ)

cross: ## compile, not run, for every platform
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -o /dev/null ./cmd/hapi; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go vet ./cmd/... ./internal/...; \
	done; done
