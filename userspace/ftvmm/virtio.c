// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over PCI.  BAR 0 has the registers, BAR 1 one port for all queues'
 * notifications: a port needs no instruction to be decoded.  Interrupts are MSI-X
 * only, which need not be acknowledged: between device and driver there are no exits
 * but the notifications.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "virtio.h"

#define VENDOR		0x1af4
#define DEVICE_MODERN	0x1040
#define NO_VECTOR	0xffff
#define VECTORS		(VIRTIO_QUEUES + 1)

#define COMMON_FEATURES	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_EVENT_IDX) | \
			 FEATURE(VIRTIO_RING_F_INDIRECT_DESC))

/* Configuration space. */
#define CAP_MSIX	0x40
#define CAP_COMMON	0x50
#define CAP_ISR		0x60
#define CAP_DEVICE	0x70
#define CAP_NOTIFY	0x80

/* BAR 0. */
#define REG_COMMON	0x000
#define REG_ISR		0x100
#define REG_DEVICE	0x200
#define REG_TABLE	0x800
#define REG_PENDING	0xc00
#define REG_SIZE	0x1000

#define PORT_SIZE	4

static struct virtqueue_state *selected(struct virtio *v)
{
	return v->state.queue_select < v->queues ? &v->queue[v->state.queue_select].s : NULL;
}

bool virtio_has(const struct virtio *v, unsigned int feature)
{
	return v->state.features >> feature & 1;
}

