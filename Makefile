# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# Everything is built out of tree, in $(BUILD). "make help" lists the targets, from the comments beside them.

VERSION := 0.1.0
comma    := ,
HOST_ARCH := $(shell uname -m | sed -e 's/aarch64/arm64/')
ARCH    ?= $(HOST_ARCH)
BUILD   ?= build$(if $(filter-out $(HOST_ARCH),$(ARCH)),/$(ARCH))
# One spelling of it, however it is given: the header dependencies of an earlier run name their targets by it.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include

MULTIARCH := $(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))-linux-gnu

ifneq ($(ARCH),$(HOST_ARCH))
CROSS     := $(MULTIARCH)-
# The other architecture's libraries: Debian's, unpacked under the build folder. SYSROOT= takes the system's own.
ifeq ($(origin SYSROOT),undefined)
SYSROOT   := $(shell tests/vm/vm.py --build $(dir $(BUILD)) sysroot)
endif
endif
BPF_ARCH  := $(if $(filter x86_64,$(ARCH)),x86,$(ARCH))

CC       = $(CROSS)gcc
STRIP    = $(CROSS)strip
CLANG    ?= clang
# Version 14: others format a few constructs differently.
CLANG_FORMAT ?= clang-format-14
CLANG_TIDY ?= clang-tidy-14
BPFTOOL  ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)
PKGCONF  ?= pkg-config
WERROR   ?= -Werror
PYTEST   ?= /usr/bin/python3 -m pytest

# What distributions' packages are built with.
CFLAGS   ?= -O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LDHARD   := -Wl,-z,relro,-z,now
# Where the linker knows it, relocations take no room.
STATIC   := -static-pie $(LDHARD)$(if $(filter x86_64,$(ARCH)),$(comma)-z$(comma)pack-relative-relocs)
WARN_ALL := -Wall -Wextra -Wshadow -Wundef -Wvla -Wwrite-strings
# clang doesn't know all of these, and takes any cast to a larger type for misaligned.
WARN_CLANG := -Wno-unknown-warning-option -Wno-cast-align
# Messages are cut to their buffers on purpose: no -Wformat-truncation.
WARN     := $(WARN_ALL) -Wmissing-prototypes -Wstrict-prototypes -Wcast-align -Wnull-dereference -Wlogical-op \
	-Wduplicated-cond -Wno-format-truncation $(if $(findstring clang,$(CC)),$(WARN_CLANG)) $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -DTOOLS_VERSION='"$(VERSION)"' -Iblazesym-lite/include -Ilibbpf-tools -I$(BUILD)/skel/$(ARCH)
ifneq ($(SYSROOT),)
SYSINC   := -isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/$(MULTIARCH)
CPPFLAGS += $(SYSINC)
LDFLAGS  += -L$(SYSROOT)/usr/lib/$(MULTIARCH)
endif
CSTD     := -std=gnu11
LIBS     := -lbpf -ldw -lelf -liberty -lz -llzma
LIBS_STATIC := $(LIBS) -lbz2 -lzstd -lpthread
SECTIONS := -ffunction-sections -fdata-sections
CFLAGS_ALL = $(CSTD) $(CPPFLAGS) $(CFLAGS) $(WARN) $(SECTIONS)

LIBBPF_MIN := 1.3

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
MAKEFLAGS += --no-print-directory
endif

