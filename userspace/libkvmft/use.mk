# SPDX-License-Identifier: GPL-2.0-only
#
# For the Makefiles of programs that link libkvmft, which have set TOP: LIBKVMFT is the
# library, LIBKVMFT_CHECKED the same with sanitizers.

LIBKVMFT := $(TOP)/build/libkvmft/libkvmft.a
LIBKVMFT_CHECKED := $(TOP)/build/libkvmft/libkvmft-checked.a

# Whether it is up to date is known to its own Makefile.  One at a time asks for it:
# several programs may be built side by side.
$(LIBKVMFT) $(LIBKVMFT_CHECKED): ask_for_libkvmft
	@mkdir -p $(@D)
	@flock $(@D)/.lock $(MAKE) -s --no-print-directory -C $(TOP)/userspace/libkvmft $(abspath $@)

.PHONY: ask_for_libkvmft
ask_for_libkvmft:

# It is not what the program's Makefile makes first.
.DEFAULT_GOAL :=
