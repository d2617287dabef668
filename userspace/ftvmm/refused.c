// SPDX-License-Identifier: GPL-2.0-only
#include "refused.h"

#define PASSTHROUGH	"a device of the host reads and writes guest memory at any time, " \
			"which cannot be recorded"
#define USE_VIRTIO	"use --net and --disk"
#define HOTPLUG		"a machine whose parts change while it runs is not replayed"
#define FROM_THE_START	"give the guest what it needs from the start"

const struct refused_option refused_options[REFUSED_OPTIONS] = {
	{ "cpus", "VCPUS",
	  "the guest would have more than one vCPU, whose order cannot be recorded",
	  "use --cpus 1" },
	{ "device", "PASSTHROUGH", PASSTHROUGH, USE_VIRTIO },
	{ "pci-passthrough", "PASSTHROUGH", PASSTHROUGH, USE_VIRTIO },
	{ "vfio", "PASSTHROUGH", PASSTHROUGH, USE_VIRTIO },
	{ "usb", "PASSTHROUGH", PASSTHROUGH, USE_VIRTIO },
	{ "hotplug", "HOTPLUG", HOTPLUG, FROM_THE_START },
	{ "hotplug-memory", "HOTPLUG", HOTPLUG, FROM_THE_START },
	{ "hotplug-cpus", "HOTPLUG", HOTPLUG, FROM_THE_START },
};
