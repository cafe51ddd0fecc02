# Everything that is installed or written goes to target/ and .run/, which git ignores.

MODELS ?= .run/models

.PHONY: help run test models bench overhead clients fuzz policy difficulty fill-ledger backtest-bench migrate-bench ledger-faults

help: ## what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## two local models and the proxy on the shipped routes.toml, until Ctrl-C
	@scripts/run.sh $(MODELS)

test: ## everything that the gate runs
	@scripts/test.sh $(MODELS)

models: ## install the two local models (once, about 300 MB)
	@python3 deploy/local-models/install.py $(MODELS)

bench: ## how long assessing, deciding, reading streams and recording take
	@cargo bench --locked $(foreach bench,$(wildcard benches/*.rs),--bench $(basename $(notdir $(bench))))

overhead: ## what the proxy adds to a call, beside HAProxy and nginx (about 4 minutes)
	@cargo bench --locked --bench overhead -- $(ARGS)

clients: ## real clients in front of the proxy; writes docs/clients.md (20 minutes at most; needs Python 3.11 and npm)
	@python3 tests/clients/run.py --write docs/clients.md $(ARGS)

fuzz: ## look for inputs that break the readers and translations, TIME seconds each (60 unless told)
	@scripts/fuzz.sh $(or $(TIME),60) $(ARGS)

difficulty: ## make data/difficulty.model, the model that is built in, from outcomes in DATA whose licences allow it
	@cargo run --release --locked -- train --data $(DATA) --out data/difficulty.model \
	  --sources zeroeval_gsm,zeroeval_crux,zeroeval_math_l5,routellm_mmlu,routellm_gsm8k,routellm_mtbench,routerarena,llmrouter_mix \
	  --pair zeroeval_gsm=claude-3-haiku-20240307:claude-3-5-sonnet-20241022:12 \
	  --pair zeroeval_crux=gpt-4o-mini-2024-07-18:gpt-4o-2024-08-06:16.7 \
	  --pair zeroeval_math_l5=gpt-4o-mini-2024-07-18:o1-mini-2024-09-12:20 \
	  --pair routellm_mmlu=mixtral-8x7b-instruct-v0.1:gpt-4-1106-preview:103 \
	  --pair routellm_gsm8k=mixtral-8x7b-instruct-v0.1:gpt-4-1106-preview:103 \
	  --pair routellm_mtbench=mixtral-8x7b-instruct-v0.1:gpt-4-1106-preview:103 \
	  --pair routerarena=claude-3-haiku-20240307:gemini-2.0-flash-001 \
	  --pair llmrouter_mix=mistral-7b-instruct-v0.3:llama-3.1-nemotron-51b-instruct:5

policy: ## what the rules and a trained router cost and are worth on outcomes in DATA: a table and a picture in OUT (needs matplotlib)
	@cargo build --release --locked --example policy --bin weighbridge
	@$(or $(PYTHON),python3) scripts/policy.py $(DATA) $(or $(OUT),.run/policy) \
	  --rules "target/release/examples/policy routes.toml" --train "target/release/weighbridge train"

fill-ledger: ## fill a PostgreSQL ledger with synthetic traffic and time reports of it: ADDRESS=postgres://… ENTRIES=10000000 DAYS=90
	@cargo run --release --locked --example fill_ledger -- $(ADDRESS) $(or $(ENTRIES),10000000) $(or $(DAYS),90)

backtest-bench: ## try a change of rules on ENTRIES (1000000) synthetic requests, and say how long that takes; ARGS for backtest
	@mkdir -p target/backtest
	@test -f target/backtest/ledger.db || cargo run --release --locked --example fill_past -- target/backtest/ledger.db \
	  $(or $(ENTRIES),1000000) 7 examples/backtest/old.toml
	@cargo build --release --locked --quiet
	@bash -c 'time target/release/weighbridge backtest --rules examples/backtest/new.toml --against examples/backtest/old.toml \
	  --config examples/backtest/old.toml --since 8d $(ARGS)'

migrate-bench: ## bring an old ledger of ENTRIES (5000000) up to date while requests are served; says how long and the longest stall
	@WEIGHBRIDGE_OLD_ENTRIES=$(or $(ENTRIES),5000000) WEIGHBRIDGE_MIGRATION_SECONDS=3600 \
	  cargo test --release --locked --test it -- an_old_ledger_is_added_up --nocapture

ledger-faults: ## kill -9 fifty times, PostgreSQL gone for a minute: what the gate does in short (about 10 minutes)
	@WEIGHBRIDGE_KILLS=50 WEIGHBRIDGE_OUTAGE_SECONDS=60 cargo test --locked --test it -- ledger_postgres --nocapture --test-threads 1