# trace generates all its programs, tplist needs none: they have no kernel half.
PLAIN    := trace tplist
TOOLS    := $(PLAIN) $(foreach t,$(patsubst libbpf-tools/%.bpf.c,%,$(wildcard libbpf-tools/*.bpf.c)),$(if \
	$(wildcard libbpf-tools/$(t).c),$(t)))
BSL_SRC  := $(filter-out blazesym-lite/cli.c,$(wildcard blazesym-lite/*.c))
# lib, types, probe and its stages, and the parts of the tools that have several.
LIB_SRC  := $(wildcard libbpf-tools/*/*.c libbpf-tools/*/*/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
CLI      := $(if $(wildcard blazesym-lite/cli.c),blazesym-lite)
BINS     := $(TOOLS) $(CLI)

# BCC's names for a tool that looks at one language: links, the tool reads its own name. NAME:TOOL.
LANGUAGES := java node perl php python ruby tcl
LINKS    := $(foreach l,$(LANGUAGES),$(l)stat:ustat) \
	$(foreach l,$(filter-out node,$(LANGUAGES)),$(l)flow:uflow $(l)calls:ucalls)

OBJ      := $(BUILD)/obj
objs      = $(patsubst %.c,$(1)/%.o,$(2))
SHARED   := $(BSL_SRC) $(LIB_SRC)

.PHONY: all static dist targets debian13 demo bench coverage install vmlinux deb clean help format tidy compile_commands.json FORCE \
	check check-user check-root check-unit check-asan check-fuzz check-tools check-honest check-truth check-layers \
	check-format check-control check-paths check-install
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINS:%=$(BUILD)/bin/%) ## the tools
static: $(BINS:%=$(BUILD)/static/bin/%) $(BUILD)/static/tracebox ## the tools, each an executable without shared libraries, and one of all

# --- what must be there -------------------------------------------------------------------------

ifeq ($(filter clean help vmlinux check-vm vm-shell,$(MAKECMDGOALS)),)
ifeq ($(CROSS),)
ifneq ($(shell $(PKGCONF) --atleast-version=$(LIBBPF_MIN) libbpf 2>/dev/null && echo ok),ok)
$(error libbpf $(LIBBPF_MIN) or newer is needed, found: $(or $(shell $(PKGCONF) --modversion libbpf 2>/dev/null),none). \
 Install libbpf-dev (Debian 12: apt-get install -t bookworm-backports libbpf-dev libelf-dev libdw-dev bpftool), or run ./bootstrap)
endif
endif
endif

# --- changed flags rebuild ----------------------------------------------------------------------

# A file that keeps a command; what depends on it is made again when the command is another one.
define remember # file, command
ifneq ($$(file <$(1)),$$(strip $(2)))
$(1): FORCE
endif
$(1):
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$$(strip $(2)))' >$$@
endef

# --- kernel side: TOOL.bpf.c -> TOOL.skel.h -----------------------------------------------------

# The object holds the names of its sources: not where they were.
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) $(WARN_ALL) $(WERROR) \
	-Wno-unused-parameter -Ivmlinux/$(ARCH) -Ilibbpf-tools -Ilibbpf-tools/bpf \
	-idirafter /usr/include/$(MULTIARCH) -ffile-prefix-map=$(CURDIR)=.

$(eval $(call remember,$(BUILD)/bpf/$(ARCH)/flags,$(CLANG) $(BPF_CFLAGS)))
$(BUILD)/bpf/$(ARCH)/%.bpf.o: libbpf-tools/%.bpf.c $(BUILD)/bpf/$(ARCH)/flags
	$(say) BPF $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@.tmp -MF $@.d -MT $@
	$(Q)$(BPFTOOL) gen object $@ $@.tmp

$(BUILD)/skel/$(ARCH)/%.skel.h: $(BUILD)/bpf/$(ARCH)/%.bpf.o
	$(say) SKEL $@
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

# --- user side: dynamic, static and sanitized builds of the same sources ------------------------

define rules # variant directory, extra flags, compiler if another one
$(call remember,$(1)/flags,$(or $(3),$(CC)) $(CFLAGS_ALL) $(2) $(LDFLAGS))
$(1)/%.o: %.c $(1)/flags
	$$(say) CC $$@
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$$(CC)) $$(CFLAGS_ALL) $(2) -MMD -MP -c $$< -o $$@

$(1)/libshared.a: $(call objs,$(1),$(SHARED))
	$$(Q)rm -f $$@ && $$(CROSS)ar rcsP $$@ $$^
endef
$(eval $(call rules,$(OBJ)/dynamic,))
$(eval $(call rules,$(OBJ)/asan,-U_FORTIFY_SOURCE -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1))
# libFuzzer has no header.
$(eval $(call rules,$(OBJ)/fuzz,$(WARN_CLANG) -Wno-missing-prototypes -U_FORTIFY_SOURCE -fsanitize=fuzzer-no-link -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -O1,$(CLANG)))
ifneq ($(ARCH),$(HOST_ARCH))
$(eval $(call rules,$(OBJ)/$(ARCH),))
STATIC_OBJ := $(OBJ)/$(ARCH)
else
STATIC_OBJ := $(OBJ)/dynamic
endif

