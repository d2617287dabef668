/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU that the guest sees. */
#ifndef FTVMM_CPUID_H
#define FTVMM_CPUID_H

/**
 * cpuid_set() - give a vCPU its CPUID
 * @kvm: descriptor of /dev/kvm
 * @vcpu: of the vCPU
 *
 * It is what the host and KVM have, without what makes a guest's run depend on
 * anything that kvm-ft cannot record.
 *
 * Return: 0, or -1 with the reason told.
 */
int cpuid_set(int kvm, int vcpu);

#endif
