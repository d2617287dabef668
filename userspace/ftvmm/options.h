/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line. */
#ifndef FTVMM_OPTIONS_H
#define FTVMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../arbiter/record.h"
#include "refused.h"

#define FTVMM_VERSION	"0.1.0"

/* Where the guest's console is. */
enum console {
	CONSOLE_SERIAL,
	CONSOLE_VIRTIO,
	CONSOLE_NONE,
};

#define DISKS_MAX	8
#define NICS_MAX	4
#define REFUSALS_MAX	16

/**
 * struct disk_option - a disk
 * @path: of its image; NULL if it has none, in a replay
 * @size: in bytes: of the image, when it is open, or in a replay as it was recorded
 * @read_only: it must not be written to
 * @shared: other hosts reach it, too
 */
struct disk_option {
	const char *path;
	uint64_t size;
	bool read_only;
	bool shared;
};

/**
 * struct net_option - a network device
 * @tap: name of the host's device
 * @mac: the guest's address
 * @chosen: the address was named
 */
struct net_option {
	const char *tap;
	uint8_t mac[6];
	bool chosen;
};

/**
 * struct options - what the user wants
 * @name: of the guest
 * @kernel: path of a bzImage
 * @initrd: path, or NULL
 * @append: words for the kernel's command line; may be empty
 * @log: file for messages, or NULL
 * @memory: bytes
 * @console: what standard input and output are connected to
 * @disk: in the guest vda, vdb, ...
 * @disks: how many
 * @net: network devices
 * @nets: how many
 * @record: folder to record to, or NULL
 * @replay: folder to replay from, or NULL
 * @verify: record: with registers and hashes; replay: there must be some
 * @hash_interval: record: guest progress between two hashes of RAM
 * @until: replay: number of entries to replay; 0 for all
 * @recorded_checking: replay: there are some
 * @control: path of the control socket, or NULL
 * @check: the guest is not started: only look
 * @json: print in JSON what @check finds
 * @refused: options that no guest can have; with @check, else it was told
 * @refusals: how many
 * @secondary: descriptor of the connection that a secondary's guest comes over; -1 if it is none
 * @arbiter: path of the storage that decides who runs the guest, or NULL
 * @id: of the VM
 * @tsc_khz: frequency of the guest's TSC; 0 until it is known
 * @generation: secondary: number of the protection
 * @lab_counter: the counter is that of an emulated host
 */
struct options {
	const char *name;
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *log;
	uint64_t memory;
	enum console console;
	struct disk_option disk[DISKS_MAX];
	unsigned int disks;
	struct net_option net[NICS_MAX];
	unsigned int nets;
	const char *record;
	const char *replay;
	bool verify;
	uint64_t hash_interval;
	uint64_t until;
	bool recorded_checking;
	const char *control;
	bool check;
	bool json;
	const struct refused_option *refused[REFUSALS_MAX];
	unsigned int refusals;
	bool lab_counter;
	int secondary;
	const char *arbiter;
	uint8_t id[ARBITER_ID];
	unsigned int tsc_khz;
	uint64_t generation;
};

/* Does the guest's log come from somewhere? */
static inline bool options_replays(const struct options *options)
{
	return options->replay || options->secondary >= 0;
}

/**
 * options_parse() - read the command line
 * @options: the result
 * @argc: of main()
 * @argv: of main()
 *
 * Return: 0 to go on; 1 if all was said and done (--help); -1 if it is wrong,
 * with the reason told.
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