# A front end includes its skeleton, which must exist before its first compilation.
define tool_rules # tool
$(OBJ)/dynamic/libbpf-tools/$(1).o $(OBJ)/$(ARCH)/libbpf-tools/$(1).o: $(BUILD)/skel/$(ARCH)/$(1).skel.h
endef
$(foreach t,$(filter-out $(PLAIN),$(TOOLS)),$(eval $(call tool_rules,$(t))))
# So does the part of a front end that has a file of its own.
$(foreach v,dynamic asan fuzz $(ARCH),$(OBJ)/$(v)/libbpf-tools/redis/redis_probes.o): $(BUILD)/skel/$(ARCH)/redis-cmd.skel.h

# And what takes the walk of stacks from an object that isn't a tool's.
$(foreach v,dynamic asan fuzz $(ARCH),$(OBJ)/$(v)/libbpf-tools/probe/unwind.o): $(BUILD)/skel/$(ARCH)/unwind.skel.h

# And the tests of rows, which include one.
$(foreach v,dynamic asan,$(foreach t,$(patsubst tests/unit/test_row_%.c,%,$(wildcard tests/unit/test_row_*.c)),$(if \
	$(filter-out $(PLAIN),$(t)),$(eval $(OBJ)/$(v)/tests/unit/test_row_$(t).o: $(BUILD)/skel/$(ARCH)/$(t).skel.h))))

# System calls by number, of the machine that is compiled for and, where it has headers for them, of its 32-bit programs.
$(BUILD)/skel/%/syscall_names.h:
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd.h>' | $(CC) $(CPPFLAGS) -dM -E - | \
		sed -nE '/_(syscalls|arch_specific_syscall) /d; s/^#define __NR_([a-z0-9_]+) .*/\t[__NR_\1] = "\1",/p' | LC_ALL=C sort > $@
$(BUILD)/skel/x86_64/syscall_names_32bit.h:
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd_32.h>' | $(CC) $(CPPFLAGS) -dM -E - | \
		sed -nE '/_(syscalls|arch_specific_syscall) /d; s/^#define __NR_([a-z0-9_]+) (.*)/\t[\2] = "\1",/p' | LC_ALL=C sort > $@
$(BUILD)/skel/arm64/syscall_names_32bit.h:
	@mkdir -p $(@D)
	$(Q)printf '\t[0] = NULL,\n' > $@
$(foreach v,dynamic asan fuzz $(ARCH),$(OBJ)/$(v)/libbpf-tools/lib/syscall.o): \
	$(BUILD)/skel/$(ARCH)/syscall_names.h $(BUILD)/skel/$(ARCH)/syscall_names_32bit.h

main_obj = $(1)/$(if $(filter blazesym-lite,$(2)),blazesym-lite/cli,libbpf-tools/$(2)).o

.SECONDEXPANSION:
$(BUILD)/bin/%: $$(call main_obj,$(OBJ)/dynamic,$$*) $(OBJ)/dynamic/libshared.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LDHARD) -Wl,--gc-sections $^ $(LIBS) -o $@

$(BUILD)/static/bin/%: $$(call main_obj,$(STATIC_OBJ),$$*) $(STATIC_OBJ)/libbpf-tools/static.o $(STATIC_OBJ)/libshared.a
	$(say) STATIC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -Wl,--gc-sections -Wl,--start-group $^ $(LIBS_STATIC) -Wl,--end-group -o $@
	$(Q)$(STRIP) $@

# All tools in one executable: their main() under other names.
BOX      := $(BUILD)/static/tracebox
box_main  = $(subst -,_,$(1))_main
$(BUILD)/skel/$(ARCH)/tracebox_tools.h: Makefile
	@mkdir -p $(@D)
	$(Q)printf 'TOOL("%s", %s)\n' $(foreach b,$(BINS),$(b) $(call box_main,$(b))) \
		$(foreach l,$(LINKS),$(firstword $(subst :, ,$(l))) $(call box_main,$(lastword $(subst :, ,$(l))))) >$@
