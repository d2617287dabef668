// SPDX-License-Identifier: GPL-2.0-only
/* ftadm stats: how much the VMs of this host log, and how far their secondaries are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../ftd/vm.h"
#include "control_link.h"
#include "ftadm.h"
#include "object.h"
#include "reply.h"

#define COUNTERS	4

/* What only grows, so that there is a rate of it.  Members of a VM's status. */
static const char *const counters[COUNTERS] = {
	"log_bytes", "entries", "outputs_released", "held_ms",
};

/* What is told besides. */
static const char *const figures[] = {
	"generation", "committed_bytes", "replayed_bytes", "lag_ms", "output_held_us",
	"output_held_max_us", NULL
};

/**
 * struct sample - a VM at a moment
 * @next: in the list of all
 * @name: of it
 * @generation: of its protection: counters begin anew with each
 * @at: when; seconds of CLOCK_MONOTONIC
 * @value: of @counters
 */
struct sample {
	struct sample *next;
	char name[VM_NAME];
	uint64_t generation;
	double at;
	uint64_t value[COUNTERS];
};

/**
 * struct table - what is printed at a moment
 * @a: the command line
 * @rows: of the VMs
 * @before: samples of the last one
 * @samples: of this one
 */
struct table {
	const struct arguments *a;
	struct json_object *rows;
	struct sample *before;
	struct sample *samples;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static const struct sample *find(const struct sample *sample, const char *name)
{
	while (sample && strcmp(sample->name, name))
		sample = sample->next;
	return sample;
}

static void add_rates(struct json_object *row, const struct sample *before,
		      const struct sample *sample)
{
	double seconds = sample->at - before->at, rate;
	char name[64];
	size_t i;

	if (before->generation != sample->generation || seconds <= 0)
		return;
	for (i = 0; i < COUNTERS; i++) {
		if (sample->value[i] < before->value[i])
			continue;
		snprintf(name, sizeof(name), "%s_per_s", counters[i]);
		rate = (sample->value[i] - before->value[i]) / seconds;
		json_object_object_add(row, name, json_object_new_double(rate));
	}
}

static struct json_object *new_row(struct sample *sample, struct json_object *status)
{
	struct json_object *row = json_object_new_object();
	const char *const *figure;
	uint64_t value;
	size_t i;

	object_number(status, "generation", &sample->generation);
	object_add_text(row, "name", sample->name);
	object_add_text(row, "role", object_text(status, "role") ?: "");
	for (i = 0; i < COUNTERS; i++)
		if (object_number(status, counters[i], &sample->value[i]))
			object_add_number(row, counters[i], sample->value[i]);
	for (figure = figures; *figure; figure++)
		if (object_number(status, *figure, &value))
			object_add_number(row, *figure, value);
	return row;
}

static void print_number(struct json_object *row, const char *name, int width)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(row, name, &value))
		printf(" %*.0f", width, json_object_get_double(value));
	else
		printf(" %*s", width, "-");
}

static void print_row(struct json_object *row)
{
	printf("%-16s %-11s", object_text(row, "name"), object_text(row, "role"));
	print_number(row, "log_bytes", 12);
	print_number(row, "committed_bytes", 12);
	print_number(row, "replayed_bytes", 12);
	print_number(row, "entries", 10);
	print_number(row, "lag_ms", 7);
	print_number(row, "held_ms", 8);
	print_number(row, "log_bytes_per_s", 9);
	print_number(row, "entries_per_s", 9);
	puts("");
}

static void print_heading(void)
{
	printf("%-16s %-11s %12s %12s %12s %10s %7s %8s %9s %9s\n", "NAME", "ROLE", "LOG",
	       "COMMITTED", "REPLAYED", "ENTRIES", "LAG/ms", "HELD/ms", "BYTES/s",
	       "ENTRIES/s");
}

static struct json_object *ask(const struct table *t, const char *name)
{
	struct json_object *status;
	char path[VM_PATH];

	vm_socket(path, sizeof(path), &t->a->config, name);
	status = control_ask(path, control_request("status"), REPLY_MS);
	if (object_flag(status, "ok"))
		return status;
	json_object_put(status);
	return NULL;
}

/* A VMM that was killed has left its socket, and is not shown. */
static void add_vm(void *data, const char *name)
{
	struct table *t = data;
	struct json_object *status = vm_name_is_sane(name) ? ask(t, name) : NULL, *row;
	struct sample *sample = status ? calloc(1, sizeof(*sample)) : NULL;
	const struct sample *before = find(t->before, name);

	if (sample) {
		*sample = (struct sample){ .next = t->samples, .at = now() };
		snprintf(sample->name, sizeof(sample->name), "%s", name);
		t->samples = sample;
		row = new_row(sample, status);
		if (before)
			add_rates(row, before, sample);
		if (!t->a->json)
			print_row(row);
		json_object_array_add(t->rows, row);
	}
	json_object_put(status);
}

static void forget(struct sample *sample)
{
	struct sample *next;

	for (; sample; sample = next) {
		next = sample->next;
		free(sample);
	}
}

static int show(struct table *t)
{
	int err = 0;

	t->rows = json_object_new_array();
	t->before = t->samples;
	t->samples = NULL;
	if (!t->a->json)
		print_heading();
	vm_each(t->a, add_vm, t);
	forget(t->before);
	if (t->a->json)
		err = print_object(json_object_get(t->rows));
	json_object_put(t->rows);
	return err;
}

int stats_show(const struct arguments *a)
{
	const struct timespec pause = { .tv_sec = a->interval };
	struct table table = { .a = a };
	int err;

	while (!(err = show(&table)) && a->interval && !fflush(stdout))
		nanosleep(&pause, NULL);
	forget(table.samples);
	return err;
}
