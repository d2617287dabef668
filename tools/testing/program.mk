# SPDX-License-Identifier: GPL-2.0-only
#
# A static program for emulated hosts, build/FOLDER/PROGRAM, of PROGRAM.c and
# those files of selftests/lib/ that it needs.  For Makefiles of folders next to
# this file, which set PROGRAM and LIBRARY.

CC ?= gcc
TESTING := $(dir $(lastword $(MAKEFILE_LIST)))
TOP := $(TESTING)../..
LIB := $(TESTING)selftests/lib
OUT := $(TOP)/build/$(notdir $(CURDIR))
UAPI := $(shell $(TESTING)deps.sh --print uapi)
SOURCES := $(PROGRAM).c $(LIBRARY:%=$(LIB)/%.c)

CFLAGS := -O2 -g -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE
CPPFLAGS := -I$(LIB) -I$(TOP)/kvm-ft/include/uapi -isystem $(UAPI)

$(OUT)/$(PROGRAM): $(SOURCES) $(wildcard $(LIB)/*.h) Makefile $(TESTING)program.mk
	@mkdir -p $(@D)
	@echo "  CC      build/$(notdir $(OUT))/$(PROGRAM)"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $(SOURCES)
