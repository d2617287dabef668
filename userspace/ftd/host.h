/* SPDX-License-Identifier: GPL-2.0-only */
/* What a host is like, as far as a replayed guest can tell. */
#ifndef FTD_HOST_H
#define FTD_HOST_H

#include <json-c/json.h>
#include <net/if.h>
#include <stdint.h>

#include "finding.h"

/**
 * struct host - a host
 * @name: of the host
 * @boot: differs between hosts, and each time that one boots
 * @kernel: release
 * @module: build of kvm-ft.ko; empty if it is not loaded
 * @transport: build of kvm-ft-tcp.ko; empty if it is not loaded
 * @api: API version of kvm-ft.ko, as text; empty if /dev/kvm-ft cannot be opened
 * @paging: "nested" or "strict"; empty if kvm_amd is not loaded
 * @cpu: vendor, family, model, stepping
 * @features: of the CPU, as /proc/cpuinfo has them
 * @log_interface: that kvm-ft-tcp.ko takes connections of; may be empty
 * @memory: bytes that are available
 */
struct host {
	char name[65];
	char boot[40];
	char kernel[65];
	char module[40];
	char transport[40];
	char api[16];
	char paging[8];
	char cpu[128];
	char features[4096];
	char log_interface[IFNAMSIZ];
	uint64_t memory;
};

/* This one, now.  What cannot be found out is empty, which host_compare() refuses. */
void host_describe(struct host *host);

/* NULL: no memory. */
struct json_object *host_save(const struct host *host);

/**
 * host_load() - read what host_save() has made
 * @host: the result
 * @object: not trusted
 *
 * Return: 0, or -1 if it is something else.
 */
int host_load(struct host *host, struct json_object *object);

/* Do ftd and the module of this host use the same one?  @whose: "primary's", for people. */
void host_check_interface(const struct host *host, const char *interface, const char *whose,
			  struct findings *findings);

/**
 * host_compare() - can one host replay what the other one records?
 * @primary: records
 * @secondary: replays
 * @findings: gets what differs, all of it
 */
void host_compare(const struct host *primary, const struct host *secondary,
		  struct findings *findings);

#endif