$(STATIC_OBJ)/box/%.o: $$(call main_obj,$(STATIC_OBJ),$$*)
	@mkdir -p $(@D)
	$(Q)$(CROSS)objcopy --redefine-sym main=$(call box_main,$*) $< $@
$(STATIC_OBJ)/libbpf-tools/tracebox.o: $(BUILD)/skel/$(ARCH)/tracebox_tools.h
$(BOX): $(STATIC_OBJ)/libbpf-tools/tracebox.o $(STATIC_OBJ)/libbpf-tools/static.o $(BINS:%=$(STATIC_OBJ)/box/%.o) $(STATIC_OBJ)/libshared.a
	$(say) STATIC $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -Wl,--gc-sections -Wl,--start-group $^ $(LIBS_STATIC) -Wl,--end-group -o $@
	$(Q)$(STRIP) $@

# --- tests --------------------------------------------------------------------------------------

UNIT     := $(UNIT_SRC:tests/unit/%.c=%)
TARGET_SRC := $(wildcard tests/targets/*.c)
TARGET_SO := $(patsubst tests/targets/lib%.c,$(BUILD)/targets/lib%.so,$(filter tests/targets/lib%.c,$(TARGET_SRC)))
TARGET_BIN := $(patsubst tests/targets/%.c,$(BUILD)/targets/%,$(filter-out tests/targets/lib%.c,$(TARGET_SRC)))

# A test may need more libraries: "LINK: name" in its source.
unit_libs = -lcmocka $(addprefix -l,$(shell sed -n 's/^.*LINK: *//p' tests/unit/$(1).c))

$(BUILD)/unit/%: $(OBJ)/dynamic/tests/unit/%.o $(OBJ)/dynamic/libshared.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) $(call unit_libs,$*) -o $@

$(BUILD)/unit-asan/%: $(OBJ)/asan/tests/unit/%.o $(OBJ)/asan/libshared.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -fsanitize=address,undefined $^ $(LIBS) $(call unit_libs,$*) -o $@

$(BUILD)/fuzz/%: $(OBJ)/fuzz/tests/fuzz/%.o $(OBJ)/fuzz/libshared.a
	$(say) FUZZ $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -fsanitize=fuzzer,address,undefined $^ $(LIBS) -o $@

$(BUILD)/targets/lib%.so: tests/targets/lib%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(SYSINC) -O2 -g -fPIC -shared $< -o $@
# Frame pointers, as the stacks are walked by them; -rdynamic is not needed: .symtab is there.
$(BUILD)/targets/%: tests/targets/%.c $(TARGET_SO)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(SYSINC) -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -pthread $< -o $@ -L$(BUILD)/targets \
		$(addprefix -l,$(shell sed -n 's/^.*LINK: *//p' $<)) -Wl,-rpath,'$$ORIGIN'
-include tests/targets/targets.mk
targets: $(TARGET_SO) $(TARGET_BIN) $(TARGET_EXTRA) ## the programs that tests trace

check: check-user check-root ## all tests on this machine, as root
check-user: check-format check-control check-layers check-paths check-install tidy check-unit check-asan check-fuzz
check-root: check-tools check-honest

check-unit: $(UNIT:%=$(BUILD)/unit/%) ## unit tests, the unprivileged ones unless root
	$(Q)for t in $^; do echo "== $$t"; $$t || exit 1; done
check-asan: $(UNIT:%=$(BUILD)/unit-asan/%) ## the same with sanitizers
	$(Q)for t in $^; do echo "== $$t"; $$t || exit 1; done

# A build of its own. COVERED are targets that run what is counted, check-tools as well.
COVERAGE := $(BUILD)/coverage
COVERED  ?= check-unit
$(COVERAGE)/exit.o: tests/coverage.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -c $< -o $@
coverage: $(COVERAGE)/exit.o ## the lines that unit tests run, by gcov
	$(Q)find $(COVERAGE) -name '*.gcda' -delete
	$(Q)$(MAKE) BUILD=$(COVERAGE) CFLAGS='-O0 -g --coverage' LDFLAGS='$(LDFLAGS) -Wl,--wrap=_exit $<' $(COVERED)
	$(Q)/usr/bin/python3 tests/coverage.py $(COVERAGE)/obj/dynamic

