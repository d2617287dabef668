/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM needs of the host that it is to be replayed on. */
#ifndef FTD_VM_H
#define FTD_VM_H

#include <json-c/json.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "finding.h"
#include "host.h"

#define VM_NAME		64
#define VM_PATH		256
#define VM_DISKS	8
#define VM_NETS		4

/**
 * struct vm - a VM
 * @name: of it
 * @id: 32 hexadecimal digits; empty if its VMM has none
 * @generation: number of the protection
 * @memory: bytes
 * @disk: path, size in bytes, whether it is only read, whether other hosts reach it
 * @disks: how many
 * @net: name of the tap device, whether a bridge has it
 * @nets: how many
 */
struct vm {
	char name[VM_NAME];
	char id[33];
	uint64_t generation;
	uint64_t memory;
	struct vm_disk {
		char path[VM_PATH];
		uint64_t size;
		bool read_only;
		bool shared;
	} disk[VM_DISKS];
	unsigned int disks;
	struct vm_net {
		char tap[IFNAMSIZ];
		bool bridged;
	} net[VM_NETS];
	unsigned int nets;
};

/* May a VM be called so?  It becomes part of paths and of a command line. */
bool vm_name_is_sane(const char *name);

/**
 * vm_load() - read what vm_save() has made, or what a VMM says of itself
 * @vm: the result
 * @object: not trusted
 * @findings: says what is wrong
 *
 * Return: 0, or -1.
 */
int vm_load(struct vm *vm, struct json_object *object, struct findings *findings);

/* NULL: no memory. */
struct json_object *vm_save(const struct vm *vm);

/* Has a bridge this interface of this host? */
bool vm_tap_is_bridged(const char *tap);

/* Path of the control socket of a VM of this host. */
void vm_socket(char *path, size_t size, const struct config *config, const char *name);

/**
 * vm_check() - can a secondary of the VM be on this host?
 * @vm: of another host
 * @host: this one
 * @config: of this one
 * @findings: gets what is in the way, all of it
 */
void vm_check(const struct vm *vm, const struct host *host, const struct config *config,
	      struct findings *findings);

#endif
