# libpidfile. `make help` lists what can be made.

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc

# Wherever cargo is told to build elsewhere: the paths below hold.
export CARGO_TARGET_DIR := $(CURDIR)/target
unexport CARGO_BUILD_TARGET
# The first cargo that is new enough: rustup puts itself on the PATH only at the next login. NOW asks again, for recipes that
# may have installed one.
export PATH := $(or $(shell scripts/setup --path),$(PATH))
NOW := PATH="$$(scripts/setup --path)"

LIB      := target/release/libpidfile.so
COMMAND  := target/release/pidfile-run
PORTABLE := $(CURDIR)/target/portable
HOSTS    := target/c-tests
SOURCES  := $(sort $(shell find c-tests -name '*.c'))
C_TESTS  := $(patsubst %.c,$(HOSTS)/%,$(notdir $(SOURCES)))
SCRIPTS   = $(shell find . \( -name target -o -name .git \) -prune -o -type f -exec \
             awk 'FNR == 1 { if (/^\#!.*sh( |$$)/) print FILENAME; nextfile }' {} +)

# One after the other: built together, the crates that both use would have the features of both in the library too.
all: ## build the library and the command: target/release/libpidfile.so, target/release/pidfile-run
	@scripts/setup --check build
	cargo build --release --locked
	cargo build --release --locked --package pidfile-run
	@$(MAKE) --no-print-directory completion

completion:
	@mkdir -p target/completion
	@for shell in bash zsh fish; do $(COMMAND) --completion $$shell >target/completion/$$shell || exit; done

run: ## see it work: a PID file for a real redis-server, step by step (installs what it needs)
	@scripts/setup build run
	@$(MAKE) --no-print-directory all
	@scripts/demo $(LIB)

test: ## run the tests, or some: T=part_of_a_name, T='--test NAME' (installs what it needs)
	@scripts/setup build run test
	@$(MAKE) --no-print-directory all c-tests
	@$(NOW) scripts/test $(T)

test-daemons: ## try it on a table of daemons from Debian, or some: T=part_of_a_name (installs what it needs)
	@scripts/setup build run test daemons
	@$(MAKE) --no-print-directory all c-tests
	@PIDFILE_DAEMONS="$(or $(T),all)" scripts/test --test daemons

torture: ## make every system call fail, race thousands of times, and soak, some 30 minutes (installs what it needs)
	@scripts/setup build run test torture
	@$(MAKE) --no-print-directory all c-tests
	@$(NOW) scripts/test --features torture --test torture $(T) -- --nocapture
	@test -n "$(T)" || $(NOW) scripts/test --features torture --test endings many_owners
	@test -n "$(T)" || $(NOW) scripts/soak 2

soak: ## run the tests of the hand-over beside stress-ng, ROUNDS=20 times, some minutes each (installs what it needs)
	@scripts/setup build run test torture
	@$(MAKE) --no-print-directory all c-tests
	@$(NOW) scripts/soak $(or $(ROUNDS),20)

test-cpython: ## compare the outcome of CPython's own tests with and without the library, some minutes (installs what it needs)
	@scripts/setup build test cpython
	@$(MAKE) --no-print-directory all
	@$(NOW) scripts/test-cpython $(T)

test-arm64: ## build for arm64 and run tests in an emulated machine, some minutes; T=sample, T=all, T='NAME...' (as root; installs what it needs)
	@scripts/setup build arm64
	@$(NOW) scripts/test-arm64 $(T)

untried: ## build for riscv64 and ppc64le, and try the main job in an emulator: target/untried (installs what it needs)
	@scripts/setup build untried
	@$(NOW) scripts/build-untried $(T)

dist: ## make packages for x86-64 and arm64, any glibc from 2.17 on: tarballs, .deb and .rpm in target/dist (installs what it needs)
	@scripts/setup build dist
	@$(NOW) scripts/dist

test-dist: dist ## test the packages, then run the tests on the portable library, or some: T=part_of_a_name (installs what it needs)
	@scripts/setup build run test lintian
	@$(MAKE) --no-print-directory all c-tests
	@$(NOW) LIBPIDFILE=$(PORTABLE)/libpidfile.so PIDFILE_RUN=$(PORTABLE)/pidfile-run scripts/test --features dist --test packaging dist
	@$(NOW) LIBPIDFILE=$(PORTABLE)/libpidfile.so PIDFILE_RUN=$(PORTABLE)/pidfile-run scripts/test $(T)
	@$(NOW) scripts/test-old-glibc $(T)

musl: ## build the library for programs that run with musl (Alpine): target/musl/libpidfile-musl.so (installs what it needs)
	@scripts/setup build musl
	@$(NOW) scripts/build-musl

test-musl: ## run the tests that apply on the library for musl, or some: T=part_of_a_name, some minutes (installs what it needs)
	@scripts/setup build run test musl
	@$(MAKE) --no-print-directory all
	@$(NOW) scripts/build-musl all
	@$(NOW) scripts/test-musl $(T)