bool virtio_is_running(const struct virtio *v)
{
	return (v->state.status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	       !(v->state.status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Interrupts: MSI-X. */

static bool is_masked(struct virtio *v, unsigned int vector)
{
	uint16_t control = pci_get16(&v->pci, CAP_MSIX + PCI_MSIX_FLAGS);

	return (control & PCI_MSIX_FLAGS_MASKALL) ||
	       (v->state.table[vector].control & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void raise_vector(struct virtio *v, unsigned int vector)
{
	if (vector >= VECTORS ||
	    !(pci_get16(&v->pci, CAP_MSIX + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE))
		return;
	if (is_masked(v, vector)) {
		v->state.pending |= 1ull << vector;
		return;
	}
	v->state.pending &= ~(1ull << vector);
	vm_msi(v->pci.vm, v->state.table[vector].address, v->state.table[vector].data);
}

/* After something was unmasked. */
static void raise_pending(struct virtio *v)
{
	unsigned int vector;

	for (vector = 0; vector < VECTORS; vector++)
		if (v->state.pending >> vector & 1)
			raise_vector(v, vector);
}

void virtio_interrupt(struct virtio *v, unsigned int queue)
{
	struct virtqueue *q = &v->queue[queue];

	if (virtqueue_must_interrupt(q))
		raise_vector(v, q->s.vector);
	if (q->s.broken && !(v->state.status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		info_limited("%s: the driver has broken queue %u", v->name, queue);
		v->state.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
		raise_vector(v, v->state.config_vector);
	}
}

static uint64_t read_table(struct virtio *v, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (offset + size <= sizeof(v->state.table))
		memcpy(&value, (uint8_t *)v->state.table + offset, size);
	return value;
}

static void write_table(struct virtio *v, uint64_t offset, unsigned int size, uint64_t value)
{
	if (size < 4 || offset % size || offset + size > sizeof(v->state.table))
		return;
	memcpy((uint8_t *)v->state.table + offset, &value, size);
	raise_pending(v);
}

static void config_written(void *owner, unsigned int offset, unsigned int size)
{
	(void)size;
	if (offset >= CAP_MSIX && offset < CAP_COMMON)
		raise_pending(owner);
}

/* Registers. */

static void reset(struct virtio *v)
{
	unsigned int i;

	v->state.features = 0;
	v->state.status = 0;
	v->state.config_vector = NO_VECTOR;
	v->state.queue_select = 0;
	for (i = 0; i < v->queues; i++)
		virtqueue_reset(&v->queue[i]);
	if (v->reset)
		v->reset(v->owner);
}

static void write_status(struct virtio *v, uint8_t status)
{
	unsigned int i;

	if (!status) {
		reset(v);
		return;
	}
	/* The driver does not get what was not offered, nor does it do without 1.x. */
	if ((v->state.features & ~(v->features | COMMON_FEATURES)) ||
	    !virtio_has(v, VIRTIO_F_VERSION_1))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	v->state.status = status | (v->state.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	for (i = 0; i < v->queues; i++) {
		v->queue[i].s.event_index = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
		v->queue[i].s.indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
	}
}

/* Half of a 64-bit number. */
static void set_half(uint64_t *number, unsigned int half, uint32_t value)
{
	*number = (*number & 0xffffffffull << 32 * !half) | (uint64_t)value << 32 * half;
}

static uint32_t read_queue(struct virtio *v, uint64_t offset)
{
	const struct virtqueue_state *q = selected(v);

	if (!q)
		return 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return q->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return q->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return q->enabled;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return q->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return q->desc >> 32;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return q->avail;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return q->avail >> 32;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return q->used;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return q->used >> 32;
	default:
		return 0;	/* the notification's offset, among others */
	}
}

static uint32_t read_common(struct virtio *v, uint64_t offset)
{
	uint64_t features = v->features | COMMON_FEATURES;
	struct virtio_state *s = &v->state;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return s->device_select;
	case VIRTIO_PCI_COMMON_DF:
		return s->device_select < 2 ? features >> 32 * s->device_select : 0;
	case VIRTIO_PCI_COMMON_GFSELECT:
		return s->driver_select;
	case VIRTIO_PCI_COMMON_GF:
		return s->driver_select < 2 ? s->features >> 32 * s->driver_select : 0;
	case VIRTIO_PCI_COMMON_MSIX:
		return s->config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return v->queues;
	case VIRTIO_PCI_COMMON_STATUS:
		return s->status;
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return 0;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return s->queue_select;
	default:
		return read_queue(v, offset);
	}
}

static void write_queue(struct virtqueue_state *q, uint64_t offset, uint32_t value)
{
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX)
		q->vector = value < VECTORS ? value : NO_VECTOR;
	if (q->enabled)
		return;		/* the rest is not changed behind the queue's back */
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (value && value <= VIRTQUEUE_SIZE && !(value & (value - 1)))
			q->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		q->enabled = value == 1;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&q->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&q->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&q->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	}
}

static void write_common(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct virtio_state *s = &v->state;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		s->device_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		s->driver_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (s->driver_select < 2 && !(s->status & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&s->features, s->driver_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		s->config_vector = value < VECTORS ? value : NO_VECTOR;
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		write_status(v, value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		s->queue_select = value;
		break;
	default:
		if (selected(v))
			write_queue(selected(v), offset, value);
	}
}

static uint64_t read_register(void *owner, uint64_t offset, unsigned int size)
{
	struct virtio *v = owner;
	uint64_t value = 0;

	if (offset < REG_ISR)
		return read_common(v, offset);
	if (offset >= REG_TABLE && offset < REG_PENDING)
		return read_table(v, offset - REG_TABLE, size);
	if (offset >= REG_PENDING)
		return offset == REG_PENDING ? v->state.pending : 0;
	if (offset >= REG_DEVICE && offset - REG_DEVICE + size <= v->config_size)
		memcpy(&value, &v->config[offset - REG_DEVICE], size);
	return value;
}

static void write_register(void *owner, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio *v = owner;

	if (offset < REG_ISR)
		write_common(v, offset, value);
	else if (offset >= REG_TABLE && offset < REG_PENDING)
		write_table(v, offset - REG_TABLE, size, value);
}

static void write_notify(void *owner, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio *v = owner;
	unsigned int queue = (uint16_t)value;

	(void)size;
	if (!offset && queue < v->queues && virtio_is_running(v))
		v->notified(v->owner, queue);
}

/* Configuration space. */

static void add_capability(struct pci_device *pci, unsigned int at, unsigned int next,
			   uint8_t type, uint8_t bar, uint32_t offset, uint32_t size)
{
	pci_set8(pci, at, PCI_CAP_ID_VNDR);
	pci_set8(pci, at + offsetof(struct virtio_pci_cap, cap_next), next);
	pci_set8(pci, at + offsetof(struct virtio_pci_cap, cap_len),
		 type == VIRTIO_PCI_CAP_NOTIFY_CFG ? sizeof(struct virtio_pci_notify_cap) :
		 sizeof(struct virtio_pci_cap));
	pci_set8(pci, at + offsetof(struct virtio_pci_cap, cfg_type), type);
	pci_set8(pci, at + offsetof(struct virtio_pci_cap, bar), bar);
	pci_set32(pci, at + offsetof(struct virtio_pci_cap, offset), offset);
	pci_set32(pci, at + offsetof(struct virtio_pci_cap, length), size);
}

static void make_config(struct virtio *v)
{
	struct pci_device *pci = &v->pci;

	pci_set16(pci, PCI_VENDOR_ID, VENDOR);
	pci_set16(pci, PCI_DEVICE_ID, DEVICE_MODERN + v->type);
	pci_set16(pci, PCI_STATUS, PCI_STATUS_CAP_LIST);
	pci_set8(pci, PCI_REVISION_ID, 1);
	pci_set8(pci, PCI_CLASS_PROG, v->class);
	pci_set16(pci, PCI_CLASS_DEVICE, v->class >> 8);
	pci_set16(pci, PCI_SUBSYSTEM_VENDOR_ID, VENDOR);
	pci_set16(pci, PCI_SUBSYSTEM_ID, DEVICE_MODERN + v->type);
	pci_set8(pci, PCI_CAPABILITY_LIST, CAP_MSIX);

	pci_set8(pci, CAP_MSIX, PCI_CAP_ID_MSIX);
	pci_set8(pci, CAP_MSIX + PCI_CAP_LIST_NEXT, CAP_COMMON);
	pci_set16(pci, CAP_MSIX + PCI_MSIX_FLAGS, VECTORS - 1);
	pci_allow16(pci, CAP_MSIX + PCI_MSIX_FLAGS,
		    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_set32(pci, CAP_MSIX + PCI_MSIX_TABLE, REG_TABLE);
	pci_set32(pci, CAP_MSIX + PCI_MSIX_PBA, REG_PENDING);

	add_capability(pci, CAP_COMMON, CAP_ISR, VIRTIO_PCI_CAP_COMMON_CFG, 0, REG_COMMON,
		       sizeof(struct virtio_pci_common_cfg));
	add_capability(pci, CAP_ISR, CAP_DEVICE, VIRTIO_PCI_CAP_ISR_CFG, 0, REG_ISR, 1);
	add_capability(pci, CAP_DEVICE, CAP_NOTIFY, VIRTIO_PCI_CAP_DEVICE_CFG, 0, REG_DEVICE,
		       VIRTIO_CONFIG);
	add_capability(pci, CAP_NOTIFY, 0, VIRTIO_PCI_CAP_NOTIFY_CFG, 1, 0, PORT_SIZE);
}

/* The queues' states are kept in one place with the rest only when they are saved. */
static int collect(void *device)
{
	struct virtio *v = device;
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		v->state.queue[i] = v->queue[i].s;
	return 0;
}

static int restored(void *device)
{
	struct virtio *v = device;
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		v->queue[i].s = v->state.queue[i];
	return 0;
}

static bool valid(const void *data)
{
	const struct virtio_state *s = data;
	unsigned int i;

	for (i = 0; i < VIRTIO_QUEUES; i++)
		if (!virtqueue_valid(&s->queue[i]))
			return false;
	return true;
}

int virtio_add(struct virtio *v, struct pci *pci, const char *name)
{
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		v->queue[i].memory = &pci->vm->memory;
	for (i = 0; i < VECTORS; i++)
		v->state.table[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	reset(v);
	make_config(v);
	v->pci.name = name;
	v->pci.owner = v;
	v->pci.written = config_written;
	v->pci.bar[0] = (struct bus_range){
		.size = REG_SIZE,
		.device = v,
		.read = read_register,
		.write = write_register,
	};
	v->pci.bar[1] = (struct bus_range){
		.size = PORT_SIZE,
		.device = v,
		.write = write_notify,
	};
	v->pci.is_port[1] = true;
	v->name = name;
	snprintf(v->label, sizeof(v->label), "virtio.%s", name);
	v->saved = (struct state){
		.name = v->label,
		.data = &v->state,
		.size = sizeof(v->state),
		.collect = collect,
		.restored = restored,
		.valid = valid,
		.device = v,
	};
	if (pci_add(pci, &v->pci))
		return -1;
	state_add(&v->saved);
	return 0;
}
