// SPDX-License-Identifier: GPL-2.0-only
/*
 * The look-up of symbols that kvm-ft has: this module is loaded before it, and
 * without it, so it has a copy of its own.
 */
#include "../../../kvm-ft/compat/symbols.c"
