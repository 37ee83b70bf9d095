# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# The kernel matrix: make check-vm KERNELS="5.10 6.1" (or all), make vm-shell KERNEL=6.1; VM_TESTS are the
# tests to run, VMFLAGS go to "vm.py run". vm-docs puts the last report into docs/kernels.md.
# make bench-guest KERNEL=6.1: VM_BENCHES in a guest with kernel headers, beside BCC's and libbpf-tools' own.

KERNELS ?= 6.1 6.12
KERNEL  ?= 6.1
VMFLAGS ?=
# By default what every kernel has to pass, in less than two minutes; of all kernels, everything that depends on one.
VM_QUICK := trace trace_kernel trace_ways crowds opensnoop
VM_NOT   := blazesym blazesym_agrees vmlinux trace_bpftrace
VM_ALL   := $(filter-out $(VM_NOT),$(patsubst tests/tools/test_%.py,%,$(wildcard tests/tools/test_*.py)))
VM_TESTS ?= $(patsubst %,tests/tools/test_%.py,$(if $(filter all,$(KERNELS)),$(VM_ALL),$(VM_QUICK)))
VM_BENCHES ?= tests/bench/snoop.py tests/bench/languages.py
VM      := tests/vm/vm.py --build $(BUILD)
VM_ARM64 = $(if $(findstring arm64,$(KERNELS:all=arm64)),vm-arm64)

.PHONY: check-vm bench-guest vm-shell vm-docs vm-arm64

check-vm: all static targets $(VM_ARM64) ## end-to-end tests on KERNELS, in virtual machines
	$(Q)$(PYTEST) -p no:cacheprovider -q tests/vm/test_vm.py
	$(Q)$(VM) run $(VMFLAGS) --kernels "$(KERNELS)" $(VM_TESTS)

# What the arm64 guest runs: static tools, and targets for its own root of Debian packages.
vm-arm64:
	$(Q)$(MAKE) static targets ARCH=arm64 BUILD=$(BUILD)/arm64 SYSROOT="$$($(VM) sysroot)"
	$(Q)ln -sfn static/bin $(BUILD)/arm64/bin

bench-guest: all targets ## measure beside BCC and libbpf-tools, in a virtual machine
	$(Q)$(VM) bench $(VMFLAGS) $(KERNEL) $(VM_BENCHES)

vm-shell: $(if $(findstring arm64,$(KERNEL)),vm-arm64) ## a root shell on KERNEL
	$(Q)$(VM) shell $(KERNEL)

vm-docs: ## put the last results of check-vm into docs/kernels.md
	$(Q)$(VM) docs
