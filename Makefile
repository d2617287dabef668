# SPDX-License-Identifier: GPL-2.0-only
#
# Run "make help" for the targets.  kbuild does not read this file: Kbuild is
# what describes the modules.

# Which kernel: 6.1, 6.12 or debug; or any other by its headers, with KDIR=.
KERNEL ?= 6.12
KDIR ?=

# Where kernel sources, kernel images and the like are kept.
KVM_FT_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kvm-ft
export KVM_FT_CACHE

MAKEFLAGS += --no-builtin-rules

TESTING := tools/testing
DEPS := $(TESTING)/deps.sh

# Sources must compile without a warning on the kernels that they are checked
# with; on any other, a warning must not be in the user's way.
ifdef KDIR
BUILD_FOR := --kdir $(KDIR)
W ?= 1
else
BUILD_FOR := $(KERNEL)
W ?= 1e
endif

.DEFAULT_GOAL := all

.PHONY: help
help: ## list the targets
	@echo 'usage: make [TARGET] [KERNEL=6.1|6.12|debug | KDIR=folder of headers]'
	@echo
	@sed -n 's/^\([a-z][a-z.-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
		while IFS='	' read -r target text; do \
			printf '  %-14s %s\n' "$$target" "$$text"; \
		done
	@echo
	@echo 'KERNEL is $(KERNEL) unless given. What is needed is installed with apt-get'
	@echo '(Debian 12) and cached in $(KVM_FT_CACHE).'

.PHONY: all
all: modules ## build the modules (the default)

.PHONY: deps
deps: ## install and prepare everything that the targets need
	$(DEPS) build-6.1 build-6.12 lab-6.1 lab-6.12 selftest style kunit user fuzz vmm workloads

.PHONY: modules
modules: ## build kvm-ft.ko and the test modules to build/modules-KERNEL/
ifndef KDIR
	@$(DEPS) build-$(KERNEL)
endif
	+@$(TESTING)/build-modules.sh $(BUILD_FOR) W=$(W) modules

.PHONY: libkvmft
libkvmft: ## build the library for VMMs and its example to build/libkvmft/
	@$(DEPS) user
	+@$(MAKE) --no-print-directory -C userspace/libkvmft

.PHONY: ftvmm
ftvmm: libkvmft ## build the reference VMM to build/ftvmm/ftvmm
	@$(DEPS) vmm
	+@$(MAKE) --no-print-directory -C userspace/ftvmm

.PHONY: ftadm
ftadm: libkvmft ## build the administrator's command to build/ftadm/ftadm
	@$(DEPS) user
	+@$(MAKE) --no-print-directory -C userspace/ftadm

.PHONY: ftd
ftd: ## build the daemon that pairs hosts to build/ftd/ftd
	@$(DEPS) user
	+@$(MAKE) --no-print-directory -C userspace/ftd

.PHONY: ft-arbiter
ft-arbiter: ## build the tool for shared storage to build/arbiter/ft-arbiter
	@$(DEPS) user vmm
	+@$(MAKE) --no-print-directory -C userspace/arbiter

# T= names the tests to run: all by default.
T ?=

.PHONY: kunit
kunit: ## run the KUnit suites under User Mode Linux (T="suite.case": only those)
	@$(DEPS) kunit
	$(TESTING)/run-kunit $(T)

.PHONY: selftest-build
selftest-build: libkvmft
	@$(DEPS) selftest
	+@$(MAKE) --no-print-directory -C $(TESTING)/selftests

.PHONY: selftest
selftest: modules selftest-build ## run the selftests on an emulated host (T="name...": only those)
	@$(DEPS) lab-$(KERNEL)
	$(TESTING)/run-selftests --kernel $(KERNEL) $(if $(filter-out file,$(origin PAGING)),--paging $(PAGING)) $(T)

.PHONY: unittest
unittest: ## run the unit tests of the test scripts (T="name...": only those)
	@$(DEPS) lab-6.12 user vmm
	$(TESTING)/run-unittests $(T)

