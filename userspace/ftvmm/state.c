// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "state.h"

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
