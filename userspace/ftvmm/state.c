// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "state.h"

/* Sections of a device: what @at says. */
enum { NOW, KEPT, SECTIONS };

static struct state *first;

void state_add(struct state *state)
{
	struct state **at = &first;

	while (*at)
		at = &(*at)->next;
	state->next = NULL;
	*at = state;
}

int state_keep(void)
{
	struct state *s;

	for (s = first; s; s = s->next) {
		if (s->collect && s->collect(s->device))
			return -1;
		if (!s->kept)
			s->kept = malloc(s->size);
		if (!s->kept)
			return complain("no memory for the state of %s", s->name);
		memcpy(s->kept, s->data, s->size);
	}
	return 0;
}

int state_restore(void)
{
	struct state *s;

	for (s = first; s; s = s->next) {
		memcpy(s->data, s->kept, s->size);
		if (s->restored && s->restored(s->device))
			return -1;
	}
	return 0;
}

static int save(struct snapshot_writer *to, const struct state *s)
{
	if (s->collect && s->collect(s->device))
		return -1;
	if (snapshot_write(to, s->name, s->version, NOW, s->data, s->size))
		return -1;
	return snapshot_write(to, s->name, s->version, KEPT, s->kept, s->size);
}

int state_save(struct snapshot_writer *to)
{
	struct state *s;

	for (s = first; s; s = s->next)
		if (save(to, s))
			return -1;
	return 0;
}

static struct state *find(const char *name)
{
	struct state *s;

	for (s = first; s; s = s->next)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

int state_take(struct snapshot_reader *from)
{
	const struct snapshot_section *section = &from->section;
	struct state *s = find(section->name);
	void *data;

	if (!s)
		return 0;
	if (section->version != s->version || section->size != s->size ||
	    section->at >= SECTIONS || s->taken & 1u << section->at)
		return complain("%s: the state of %s is that of another version of ftvmm",
				from->name, s->name);
	data = section->at == KEPT ? s->kept : s->data;
	if (snapshot_read(from, data))
		return -1;
	if (s->valid && !s->valid(data))
		return complain("%s is damaged: no %s can have such a state", from->name, s->name);
	s->taken |= 1u << section->at;
	return 1;
}

int state_loaded(void)
{
	struct state *s;

	for (s = first; s; s = s->next) {
		int (*loaded)(void *device) = s->loaded ?: s->restored;

		if (s->taken != (1u << SECTIONS) - 1)
			return complain("the snapshot lacks the state of %s", s->name);
		s->taken = 0;
		if (loaded && loaded(s->device))
			return -1;
	}
	return 0;
}