FUZZ_SECONDS ?= 3
$(BUILD)/seeds/made: $(wildcard tests/fuzz/seeds/*)
	$(Q)CC='$(CC)' CLANG='$(CLANG)' tests/fuzz/seeds/make.sh $(@D) && touch $@
check-fuzz: $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%) $(BUILD)/seeds/made ## each fuzzer for FUZZ_SECONDS
	$(Q)for f in $(filter-out %/made,$^); do n=$${f##*/fuzz_}; mkdir -p $(BUILD)/corpus/$$n $(BUILD)/seeds/$$n; echo "== $$f"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -verbosity=0 -print_final_stats=0 \
			-artifact_prefix=$(BUILD)/corpus/ $(BUILD)/corpus/$$n $(BUILD)/seeds/$$n \
			$$(ls -d tests/fuzz/corpus/$$n 2>/dev/null) || exit 1; done

# Debian 13's builds of language runtimes, which lack USDT. Where they can't be fetched their tests are skipped.
debian13: $(BUILD)/debian13 ## fetch language runtimes for their tests
$(BUILD)/debian13:
	$(say) UNPACK $@
	$(Q)/usr/bin/python3 tests/targets/runtimes/debian13.py $@

TESTS ?= tests/tools
check-tools: all static targets ## end-to-end tests, those in TESTS, as root
	$(Q)BUILD=$(abspath $(BUILD)) $(PYTEST) -p no:cacheprovider -q -rs $(TESTS)

# Random programs that log their own calls, against what trace prints of them: tests/truth/README.md.
SEED     ?= 1
PROGRAMS ?= 5
check-truth: $(BUILD)/bin/trace ## random programs against what trace prints of them, as root
	$(Q)BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/truth/truth.py --seed $(SEED) --programs $(PROGRAMS) $(TRUTH)

# End-to-end tests with a fake in the place of each tool, which the tests must notice.
HONEST := $(BUILD)/honest
define check_honest # name of the fake, what it does
	$(say) FAKE '$(1): $(2)'
	$(Q)rm -rf $(HONEST)/$(1) && mkdir -p $(HONEST)/$(1)/bin $(HONEST)/$(1)/static
	$(Q)printf '#!/bin/sh\n$(2)\n' >$(HONEST)/$(1)/fake && chmod +x $(HONEST)/$(1)/fake
	$(Q)for b in $(BINS); do ln -s ../fake $(HONEST)/$(1)/bin/$$b; done && ln -s ../bin $(HONEST)/$(1)/static
	$(Q)ln -s $(addprefix $(abspath $(BUILD))/,targets debian13 servers) $(HONEST)/$(1)
	$(Q)BUILD=$(abspath $(HONEST))/$(1) TESTS_PATIENCE=2 TESTS_SECONDS=60 PYTHONPATH=tests $(PYTEST) -p honest -p no:cacheprovider -q \
		-m 'not no_tool' $(TESTS)
endef
check-honest: targets ## fail if one of TESTS passes with tools that print nothing
	$(call check_honest,blind,echo armed >&2)
	$(call check_honest,mute,exit 1)

demo: $(BUILD)/bin/trace ## trace a live Redis, as root
	$(Q)BUILD=$(abspath $(BUILD)) sh tests/demo.sh

$(BUILD)/bench/%: $(OBJ)/dynamic/tests/bench/%.o $(OBJ)/dynamic/libshared.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $^ $(LIBS) -o $@

bench: all targets $(BUILD)/bench/floor $(BUILD)/bench/ways $(BUILD)/bench/symbols ## measure, on an idle machine, as root
	$(Q)BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/bench.py
	$(Q)BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/symbols.py
	$(Q)BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/snoop.py
	$(Q)BUILD=$(abspath $(BUILD)) /usr/bin/python3 tests/bench/redis.py

-include tests/vm/vm.mk

# --- the rest -----------------------------------------------------------------------------------

