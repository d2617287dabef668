/* SPDX-License-Identifier: GPL-2.0-only */
/* How KVM translates the guest's addresses on this host: Documentation/determinism.rst. */
#ifndef FTVMM_PAGING_H
#define FTVMM_PAGING_H

#include <stdbool.h>

/**
 * enum paging - KVM's way
 * @PAGING_UNKNOWN: KVM does not say
 * @PAGING_STRICT: it shadows the guest's page tables
 * @PAGING_NESTED: the CPU walks them
 */
enum paging {
	PAGING_UNKNOWN,
	PAGING_STRICT,
	PAGING_NESTED,
};

/**
 * paging_of_host() - which it is here
 *
 * Return: as the parameter npt of kvm_amd says.
 */
enum paging paging_of_host(void);

/**
 * paging_host_migrates() - may this host move pages of a guest that runs, although locked?
 *
 * Compaction and NUMA balancing do. With %PAGING_STRICT the guest's accessed bits then depend
 * on the host.
 *
 * Return: true if one of them is on.
 */
bool paging_host_migrates(void);

#endif
