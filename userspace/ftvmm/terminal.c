// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "inputs.h"
#include "message.h"
#include "terminal.h"

#define ESCAPE	0x01	/* Ctrl-A */

static struct termios before;
static bool is_raw;

static void make_cooked(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_raw = false;
}

static void make_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
		return;
	raw = before;
	cfmakeraw(&raw);
	is_raw = !tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	atexit(make_cooked);
}

/* Ctrl-A x leaves, Ctrl-A twice is one for the guest; only if it was typed. */
static uint32_t take_escapes(struct terminal *t, uint8_t *data, uint32_t size)
{
	uint32_t i, kept = 0;

	if (!is_raw)
		return size;
	for (i = 0; i < size; i++) {
		if (!t->escaped && data[i] == ESCAPE) {
			t->escaped = 1;
			continue;
		}
		if (t->escaped && (data[i] == 'x' || data[i] == 'X'))
			t->quit(t->owner);
		t->escaped = 0;
		data[kept++] = data[i];
	}
	return kept;
}

static bool post(void *owner)
{
	struct terminal *t = owner;
	struct event *event;
	uint8_t data[TERMINAL_BATCH];
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));

	if (!got)
		source_end(&t->source);
	if (got <= 0)
		return false;
	got = take_escapes(t, data, got);
	event = got ? event_new(t->tag, got) : NULL;
	if (!event)
		return false;
	memcpy(event->data, data, got);
	event->size = got;
	inputs_post(event);
	return true;
}

int terminal_open(struct terminal *terminal, struct loop *loop, uint32_t tag)
{
	terminal->tag = tag;
	make_raw();
	return source_open(&terminal->source, loop, STDIN_FILENO, post, terminal);
}

void terminal_close(void)
{
	make_cooked();
}

void terminal_taken(struct terminal *terminal)
{
	source_taken(&terminal->source);
}
