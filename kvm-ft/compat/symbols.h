/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions of KVM that it does not export, by name. */
#ifndef KVM_FT_COMPAT_SYMBOLS_H
#define KVM_FT_COMPAT_SYMBOLS_H

/**
 * kvm_ft_symbol() - address of a kernel function that is not exported
 * @name: the function's name
 *
 * Process context; may sleep.
 *
 * Return: an address that may be called, or NULL if there is no such function
 * (the kernel log says so).
 */
void *kvm_ft_symbol(const char *name);

/**
 * kvm_ft_fentry() - where a function can be hooked
 * @name: the function's name
 *
 * As kvm_ft_symbol().
 *
 * Return: address of its call to ftrace, 0 if there is no such function.
 */
unsigned long kvm_ft_fentry(const char *name);

/**
 * kvm_ft_behind_fentry() - address by which a hooked function is not hooked
 * @name: the function's name
 *
 * As kvm_ft_symbol().  ftrace does not see a call there.  On a CPU with IBT it would fault.
 *
 * Return: an address that may be called, or NULL if there is no such function.
 */
void *kvm_ft_behind_fentry(const char *name);

#endif
