# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# Targets that aren't one C file: included by the top Makefile. A language whose compiler isn't
# installed is left out, and the tests that want its program say so.

$(TARGET_BIN) $(TARGET_SO): tests/targets/target.h

TARGET_CXX := $(patsubst tests/targets/%.cc,$(BUILD)/targets/%,$(wildcard tests/targets/*.cc))
ifneq ($(shell command -v $(CROSS)g++),)
TARGET_EXTRA += $(TARGET_CXX)
endif
$(TARGET_CXX): $(BUILD)/targets/%: tests/targets/%.cc tests/targets/target.h
	@mkdir -p $(@D)
	$(Q)$(CROSS)g++ -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer $< -o $@

TARGET_JAVA := $(patsubst tests/targets/%.java,$(BUILD)/targets/%.class,$(wildcard tests/targets/*.java))
ifneq ($(shell command -v javac),)
TARGET_EXTRA += $(TARGET_JAVA)
endif
$(TARGET_JAVA): $(BUILD)/targets/%.class: tests/targets/%.java
	@mkdir -p $(@D)
	$(Q)javac -d $(@D) $<

# Nothing is fetched: only the standard library is used. Small stacks that grow are what a return probe breaks.
TARGET_GO := $(patsubst tests/targets/%.go,$(BUILD)/targets/%,$(wildcard tests/targets/*.go))
GO := $(firstword $(shell command -v go 2>/dev/null) $(wildcard /usr/lib/go/bin/go))
ifneq ($(GO),)
TARGET_EXTRA += $(TARGET_GO)
endif
$(TARGET_GO): $(BUILD)/targets/%: tests/targets/%.go
	@mkdir -p $(@D)
	$(Q)HOME=$(abspath $(BUILD)) GOCACHE=$(abspath $(BUILD))/go-cache GOFLAGS=-mod=mod GO111MODULE=off \
		CGO_ENABLED=0 GOARCH=$(if $(filter arm64,$(ARCH)),arm64,amd64) $(GO) build -o $@ $<

# What DWARF says of optimised code and of code that isn't are different things.
TARGET_O0 := $(BUILD)/targets/server-O0
TARGET_EXTRA += $(TARGET_O0)
$(TARGET_O0): $(BUILD)/targets/%-O0: tests/targets/%.c tests/targets/target.h
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -O0 -g $< -o $@

# No frame pointers: stacks are followed by tables.
TARGET_FRAMELESS := $(BUILD)/targets/frameless
$(TARGET_FRAMELESS): $(BUILD)/targets/%: tests/targets/%.c tests/targets/target.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -D_GNU_SOURCE -O2 -g -fomit-frame-pointer $< -o $@

# ... and it may lie in another file.
TARGET_SPLIT := $(BUILD)/targets/server-split
TARGET_EXTRA += $(TARGET_SPLIT)
$(TARGET_SPLIT): $(BUILD)/targets/%-split: tests/targets/%.c tests/targets/target.h
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -O2 -g -gsplit-dwarf $< -o $@