# PID files are in /run, which is in memory.
bench: ## measure what the library costs, beside other ways: one table, some minutes; T=start for a part (installs what it needs)
	@scripts/setup build test bench
	@$(MAKE) --no-print-directory all c-tests
	@TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo /tmp) $(NOW) cargo bench --locked --quiet -- $(T)

c-tests: $(C_TESTS) ## build the small C programs that the tests preload the library into

# The sources are in folders, the programs are not: no two sources have the same name.
ifneq ($(words $(C_TESTS)),$(words $(sort $(C_TESTS))))
$(error two files below c-tests have the same name)
endif
vpath %.c $(sort $(dir $(SOURCES)))

# A host may ask for more in a comment: /* CFLAGS: -fno-plt */, /* LDFLAGS: -static -lbsd */
asks = $(shell sed -n 's,^/\* $(1): \(.*\) \*/$$,\1,p' $<)
$(HOSTS)/%: %.c $(shell find c-tests -name '*.h') Makefile
	@mkdir -p $(@D)
	$(CC) -O1 -g -Wall -Wextra -Werror -pthread -Ic-tests $(call asks,CFLAGS) -o $@ $< $(call asks,LDFLAGS) $(LDLIBS)

picture: ## draw docs/life-cycle.svg, which docs/architecture.md shows, from docs/life-cycle.dot (installs what it needs)
	@scripts/setup picture
	scripts/picture

lint: ## check format, style and documentation of the Rust code, the order of its rooms, and the shell scripts (installs what it needs)
	@scripts/setup build lint
	$(NOW) cargo fmt --all --check
	$(NOW) cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(NOW) RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
	$(NOW) cargo test --locked --quiet --test layers
	shellcheck $(SCRIPTS) pidfile-run/src/commands/completion.bash
	scripts/picture --check

# Not part of lint: to compile the tool takes longer than all of lint.
deny: ## check the licences, advisories and versions of all crates (cargo install cargo-deny --locked)
	$(NOW) cargo deny --workspace --locked check

# What is installed, each as SOURCE:MODE:PLACE, the place below PREFIX. The library for musl only if it was built.
MUSL_LIB  := target/musl/libpidfile-musl.so
OWN_DOC   := share/doc/libpidfile
INSTALLED := $(LIB):644:lib/libpidfile.so \
             $(if $(wildcard $(MUSL_LIB)),$(MUSL_LIB):644:lib/libpidfile-musl.so) \
             $(COMMAND):755:bin/pidfile-run \
             man/pidfile-run.1:644:share/man/man1/pidfile-run.1 \
             man/libpidfile.7:644:share/man/man7/libpidfile.7 \
             target/completion/bash:644:share/bash-completion/completions/pidfile-run \
             target/completion/zsh:644:share/zsh/site-functions/_pidfile-run \
             target/completion/fish:644:share/fish/vendor_completions.d/pidfile-run.fish \
             $(foreach file,README.md CONTRIBUTING.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/*.svg),$(file):644:$(OWN_DOC)/$(file)) \
             $(foreach file,$(wildcard scripts/examples/*),$(file):755:$(OWN_DOC)/$(file))
PLACES     = "$(DESTDIR)$(PREFIX)/lib/libpidfile-musl.so" $(foreach file,$(INSTALLED),"$(DESTDIR)$(PREFIX)/$(lastword $(subst :, ,$(file)))")

# What is to be read names the library and the command where they go: but for an unknown place, from which somebody will
# move them.
THERE      = $(if $(PREFIX),$(PREFIX),/usr/local)

# Never builds where make has built before: root may have no cargo. Running programs have the library mapped, and others
# start meanwhile: so a new file takes the old one's place in one step.
install: ## copy the library, pidfile-run and the manual pages to PREFIX (PREFIX=/usr/local DESTDIR=)
	@test -f $(LIB) && test -f $(COMMAND) || $(MAKE) all
	@test -f target/completion/fish || $(MAKE) --no-print-directory completion
	@set -e; for file in $(INSTALLED); do \
	    rest=$${file#*:}; place="$(DESTDIR)$(PREFIX)/$${rest#*:}"; \
	    echo "$$place"; \
	    install -D -m "$${rest%%:*}" "$${file%%:*}" "$$place.new"; \
	    case $$place in *.md | *.7 | *.init) sed -Ei 's,/usr/local/(lib/libpidfile.so|bin/pidfile-run),$(THERE)/\1,g' "$$place.new" ;; esac; \
	    mv -f "$$place.new" "$$place"; \
	done

uninstall: ## remove what install has put into PREFIX, and nothing else (PREFIX=/usr/local DESTDIR=)
	rm -f $(PLACES)
	@! test -d "$(DESTDIR)$(PREFIX)/$(OWN_DOC)" || \
	    find "$(DESTDIR)$(PREFIX)/$(OWN_DOC)" -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +

clean: ## remove what was built
	rm -rf target

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all deny completion run test dist musl test-musl test-dist test-daemons test-arm64 untried test-cpython torture soak bench c-tests picture lint install uninstall clean help
.DELETE_ON_ERROR:
