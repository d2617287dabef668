// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_ft.h>
#include <string.h>

#include "machine_config.h"
#include "memory.h"
#include "message.h"

#define SECTION		"machine"
#define VERSION		3

/**
 * struct machine_config - as it is in the snapshot
 * @id: of the VM, for the arbiter
 * @generation: number of the protection that begins with this snapshot; 0 if none does
 * @tsc_khz: of the guest
 * @memory: bytes
 * @hash_interval: guest progress between two hashes of RAM, for the next host, too
 * @checking: the log has registers and hashes
 * @console: enum console
 * @disks: how many
 * @nets: how many
 * @disk: bytes, and whether it is read-only
 * @net: addresses
 */
struct machine_config {
	uint8_t id[ARBITER_ID];
	uint64_t generation;
	uint64_t tsc_khz;
	uint64_t memory;
	uint64_t hash_interval;
	uint32_t checking;
	uint32_t console;
	uint32_t disks;
	uint32_t nets;
	struct {
		uint64_t size;
		uint64_t read_only;
	} disk[DISKS_MAX];
	struct {
		uint8_t mac[6];
		uint8_t pad[2];
	} net[NICS_MAX];
};

int machine_config_save(const struct options *options, uint64_t generation, bool checking,
			struct snapshot_writer *to)
{
	struct machine_config config = {
		.generation = generation,
		.tsc_khz = options->tsc_khz,
		.memory = options->memory,
		.hash_interval = options->hash_interval,
		.checking = checking,
		.console = options->console,
		.disks = options->disks,
		.nets = options->nets,
	};
	unsigned int i;

	memcpy(config.id, options->id, sizeof(config.id));
	for (i = 0; i < options->disks; i++) {
		config.disk[i].size = options->disk[i].size;
		config.disk[i].read_only = options->disk[i].read_only;
	}
	for (i = 0; i < options->nets; i++)
		memcpy(config.net[i].mac, options->net[i].mac, sizeof(config.net[i].mac));
	return snapshot_write(to, SECTION, VERSION, 0, &config, sizeof(config));
}

static int is_sane(const struct machine_config *config)
{
	return config->disks <= DISKS_MAX && config->nets <= NICS_MAX &&
	       config->tsc_khz <= INT32_MAX &&
	       config->hash_interval >= KVM_FT_INTERVAL_MIN &&
	       config->hash_interval <= KVM_FT_INTERVAL_MAX &&
	       config->console <= CONSOLE_NONE && config->memory >= MEMORY_MIN &&
	       config->memory <= MEMORY_MAX && config->memory % MEMORY_UNIT == 0;
}

static int take_disks(struct options *options, const struct machine_config *config,
		      const char *name)
{
	unsigned int i;

	if (options->disks > config->disks)
		return complain("%u disks are given, but the guest of %s has %u", options->disks,
				name, config->disks);
	for (i = 0; i < options->disks; i++)
		if (options->disk[i].read_only && !config->disk[i].read_only)
			return complain("--disk %s,ro: the guest writes to it: leave ro out",
					options->disk[i].path);
	for (i = 0; i < config->disks; i++) {
		options->disk[i].size = config->disk[i].size;
		options->disk[i].read_only = config->disk[i].read_only;
	}
	options->disks = config->disks;
	return 0;
}

int machine_config_load(struct options *options, struct snapshot_reader *from)
{
	const struct snapshot_section *s = &from->section;
	struct machine_config config;
	unsigned int i;

	if (snapshot_next(from))
		return -1;
	if (strcmp(s->name, SECTION) || s->version != VERSION || s->size != sizeof(config))
		return complain("%s was written by another version of ftvmm", from->name);
	if (snapshot_read(from, &config))
		return -1;
	if (!is_sane(&config))
		return complain("%s describes a machine that cannot be", from->name);
	memcpy(options->id, config.id, sizeof(config.id));
	options->generation = config.generation;
	options->tsc_khz = config.tsc_khz;
	options->memory = config.memory;
	options->console = config.console;
	options->hash_interval = config.hash_interval;
	options->recorded_checking = config.checking;
	if (options->secondary >= 0 &&
	    (options->nets != config.nets || options->disks != config.disks))
		return complain("the guest has %u disks and %u nets: name them all, here, too",
				config.disks, config.nets);
	options->nets = config.nets;
	for (i = 0; i < config.nets; i++)
		memcpy(options->net[i].mac, config.net[i].mac, sizeof(config.net[i].mac));
	return take_disks(options, &config, from->name);
}