ftvmm_suite = $(filter virtqueue% control% message% output% pause% disk% folder% snapshot% hold% patience% snoop% announce% blk% net% switchover% signals% deferred% memory% machine%,$(T))
ftd_suite = $(filter auth% pairing%,$(T))
arbiter_suite = $(filter arbiter% contest% contenders%,$(T))
other_suite = $(filter-out $(ftvmm_suite) $(ftd_suite) $(arbiter_suite),$(T))
all_suites = $(if $(T),,all)
usertests = $(if $(other_suite)$(all_suites),$(TESTING)/replay) \
	    $(if $(ftvmm_suite)$(all_suites),userspace/ftvmm) \
	    $(if $(arbiter_suite)$(all_suites),userspace/arbiter) \
	    $(if $(ftd_suite)$(all_suites),userspace/ftd)

# A suite that fails keeps no other from being run.
.PHONY: usertest
usertest: ## run the suites of the engine, ftvmm, ftd and the arbiter in user space, with sanitizers (T="suite.case": only those)
	@$(DEPS) user vmm
	@status=0; for folder in $(usertests); do \
		$(MAKE) --no-print-directory -C $$folder test T='$(T)' || status=1; \
	done; exit $$status

SECONDS ?= 60

.PHONY: fuzz
fuzz: ## fuzz the engine's decoders and ftd's (SECONDS=60)
	@$(DEPS) fuzz
	@$(MAKE) --no-print-directory -C $(TESTING)/fuzz run SECONDS=$(SECONDS)

.PHONY: labtest
labtest: modules ## test the lab itself, with emulated hosts (T="name...": only those)
	@$(DEPS) lab-$(KERNEL)
	$(TESTING)/lab/selftest --kernel $(KERNEL) $(T)

# How the host's KVM maps guest memory: nested or strict (shadow paging).
PAGING ?= nested

.PHONY: vmmtest
vmmtest: ftvmm ft-arbiter modules ## test the reference VMM with Linux guests, on an emulated host (T="name...": only those)
	@$(DEPS) lab-6.1 lab-6.12 lab-$(KERNEL) workloads
	$(TESTING)/vmm/vmmtest --kernel $(KERNEL) --paging $(PAGING) $(T)

# Of the moments at which scenarios let things happen: drawn unless it is given.
SEED ?=
RUNS ?= 100

.PHONY: scenarios
scenarios: PAGING = strict
scenarios: ftvmm ftadm ftd ft-arbiter modules ## let emulated hosts fail while clients use their guest (T="name...": only those; SEED=)
	@$(DEPS) lab-6.12 lab-$(KERNEL) workloads
	$(TESTING)/scenarios/run-scenarios --kernel $(KERNEL) --paging $(PAGING) $(addprefix --seed ,$(SEED)) $(T)

.PHONY: style
style: ## check the sources: checkpatch, sparse, cppcheck and more (T="check...": only those)
	@$(DEPS) style build-6.1 build-6.12
	$(TESTING)/style $(T)

.PHONY: demo
demo: ftvmm ftadm ftd ft-arbiter modules ## kill two hosts, one after the other, whose guest goes on (three emulated hosts)
	@$(DEPS) lab-6.12 lab-$(KERNEL) workloads
	@$(TESTING)/demo/demo --kernel $(KERNEL)

.PHONY: demo-replay
demo-replay: modules ## record a small guest on one host and replay it on another
	@$(DEPS) selftest lab-$(KERNEL)
	@$(MAKE) --no-print-directory -C $(TESTING)/demo-replay
	@$(TESTING)/demo-replay/demo --kernel $(KERNEL)

SEEDS ?= 100000
TIMINGS ?= 20

.PHONY: campaign
campaign: campaign-programs campaign-workloads campaign-scenarios ## record and replay random programs and real ones, and let hosts fail, for days

