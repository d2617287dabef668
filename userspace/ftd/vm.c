// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "object.h"
#include "vm.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define MIB		(UINT64_C(1) << 20)
#define OVERHEAD	(64 * MIB)	/* of ftvmm and the log, besides RAM */

static bool is_sane(const char *name)
{
	return *name && *name != '.' && *name != '-' &&
	       strspn(name, NAME_CHARACTERS) == strlen(name);
}

bool vm_name_is_sane(const char *name)
{
	return is_sane(name) && strlen(name) < VM_NAME;
}

static int load_disk(struct vm_disk *disk, struct json_object *object)
{
	/* On ftvmm's command line options follow a comma. */
	if (!object_copy_text(object, "path", disk->path, sizeof(disk->path)) ||
	    *disk->path != '/' || strchr(disk->path, ',') ||
	    !object_number(object, "size", &disk->size))
		return -1;
	disk->read_only = object_flag(object, "read_only");
	disk->shared = object_flag(object, "shared");
	return 0;
}

static int load_net(struct vm_net *net, struct json_object *object)
{
	if (!object_copy_text(object, "tap", net->tap, sizeof(net->tap)) || !is_sane(net->tap))
		return -1;
	net->bridged = object_flag(object, "bridged");
	return 0;
}

static int load_devices(struct vm *vm, struct json_object *object, struct findings *findings)
{
	struct json_object *disks = object_list(object, "disks");
	struct json_object *nets = object_list(object, "nets");

	if (!disks || !nets || json_object_array_length(disks) > VM_DISKS ||
	    json_object_array_length(nets) > VM_NETS)
		return findings_add(findings, "VM_DEVICES", "",
				    "the VM has more than %d disks or %d network devices",
				    VM_DISKS, VM_NETS);
	for (; vm->disks < json_object_array_length(disks); vm->disks++)
		if (load_disk(&vm->disk[vm->disks],
			      json_object_array_get_idx(disks, vm->disks)))
			return findings_add(findings, "VM_DISK",
					    "give the image's path from the root, without a comma",
					    "disk %u of the VM has no usable path", vm->disks);
	for (; vm->nets < json_object_array_length(nets); vm->nets++)
		if (load_net(&vm->net[vm->nets], json_object_array_get_idx(nets, vm->nets)))
			return findings_add(findings, "VM_NET", "",
					    "network device %u of the VM has no usable name",
					    vm->nets);
	return 0;
}

int vm_load(struct vm *vm, struct json_object *object, struct findings *findings)
{
	*vm = (struct vm){ 0 };
	if (!object_copy_text(object, "name", vm->name, sizeof(vm->name)) || !is_sane(vm->name))
		return findings_add(findings, "VM_NAME",
				    "start ftvmm with another --name: letters, digits, '_', '.', '-'",
				    "the VM's name is not one that files can have");
	object_copy_text(object, "id", vm->id, sizeof(vm->id));
	if (!object_number(object, "memory", &vm->memory))
		return findings_add(findings, "VM_MEMORY", "use an ftvmm of this version",
				    "it is not known how much memory the VM has");
	object_number(object, "generation", &vm->generation);
	return load_devices(vm, object, findings);
}

static struct json_object *save_disks(const struct vm *vm)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; list && i < vm->disks; i++) {
		struct json_object *one = json_object_new_object();

		object_add_text(one, "path", vm->disk[i].path);
		object_add_number(one, "size", vm->disk[i].size);
		object_add_flag(one, "read_only", vm->disk[i].read_only);
		object_add_flag(one, "shared", vm->disk[i].shared);
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *save_nets(const struct vm *vm)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; list && i < vm->nets; i++) {
		struct json_object *one = json_object_new_object();

		object_add_text(one, "tap", vm->net[i].tap);
		object_add_flag(one, "bridged", vm->net[i].bridged);
		json_object_array_add(list, one);
	}
	return list;
}

struct json_object *vm_save(const struct vm *vm)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	object_add_text(object, "name", vm->name);
	object_add_text(object, "id", vm->id);
	object_add_number(object, "generation", vm->generation);
	object_add_number(object, "memory", vm->memory);
	json_object_object_add(object, "disks", save_disks(vm));
	json_object_object_add(object, "nets", save_nets(vm));
	return object;
}

bool vm_tap_is_bridged(const char *tap)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%s/brport", tap);
	return !access(path, F_OK);
}

void vm_socket(char *path, size_t size, const struct config *config, const char *name)
{
	snprintf(path, size, "%s/%s.sock", config->sockets, name);
}

static void check_disk(const struct vm_disk *disk, struct findings *findings)
{
	int fd = open(disk->path, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	uint64_t size = 0;
	struct stat info;

	if (!disk->shared)
		findings_add(findings, "DISK_NOT_SHARED",
			     "put it where both hosts reach it, and say ,shared",
			     "disk image %s is the primary's host's alone", disk->path);
	if (fd < 0) {
		findings_add(findings, "DISK",
			     "make it reachable under the same path on both hosts",
			     "the secondary's host cannot open disk image %s: %s", disk->path,
			     strerror(errno));
		return;
	}
	if (!fstat(fd, &info))
		size = info.st_size;
	if (S_ISBLK(info.st_mode) && ioctl(fd, BLKGETSIZE64, &size))
		size = 0;
	close(fd);
	if (size != disk->size)
		findings_add(findings, "DISK_SIZE", "make it the same image on both hosts",
			     "disk image %s has %llu bytes for the primary, %llu for the secondary",
			     disk->path, (unsigned long long)disk->size, (unsigned long long)size);
}

static void check_net(const struct vm_net *net, struct findings *findings)
{
	if (!if_nametoindex(net->tap))
		findings_add(findings, "TAP", "ip tuntap add NAME mode tap vnet_hdr",
			     "the secondary's host has no tap device %s", net->tap);
	else if (net->bridged && !vm_tap_is_bridged(net->tap))
		findings_add(findings, "BRIDGE", "ip link set NAME master BRIDGE",
			     "no bridge has tap device %s on the secondary's host", net->tap);
}

void vm_check(const struct vm *vm, const struct host *host, const struct config *config,
	      struct findings *findings)
{
	unsigned int i;

	if (host->memory < OVERHEAD || vm->memory > host->memory - OVERHEAD)
		findings_add(findings, "MEMORY", "free some there, or take another host",
			     "the VM needs %llu MiB and %llu more; the secondary's host has %llu",
			     (unsigned long long)(vm->memory / MIB),
			     (unsigned long long)(OVERHEAD / MIB),
			     (unsigned long long)(host->memory / MIB));
	host_check_interface(host, config->interface, "secondary's", findings);
	for (i = 0; i < vm->disks; i++)
		check_disk(&vm->disk[i], findings);
	for (i = 0; i < vm->nets; i++)
		check_net(&vm->net[i], findings);
}
