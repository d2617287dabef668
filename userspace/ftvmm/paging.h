/* SPDX-License-Identifier: GPL-2.0-only */
/* How KVM translates the guest's addresses on this host: Documentation/determinism.rst. */
#ifndef FTVMM_PAGING_H
#define FTVMM_PAGING_H

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

#endif
