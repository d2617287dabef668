/* SPDX-License-Identifier: GPL-2.0-only */
/* What the administrator has set: /etc/kvm-ft/ftd.conf. */
#ifndef FTD_CONFIG_H
#define FTD_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "finding.h"

#define CONFIG_FILE	"/etc/kvm-ft/ftd.conf"
#define CONFIG_WORD	256
#define OPTIONS_MAX	16
#define HOSTS_MAX	16

/**
 * struct peer - another host
 * @name: as administrators call it
 * @address: numeric, on the logging link
 */
struct peer {
	char name[64];
	char address[64];
};

/**
 * struct config - all settings
 * @interface: the logging interface; empty if it is not set
 * @address: to listen at, numeric
 * @port: TCP, of this ftd and of all others
 * @verify: all protections are verified, not only those that are asked for
 * @secret: path of the file
 * @ftvmm: path of the program
 * @options: more options for secondaries
 * @options_count: how many
 * @sockets: folder of VMs' control sockets
 * @socket: path of ftd's own
 * @logs: folder of secondaries' messages
 * @peers: other hosts
 * @peers_count: how many
 */
struct config {
	char interface[IFNAMSIZ];
	char address[64];
	uint16_t port;
	bool verify;
	char secret[CONFIG_WORD];
	char ftvmm[CONFIG_WORD];
	char options[OPTIONS_MAX][CONFIG_WORD];
	unsigned int options_count;
	char sockets[64];
	char socket[64];
	char logs[CONFIG_WORD];
	struct peer peers[HOSTS_MAX];
	unsigned int peers_count;
};

/* What ftd.conf(5) says for settings that are not made. */
void config_defaults(struct config *config);

/**
 * config_read() - read the file
 * @config: the result
 * @path: of it
 * @findings: says what is wrong, all of it
 *
 * Return: 0, or -1.
 */
int config_read(struct config *config, const char *path, struct findings *findings);

/* The address of a host by its name; or the name itself, if it is in no list. */
const char *config_address(const struct config *config, const char *name);

#endif