# One object, in which only the interface is visible.
LIBRARY  := $(BUILD)/lib/libblazesym-lite.a
$(LIBRARY): $(call objs,$(OBJ)/dynamic,$(BSL_SRC))
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)$(CC) -r -nostdlib -o $(@:.a=.o) $^
	$(Q)$(CROSS)objcopy --wildcard --keep-global-symbol='bsl_*' $(@:.a=.o)
	$(Q)rm -f $@ && $(CROSS)ar rcs $@ $(@:.a=.o)

# The number changes when a program that was linked with an older one would no longer work.
SONAME   := libblazesym-lite.so.0
SHARED_LIBRARY := $(BUILD)/lib/$(SONAME)
$(eval $(call rules,$(OBJ)/pic,-fPIC))
# Programs see what the header declares.
$(BUILD)/lib/exports.map: blazesym-lite/include/blazesym-lite.h
	@mkdir -p $(@D)
	$(Q)(echo 'BLAZESYM_LITE_$(patsubst .%,%,$(suffix $(SONAME))) { global:'; grep -oE '\bbsl_[a-z0-9_]+\(' $< | sort -u | tr '(' ';'; echo 'local: *; };') >$@
$(SHARED_LIBRARY): $(call objs,$(OBJ)/pic,$(BSL_SRC)) $(BUILD)/lib/exports.map
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LDHARD) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(BUILD)/lib/exports.map \
		-Wl,--no-undefined -Wl,--gc-sections $(filter %.o,$^) $(filter-out -lbpf,$(LIBS)) -o $@

# A package may append something to the names of tools, so that they live beside others of the same names.
SUFFIX   ?=
SHARE    ?= $(PREFIX)/share
UNITDIR  ?= $(PREFIX)/lib/systemd/system
install: all $(LIBRARY) $(SHARED_LIBRARY) ## below PREFIX (/usr/local), in DESTDIR
	$(Q)BUILD=$(BUILD) SBINDIR=$(SBINDIR) MANDIR=$(MANDIR) SHARE=$(SHARE) UNITDIR=$(UNITDIR) DESTDIR=$(DESTDIR) SUFFIX=$(SUFFIX) \
		packaging/install.sh '$(TOOLS)' '$(LINKS)' $(CLI)
	install -d $(addprefix $(DESTDIR),$(INCDIR) $(LIBDIR)/pkgconfig $(MANDIR)/man3)
	install -m 644 man/blazesym-lite.3 $(DESTDIR)$(MANDIR)/man3
	install -m 644 blazesym-lite/include/blazesym-lite.h $(DESTDIR)$(INCDIR)
	install -m 644 $(LIBRARY) $(SHARED_LIBRARY) $(DESTDIR)$(LIBDIR)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libblazesym-lite.so
	sed 's|@LIBDIR@|$(LIBDIR)|; s|@INCDIR@|$(INCDIR)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(filter-out -lbpf,$(LIBS))|' \
		blazesym-lite/blazesym-lite.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/blazesym-lite.pc

# The manual's example, against what is installed.
check-install: ## fail if a program can't be built with the installed library
	$(Q)rm -rf $(BUILD)/installed && $(MAKE) install DESTDIR=$(abspath $(BUILD))/installed >/dev/null
	$(Q)sed -n '/^\.EE/q; /^\.EX/,$${/^\.EX/d; s/\\e/\\/g; s/\\-/-/g; p}' man/blazesym-lite.3 >$(BUILD)/installed/example.c
	$(Q)cd $(BUILD)/installed && $(CC) -Wall -Wextra -Werror example.c -o example $$(PKG_CONFIG_SYSROOT_DIR=$$PWD \
		PKG_CONFIG_PATH=$$PWD$(LIBDIR)/pkgconfig $(PKGCONF) --cflags --libs blazesym-lite) && \
		LD_LIBRARY_PATH=$$PWD$(LIBDIR) ./example | grep '^malloc at 0x'

vmlinux: ## make the types of kernels anew
	$(Q)$(MAKE) -C vmlinux BUILD=$(abspath $(BUILD))

check-control: ## fail if debian/control, bootstrap and LIBBPF_MIN disagree
	$(Q)tests/control.sh