.PHONY: campaign-modules
campaign-modules:
	@$(MAKE) --no-print-directory modules KERNEL=6.1
	@$(MAKE) --no-print-directory modules KERNEL=6.12
	@$(DEPS) lab-6.1 lab-6.12

.PHONY: campaign-programs
campaign-programs: campaign-modules selftest-build ## of these, the random programs (SEEDS=100000)
	$(TESTING)/campaign --seeds $(SEEDS)

.PHONY: campaign-workloads
campaign-workloads: campaign-modules ftvmm ## of these, the real programs (TIMINGS=20 each, T="workload...")
	@$(DEPS) workloads
	$(TESTING)/vmm/campaign --seeds $(TIMINGS) $(T)

.PHONY: campaign-scenarios
campaign-scenarios: PAGING = strict
campaign-scenarios: ftvmm ftadm ftd ft-arbiter modules ## of these, the failures: scenarios drawn at random (RUNS=100, SEED=, T="name...")
	@$(DEPS) lab-6.12 lab-$(KERNEL) workloads
	$(TESTING)/scenarios/run-scenarios --kernel $(KERNEL) --paging $(PAGING) --runs $(RUNS) $(addprefix --seed ,$(SEED)) $(T)

.PHONY: bench
bench: modules ftvmm ftadm ftd ft-arbiter ## count what kvm-ft costs, to build/bench.json (T="workload...", T=protection: only those)
	@$(DEPS) selftest lab-6.12 lab-$(KERNEL) workloads
	@$(MAKE) --no-print-directory -C $(TESTING)/bench
	@$(TESTING)/bench/bench --kernel $(KERNEL) $(T)

.PHONY: check
check: ## all of the above on both kernels; the one command that tests everything
	@$(DEPS) python
	@$(TESTING)/check

.PHONY: check-debug
check-debug: ## run the selftests on the debug kernel (builds it first: long)
	@$(DEPS) debug
	@$(TESTING)/check --kernel debug --only build-debug --only build-selftests --only selftest-debug-nested --only selftest-debug-strict --only leaktest

# Where to install: the running kernel, unless KERNEL= or KDIR= says otherwise.
ifeq ($(origin KERNEL)$(KDIR),file)
INSTALL_FOR := --kdir /lib/modules/$(shell uname -r)/build
else
INSTALL_FOR := $(BUILD_FOR)
endif
DESTDIR ?=
PREFIX ?= /usr/local
INSTALL_MOD_PATH ?= $(DESTDIR)
export INSTALL_MOD_PATH DESTDIR PREFIX

.PHONY: install
install: install-user ## install kvm-ft.ko for the running kernel, or KERNEL= or KDIR=, and what install-user does (DESTDIR=, PREFIX=)
	@$(TESTING)/build-modules.sh --install $(INSTALL_FOR)

.PHONY: install-user
install-user: libkvmft ftvmm ftadm ftd ft-arbiter ## install libkvmft, ftvmm, ftadm, ftd, ft-arbiter, their manual pages and bash completion only
	@$(MAKE) --no-print-directory -C userspace/libkvmft install
	@$(MAKE) --no-print-directory -C userspace/ftvmm install
	@$(MAKE) --no-print-directory -C userspace/ftadm install
	@$(MAKE) --no-print-directory -C userspace/arbiter install
	@$(MAKE) --no-print-directory -C userspace/ftd install

.PHONY: clean
clean: ## remove what was built in this folder
	rm -rf build

.PHONY: distclean
distclean: clean ## also remove the cache: kernels, sources, debug kernel (KVM_FT_CACHE)
	@echo 'Removing $(KVM_FT_CACHE):'
	@du -sh $(KVM_FT_CACHE)/* 2>/dev/null || :
	rm -rf $(foreach folder,kernels src kunit uapi-6.12 vmlinux initramfs guest-packages fuzz debug-build-*,\
		$(KVM_FT_CACHE)/$(folder)) $(KVM_FT_CACHE)/.deps.lock
	@rmdir $(KVM_FT_CACHE) 2>/dev/null || :
