// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdlib.h>

#include "inputs.h"
#include "message.h"

static struct {
	pthread_mutex_t lock;	/* protects first and last */
	struct event *first;
	struct event *last;
	void (*kick)(void *vcpu);
	void *vcpu;
	struct kvmft_session *session;
	struct {
		event_handler *handler;
		void *device;
	} table[INPUT_KINDS][INPUT_INDEXES];
} inputs = { .lock = PTHREAD_MUTEX_INITIALIZER };

void inputs_handle(uint32_t tag, event_handler *handler, void *device)
{
	inputs.table[tag >> 8][tag & 0xff].handler = handler;
	inputs.table[tag >> 8][tag & 0xff].device = device;
}

void inputs_record(struct kvmft_session *session)
{
	inputs.session = session;
}

void inputs_set_kick(void (*kick)(void *vcpu), void *vcpu)
{
	inputs.kick = kick;
	inputs.vcpu = vcpu;
}

struct event *event_new(uint32_t tag, uint32_t room)
{
	struct event *event = malloc(sizeof(*event) + room);

	if (event)
		*event = (struct event){ .tag = tag };
	return event;
}

void inputs_post(struct event *event)
{
	struct event *last = event;

	while (last->next)
		last = last->next;
	pthread_mutex_lock(&inputs.lock);
	if (inputs.first)
		inputs.last->next = event;
	else
		inputs.first = event;
	inputs.last = last;
	pthread_mutex_unlock(&inputs.lock);
	inputs.kick(inputs.vcpu);
}

static struct event *take_all(void)
{
	struct event *first;

	pthread_mutex_lock(&inputs.lock);
	first = inputs.first;
	inputs.first = NULL;
	inputs.last = NULL;
	pthread_mutex_unlock(&inputs.lock);
	return first;
}

static void apply(uint32_t tag, const void *data, uint32_t size)
{
	unsigned int kind = tag >> 8, index = tag & 0xff;

	if (kind < INPUT_KINDS && index < INPUT_INDEXES && inputs.table[kind][index].handler)
		inputs.table[kind][index].handler(inputs.table[kind][index].device, data, size);
}

static void show(const struct event *event)
{
	struct kvmft_session *s = inputs.session;

	if (s && kvmft_put_event(s, event->tag, event->data, event->size))
		complain("cannot record an event: %s", s->problem);
}

void inputs_apply(void)
{
	struct event *event = take_all(), *next;

	for (; event; event = next) {
		next = event->next;
		show(event);
		apply(event->tag, event->data, event->size);
		free(event);
	}
}

void inputs_replay(uint32_t tag, const void *data, uint32_t size)
{
	apply(tag, data, size);
}

bool inputs_waiting(void)
{
	bool waiting;

	pthread_mutex_lock(&inputs.lock);
	waiting = inputs.first;
	pthread_mutex_unlock(&inputs.lock);
	return waiting;
}

void inputs_drop(void)
{
	struct event *event = take_all(), *next;

	for (; event; event = next) {
		next = event->next;
		free(event);
	}
}

void inputs_value(uint32_t tag, void *data, uint32_t size)
{
	struct kvmft_session *s = inputs.session;
	int err = s ? kvmft_value(s, tag, data, size) : 0;

	/* At the log's end the value does not matter: the guest does not run on. */
	if (err && err != -ENODATA)
		complain("cannot record or replay a value: %s", s->problem);
}