check-layers: all ## fail if a folder uses one that is not below it, or files call each other in a circle
	$(Q)/usr/bin/python3 tests/check_layers.py $(OBJ)/dynamic

# No folder's name in what is shipped: two builds of the same sources are equal, wherever they are made.
check-paths: all static ## fail if an executable names the folder it was built in
	$(Q)! grep -lF '$(CURDIR)' $(BUILD)/static/bin/* $(BUILD)/bpf/*/*.o

# A release: the sources as committed, the static executables of this machine, what is in them, and checksums.
DIST := $(BUILD)/dist
NAME := tracing-tools-$(VERSION)
dist: static ## sources, static executables and checksums of a release, in dist/
	$(Q)rm -rf $(DIST) && mkdir -p $(DIST)/$(NAME)-$(ARCH)
	$(Q)git archive --format=tar --prefix=$(NAME)/ HEAD | xz >$(DIST)/$(NAME).tar.xz
	$(Q)cp -r $(BUILD)/static/bin $(BOX) LICENSE LICENSES packaging/THIRD-PARTY.md CHANGELOG.md $(DIST)/$(NAME)-$(ARCH)
	$(Q)dpkg-query -W -f '$${source:Package} $${source:Version}\n' libc6-dev libbpf-dev libelf-dev libiberty-dev zlib1g-dev \
		liblzma-dev libzstd-dev libbz2-dev 2>/dev/null | sort -u >$(DIST)/$(NAME)-$(ARCH)/VERSIONS
	$(Q)tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$$(git log -1 --format=%ct) -cf - $(NAME)-$(ARCH) | \
		xz >$(DIST)/$(NAME)-$(ARCH).tar.xz && rm -r $(DIST)/$(NAME)-$(ARCH)
	$(Q)cd $(DIST) && sha256sum *.tar.xz >SHA256SUMS && cat SHA256SUMS

deb: check-control ## the Debian package
	dpkg-buildpackage -us -uc -b

clean: ## remove all that was built
	rm -rf $(BUILD)

# The commands as they were last used; clang passes over what only gcc knows.
define compile_commands # files, their command
sed 's/[\\"]/\\&/g' $(2) | { read -r command; for file in $(1); do printf ',{"directory": "%s", "file": "%s", "command": "%s"}\n' \
	'$(CURDIR)' $$file "$$command $(WARN_CLANG) -c $$file"; done; }
endef
C_SRC    := $(SHARED) $(BINS:%=libbpf-tools/%.c) libbpf-tools/tracebox.c libbpf-tools/static.c $(UNIT_SRC)
C_SRC    := $(filter-out libbpf-tools/blazesym-lite.c,$(C_SRC)) blazesym-lite/cli.c
compile_commands.json: all $(BUILD)/skel/$(ARCH)/tracebox_tools.h ## the commands of all sources, for clangd and clang-tidy
	$(Q){ echo '['; $(call compile_commands,$(C_SRC),$(OBJ)/dynamic/flags); \
		$(call compile_commands,$(wildcard libbpf-tools/*.bpf.c),$(BUILD)/bpf/$(ARCH)/flags); echo ']'; } | sed '2s/^,//' >$@

TIDY     ?= $(filter-out tests/%,$(C_SRC))
tidy: compile_commands.json ## clang-tidy over all sources or those in TIDY, by .clang-tidy
	$(Q)echo $(TIDY) | xargs -n 1 -P $$(nproc) $(CLANG_TIDY) -p . --quiet

# Generated files keep the form that their generator gives them.
FORMATTED = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cc' ':!vmlinux/*/vmlinux.h')
format: ## put all sources into their form
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)
check-format: ## fail if make format would change something
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED) || { echo 'make format' mends this; exit 1; }

help: ## this list
	@sed -nE 's/^([a-z0-9_.-]+):.* ## (.*)/  \1\t\2/p' $(wildcard Makefile tests/vm/vm.mk) | expand -t 18
	@echo 'V=1 shows the commands, ARCH=arm64 cross-compiles, WERROR= lets warnings pass.'

-include $(shell find $(BUILD)/obj $(BUILD)/bpf -name '*.d' 2>/dev/null)
