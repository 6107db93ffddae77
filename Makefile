# Nothing is only in here: `go build ./... && go test ./...` does as well.

GO       ?= go
FUZZTIME ?= 30s
KILLS    ?= 200
TIMES    ?= 10
LINT     := v2.15.0
TESTFLAGS ?=
# The race detector needs a C compiler; without one the tests run without it.
RACE     := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo -race)

.DEFAULT_GOAL := help
.PHONY: test lint fuzz demo soak help

test: ## all tests; what is not installed here is skipped and listed at the end
	@skipped=$$(mktemp) && \
	{ NOTEBOOKBOT_SKIPPED=$$skipped $(GO) test $(RACE) -timeout 15m $(TESTFLAGS) ./...; code=$$?; \
	  [ -n "$(RACE)" ] || echo "the race detector (no C compiler)" >> $$skipped; \
	  [ ! -s $$skipped ] || { echo; echo "Not tested, because it is not here:"; sort -u $$skipped | sed 's/^/  /'; }; \
	  rm -f $$skipped; exit $$code; }

lint: ## formatting, vet and golangci-lint
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	@bin=$$($(GO) env GOPATH)/bin/golangci-lint; \
	if [ -x "$$bin" ] && "$$bin" version | grep -q "version $(LINT:v%=%) "; then "$$bin" run; \
	else $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT) run; fi

fuzz: ## every fuzz target for FUZZTIME (30s)
	@bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && \
	grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r pkg; do \
	  $(GO) test -c -fuzz . -o "$$bin/fuzz" "$$pkg" || exit 1; \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$pkg"/*_test.go | cut -c6-); do \
	    echo "$$pkg $$target"; \
	    (cd "$$pkg" && "$$bin/fuzz" -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 10x -test.fuzzcachedir "$$($(GO) env GOCACHE)/fuzz/$$pkg") || exit 1; \
	  done; done

demo: ## try the bot without a Slack account
	$(GO) run ./cmd/notebookbot demo

soak: ## the long tests whole: KILLS (200) kills, and what meets real parts TIMES (10) times over
	NOTEBOOKBOT_KILLS=$(KILLS) $(GO) test $(RACE) -timeout 0 -count=1 -run Killed -v ./cmd/notebookbot
	NOTEBOOKBOT_KILLS=$(KILLS) $(GO) test $(RACE) -timeout 0 -count=1 ./internal/ops/restore ./internal/ops/maintain
	$(GO) test $(RACE) -timeout 0 -count=1 -run TestNothingIs ./incidents -incidents.worlds 2000
	$(GO) test $(RACE) -timeout 0 -count=1 -run TestNothingIs ./internal/ops -ops.worlds 200
	$(GO) test $(RACE) -timeout 0 -count=1 ./internal/ops/deploy -deploy.every
	$(GO) test $(RACE) -timeout 0 -count=$(TIMES) ./internal/e2e/...

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-6s %s\n", $$1, $$2}'
