/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What reaches the guest from outside: all of it passes here, so that it can be
 * recorded and replayed.  There are two kinds.
 *
 * An *event* happens whenever the host likes: a packet arrives, a disk is done, a
 * key is pressed.  The main loop posts it with all that the guest will see of
 * it.  The vCPU's thread applies it, by the handler of its tag, while the guest
 * stands still between two instructions; only then does guest memory change.
 *
 * A *value* is what a device needs at once to answer the guest, and that does not
 * follow from what the guest did before: the time of day, random numbers.
 */
#ifndef FTVMM_INPUTS_H
#define FTVMM_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../libkvmft/session.h"

/* The most that an event or a value has: what KVM_FT_EVENT takes. */
#define INPUT_MAX	65536

/* Kinds of events and values, and which device of the kind.  Never renumbered. */
#define INPUT_SERIAL		1	/* bytes */
#define INPUT_CONSOLE		2	/* bytes */
#define INPUT_BUTTON		3	/* nothing */
#define INPUT_NET		4	/* packets: see virtio_net.c */
#define INPUT_DISK		5	/* struct disk_done */
#define INPUT_TIME		6	/* value: seconds since 1970, 64 bits */
#define INPUT_ENTROPY		7	/* value: random bytes */
#define INPUT_OUTPUT		8	/* nothing: where the guest has sent something */
#define INPUT_RELEASED		9	/* nothing: all outputs so far have left the primary */
#define INPUT_NET_MORE		10	/* the first part of what an INPUT_NET has no room for */
#define INPUT_KINDS		11
#define INPUT_INDEXES		16	/* devices of one kind */
#define INPUT_TAG(kind, index)	((kind) << 8 | (index))

/**
 * struct event - something that happens to the guest
 * @next: in the queue
 * @tag: INPUT_TAG()
 * @size: bytes of @data in use, at most INPUT_MAX
 * @data: what the guest will see of it
 */
struct event {
	struct event *next;
	uint32_t tag;
	uint32_t size;
	uint8_t data[];
};

/*
 * Applies an event to a device, in the vCPU's thread.  What it gets was posted, or is
 * from a recording: not to be trusted.
 */
typedef void event_handler(void *device, const void *data, uint32_t size);

/* Who applies the events of a tag.  Before the guest runs. */
void inputs_handle(uint32_t tag, event_handler *handler, void *device);

/* Who makes the vCPU's thread call inputs_apply() soon.  Before the guest runs. */
void inputs_set_kick(void (*kick)(void *vcpu), void *vcpu);

/**
 * event_new() - an event without data
 * @tag: INPUT_TAG()
 * @room: for data, at most INPUT_MAX
 *
 * Return: the event, for inputs_post() or free(); NULL if there is no memory.
 */
struct event *event_new(uint32_t tag, uint32_t room);

/**
 * inputs_post() - hand an event over to the vCPU's thread
 * @event: or several, linked by next; they are freed when they were applied
 *
 * Any thread.
 */
void inputs_post(struct event *event);

/* Apply all that was posted.  The vCPU's thread, the guest between two instructions. */
void inputs_apply(void);

/* Forget all that was posted: the guest is being reset.  The vCPU's thread. */
void inputs_drop(void);

/* Is there something that was posted?  Any thread. */
bool inputs_waiting(void);

/**
 * inputs_record() - let a session have a look at all inputs
 * @session: it gets each event before it is applied, and each value; on replay
 *	values come from it.  NULL for none
 *
 * The vCPU's thread.  If the session fails it says so when the guest is run on.
 */
void inputs_record(struct kvmft_session *session);

/* An event of a recording happens again.  The vCPU's thread, as inputs_apply(). */
void inputs_replay(uint32_t tag, const void *data, uint32_t size);

/**
 * inputs_value() - declare a value
 * @tag: INPUT_TAG()
 * @data: the value; what the device goes on with may be another, from a recording
 * @size: bytes of it, at most INPUT_MAX
 *
 * The vCPU's thread, while it handles an exit.
 */
void inputs_value(uint32_t tag, void *data, uint32_t size);

#endif
