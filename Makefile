# `make help` explains each target. Every target sets up what it needs.
SHELL := /bin/sh
VENV ?= .venv
PY := $(VENV)/bin/python
# The first Python from 3.11 to 3.13 on this machine; `make book PYTHON=/path/to/python3.12` to choose.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
SEARCH_DATE ?=
SNAPSHOT ?=
RECORDS ?=
RETRIEVED ?=
FROM ?=
TO ?=
FROM_SNAPSHOT ?=
EVERY ?=
PROTOCOLS ?=
SCHEDULER ?=
REVIEWER ?=
JUPYTER ?=
TRN ?=
CELLS ?=
REVIEW ?=
NAME ?=
ASKED = SEARCH_DATE SNAPSHOT RECORDS RETRIEVED FROM TO FROM_SNAPSHOT EVERY PROTOCOLS SCHEDULER REVIEWER TRN CELLS NAME
export $(ASKED)
# A slip (SEARCHDATE=) would otherwise give the default without a word.
KNOWN = $(ASKED) REVIEW JUPYTER VENV PYTHON SOLUTIONS INLINE SUITE SAMPLES COUNTS BREAKAGE ASREVIEW SHELL
UNKNOWN := $(filter-out $(KNOWN),$(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
ifneq ($(UNKNOWN),)
$(error $(UNKNOWN): no such variable. There are: $(ASKED) REVIEW; see make help)
endif
export EVTRIALS_REVIEW = $(REVIEW)
OPTIONS = $${SEARCH_DATE:+--search-date "$$SEARCH_DATE"} $${SNAPSHOT:+--snapshot "$$SNAPSHOT"} \
	$${RECORDS:+--records "$$RECORDS"}
ifeq ($(strip $(VENV)),)
$(error VENV is empty. Leave it out, or activate the conda environment first)
endif
# A conda environment (environment.yml) is used as it is: make book VENV=$$CONDA_PREFIX
READY := $(if $(wildcard $(VENV)/conda-meta),,$(VENV)/.ready)
# ASReview, for one test alone: it needs older packages than ours, so it has an environment of its own.
ASREVIEW := $(VENV)/asreview
QUICK = identifiers query schema protocol registries registration_dates eligibility coded_fields parse to_particles effect_sizes checks claims scheduler
BOOK = $(REVIEW:%=reviews/%/)book/_build/html/index.html

.DEFAULT_GOAL := help
.PHONY: help setup new-review book site pdf run fetch update sweep screen trace lesson test quick breakage bench lint format check open lab notebooks lock licences audit clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  SEARCH_DATE=YYYY-MM-DD  last day of registration (default: protocol.yml's)"
	@echo "  SNAPSHOT=YYYY-MM-DD     only records that were retrieved by this day (default: all of data/raw)"
	@echo "  FROM=, TO=, FROM_SNAPSHOT=  the two searches that make update compares (default: the last two retrievals)"
	@echo "  FROM=, TO=, EVERY=, PROTOCOLS=, SCHEDULER=  the dates, protocols and cluster of make sweep"
	@echo "  REVIEWER=NAME           who judges the queue in make screen"
	@echo "  JUPYTER=OPTIONS         for JupyterLab in make screen and make lab (as root: JUPYTER=--allow-root)"
	@echo "  RECORDS=FILE_OR_FOLDER  a registry's export to report on by itself (default: all of data/raw)"
	@echo "  RETRIEVED=YYYY-MM-DD    the day of RECORDS in make new-review (default: the newest day that it states)"
	@echo "  REVIEW=NAME             the review in reviews/NAME instead of the first one (most targets)"

setup: $(READY) ## Make .venv from locks/requirements.lock (every other target does this by itself)

new-review: $(READY) ## Start a review of another topic in reviews/NAME (NAME=my-topic, RECORDS=export to begin with)
	@test -n "$$NAME" || { echo "make: which name? Type: make new-review NAME=my-topic RECORDS=path/to/export.csv" >&2; exit 1; }
	@$(PY) -m evlib new-review "$$NAME" $${RECORDS:+--records "$$RECORDS"} $${RETRIEVED:+--retrieved "$$RETRIEVED"}

book: $(READY) ## Run the notebooks and build the book: book/_build/html/index.html
	@$(PY) -m evlib book $(OPTIONS)

site: $(READY) ## Both editions in one folder to publish: book/_build/site
	@$(PY) -m evlib site

pdf: $(READY) ## The book as one PDF for print: book/_build/evtrials-SEARCH_DATE.pdf (needs Chromium)
	@$(PY) -m evlib pdf $(OPTIONS)

run: $(READY) ## Run the notebooks only: tables and figures in data/processed/SEARCH_DATE
	@$(PY) -m evlib run $(OPTIONS)

fetch: $(READY) ## Search ClinicalTrials.gov live up to SEARCH_DATE; adds a folder to data/raw/registries
	@$(PY) -m evlib fetch $${SEARCH_DATE:+--search-date "$$SEARCH_DATE"}

update: $(READY) ## What is new since an earlier search: both runs, the book, and the queue (FROM=, TO=)
	@$(PY) -m evlib update $${FROM:+--since "$$FROM"} $${TO:+--search-date "$$TO"} $${SNAPSHOT:+--snapshot "$$SNAPSHOT"} \
		$${FROM_SNAPSHOT:+--since-snapshot "$$FROM_SNAPSHOT"}

sweep: $(READY) ## The review at many search dates, as one table (FROM=, TO=, EVERY=month, PROTOCOLS=, SCHEDULER=tcp://…)
	@set --; for file in $$PROTOCOLS; do set -- "$$@" --protocol "$$file"; done; \
	$(PY) -m evlib sweep $${FROM:+--from "$$FROM"} $${TO:+--to "$$TO"} $${EVERY:+--every "$$EVERY"} \
		$${SCHEDULER:+--scheduler "$$SCHEDULER"} "$$@"

screen: $(READY) ## Judge the records that await a decision, in JupyterLab (REVIEWER=name, SEARCH_DATE=)
	@test -n "$$REVIEWER" || { echo "make: who judges? Type: make screen$(REVIEW:%= REVIEW=%) REVIEWER=your-name" >&2; exit 1; }
	@notebook="$$($(PY) -m evlib judge --reviewer "$$REVIEWER" $${SEARCH_DATE:+--search-date "$$SEARCH_DATE"} \
		$${SNAPSHOT:+--snapshot "$$SNAPSHOT"})" && $(PY) -m jupyterlab --notebook-dir=. $(JUPYTER) "$$notebook"

trace: $(READY) ## The whole path of one record (TRN=NCT04276987, SEARCH_DATE=)
	@test -n "$$TRN" || { echo "make: which record? Type: make trace$(REVIEW:%= REVIEW=%) TRN=NCT04276987" >&2; exit 1; }
	@$(PY) -m evlib trace "$$TRN" $${SEARCH_DATE:+--search-date "$$SEARCH_DATE"}

lesson: $(READY) ## A notebook of cells for teaching with its data (CELLS="dose-06b screen-21b" or CELLS=03_describe; SOLUTIONS=1, INLINE=1)
	@test -n "$$CELLS" || { echo "make: which cells? Type: make lesson$(REVIEW:%= REVIEW=%) CELLS=03_describe, or CELLS=\"dose-06b screen-21b\"" >&2; exit 1; }
	@$(PY) -m evlib lesson $$CELLS $${SEARCH_DATE:+--search-date "$$SEARCH_DATE"} $(SOLUTIONS:%=--solutions) $(INLINE:%=--inline)

test: $(READY) $(ASREVIEW)/.ready ## Run all tests, the notebooks and the built book in a browser included
	@ASREVIEW="$(abspath $(ASREVIEW))/bin/python" $(PY) -m pytest -n logical --dist worksteal -p no:nbval

quick: $(READY) ## Run the quick part of the tests: readers, rules, doses, audit, kernels
	@$(PY) -m pytest -n logical --dist worksteal -p no:nbval $(QUICK:%=tests/test_%.py)

breakage: $(READY) ## Break every verb at every file operation, not at a sample of them as the tests do (twenty minutes)
	@BREAKAGE=every $(PY) -m pytest tests/breakage -n logical --dist worksteal -p no:nbval

bench: $(READY) ## Reruns, sweeps, records/s and memory, into benchmarks/RESULTS.md (COUNTS="10000 100000 1000000": half an hour more)
	@$(PY) benchmarks/run_all.py $${SUITE:+--suite} $${SAMPLES:+--samples "$$SAMPLES"} $(COUNTS)

lint: $(READY) ## Check format and style of code and notebooks
	@$(PY) -m ruff format --check . && $(PY) -m ruff check .

format: $(READY) ## Format code and notebooks
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

check: $(READY) ## Verify the raw data's checksums, protocol.yml and people's decisions
	@$(PY) -m evlib check

open: $(READY) ## Open the book that was built last in the web browser
	@test -f "$(BOOK)" || { echo "make: no book yet. Run: make book$(REVIEW:%= REVIEW=%)" >&2; exit 1; }
	@echo "The book: $(abspath $(BOOK))"
	@$(PY) -c 'import pathlib, sys, webbrowser; webbrowser.open(pathlib.Path(sys.argv[1]).resolve().as_uri()) or print("No browser was found; open this file in one.")' "$(BOOK)"

lab: $(READY) ## Open the notebooks in JupyterLab
	@$(PY) -m jupyterlab --notebook-dir=. $(JUPYTER)

notebooks: $(READY) ## Store fresh outputs in notebooks/ (maintainers, after changing a notebook or evlib)
	@$(PY) -m evlib refresh

lock: $(READY) ## Resolve pyproject.toml anew into the three lock files (maintainers; needs a package index)
	@$(VENV)/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --extra dev \
		--custom-compile-command "make lock" -o locks/requirements.lock pyproject.toml
	@grep '^uv==' locks/requirements.lock | tr -d ' \\' | $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 \
		--generate-hashes --custom-compile-command "make lock" -o locks/setup.lock -
	@echo asreview | $(VENV)/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" -o locks/asreview.lock -

licences: $(READY) ## Write LICENSES-THIRD-PARTY.md from the lock (maintainers, after make lock)
	@$(PY) maintainers/licences.py

audit: $(READY) ## Known vulnerabilities of what the three lock files name (needs a network)
	@for lock in locks/requirements.lock locks/setup.lock locks/asreview.lock; do \
		echo "$$lock"; $(PY) -m pip_audit --progress-spinner off --require-hashes --disable-pip -r $$lock || failed=1; \
	done; test -z "$$failed"

clean: ## Remove what was made: data/processed, book/_build and .venv
	rm -rf data/processed book/_build .venv

# uv is fast; where it cannot be had, pip installs the same lock.
$(VENV)/.ready: locks/requirements.lock locks/setup.lock
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13; none was found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		|| { echo "make: $(PYTHON) is not a Python from 3.11 to 3.13. Name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "setting up $(VENV) from locks/requirements.lock (once; about a minute)"
	@test -x $(PY) || "$(PYTHON)" -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r locks/setup.lock \
		&& $(VENV)/bin/uv pip sync -q --compile-bytecode --python $(PY) --require-hashes locks/requirements.lock \
		|| $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r locks/requirements.lock
	@$(VENV)/bin/uv pip install -q --python $(PY) --no-deps --no-build-isolation -e . \
		|| $(PY) -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(ASREVIEW)/.ready: locks/asreview.lock | $(READY)
	@echo "setting up ASReview for its test in $(ASREVIEW) (once)"
	@test -x $(ASREVIEW)/bin/python || $(PY) -m venv $(ASREVIEW)
	@uv="$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("scripts"))')/uv"; \
		"$$uv" pip sync -q --python $(ASREVIEW)/bin/python --require-hashes locks/asreview.lock \
		|| $(ASREVIEW)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/asreview.lock
	@touch $@
