// SPDX-License-Identifier: GPL-2.0-only
/* ft-arbiter: prepares and looks after the areas that arbiters use. */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "area.h"
#include "format.h"

#define VERSION		"0.1.0"
#define EXIT_ERROR	1
#define EXIT_USAGE	2
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct options - of the command line
 * @path: the area
 * @slot: for release; else ARBITER_SLOTS
 * @json: print JSON
 * @force: format over what is there
 */
struct options {
	const char *path;
	uint32_t slot;
	bool json, force;
};

static int complain(const char *text)
{
	fprintf(stderr, "ft-arbiter: %s\n", text);
	return EXIT_ERROR;
}

/* Closes; returns the exit status. */
static int finish(struct arbiter *a, int err)
{
	int status = err ? complain(a->problem) : 0;

	area_close(a);
	return status;
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static int format(const struct options *options)
{
	struct arbiter a;
	int err = arbiter_format(&a, options->path, options->force);
	struct json_object *o;

	if (!err && options->json) {
		o = json_object_new_object();
		json_object_object_add(o, "slots", json_object_new_int(ARBITER_SLOTS));
		json_object_object_add(o, "bytes", json_object_new_int(ARBITER_BYTES));
		print_json(o);
	} else if (!err) {
		printf("%s: room for %u VMs, %u bytes\n", options->path, ARBITER_SLOTS,
		       ARBITER_BYTES);
	}
	return finish(&a, err);
}

static void write_id(char text[2 * ARBITER_ID + 1], const uint8_t *id)
{
	unsigned int i;

	for (i = 0; i < ARBITER_ID; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

static struct json_object *record_as_json(const struct arbiter *a, uint32_t block)
{
	const struct record *r = area_record(a, block);
	const char *problem = record_is_free(r) ? NULL : record_problem(r, block, a->id);
	struct json_object *o = json_object_new_object();
	char id[2 * ARBITER_ID + 1];

	if (record_is_free(r))
		return o;
	if (problem) {
		json_object_object_add(o, "problem", json_object_new_string(problem));
		return o;
	}
	write_id(id, r->vm);
	json_object_object_add(o, "vm", json_object_new_string(id));
	json_object_object_add(o, "generation", json_object_new_uint64(r->contest.generation));
	json_object_object_add(o, "promised", json_object_new_uint64(r->contest.promised));
	json_object_object_add(o, "accepted", json_object_new_uint64(r->contest.accepted));
	if (r->contest.accepted)
		json_object_object_add(o, "winner", json_object_new_uint64(r->contest.winner));
	return o;
}

static void print_record(const struct arbiter *a, uint32_t block)
{
	const struct record *r = area_record(a, block);
	const char *problem = record_is_free(r) ? "free" : record_problem(r, block, a->id);
	char id[2 * ARBITER_ID + 1];

	printf("slot %-2u side %u  ", (block - 1) / CONTEST_SIDES, (block - 1) % CONTEST_SIDES);
	if (problem) {
		puts(problem);
		return;
	}
	write_id(id, r->vm);
	printf("vm %s generation %llu promised %llu accepted %llu", id,
	       (unsigned long long)r->contest.generation,
	       (unsigned long long)r->contest.promised,
	       (unsigned long long)r->contest.accepted);
	printf(r->contest.accepted ? " winner %llu\n" : "\n",
	       (unsigned long long)r->contest.winner);
}

static struct json_object *slot_as_json(const struct arbiter *a, uint32_t slot)
{
	struct json_object *o = json_object_new_object(), *sides = json_object_new_array();
	unsigned int side;

	for (side = 0; side < CONTEST_SIDES; side++)
		json_object_array_add(sides, record_as_json(a, record_block(slot, side)));
	json_object_object_add(o, "slot", json_object_new_int(slot));
	json_object_object_add(o, "sides", sides);
	return o;
}

/* A free record beside one in use is shown, too. */
static bool is_free_slot(const struct arbiter *a, uint32_t slot)
{
	return record_is_free(area_record(a, record_block(slot, 0))) &&
	       record_is_free(area_record(a, record_block(slot, 1)));
}

static void show_slots(const struct arbiter *a, bool json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;
	uint32_t slot, used = 0;

	for (slot = 0; slot < ARBITER_SLOTS; slot++) {
		if (is_free_slot(a, slot))
			continue;
		used++;
		if (json) {
			json_object_array_add(list, slot_as_json(a, slot));
		} else {
			print_record(a, record_block(slot, 0));
			print_record(a, record_block(slot, 1));
		}
	}
	if (json)
		print_json(list);
	else
		printf("%u of %u slots in use\n", used, ARBITER_SLOTS);
}

static int show(const struct options *options)
{
	struct arbiter a;
	int err = area_open(&a, options->path, 0);

	if (!err)
		err = area_read_header(&a);
	if (!err)
		err = area_read(&a, 1, ARBITER_BLOCKS - 1);
	if (!err)
		show_slots(&a, options->json);
	return finish(&a, err);
}

static int release(const struct options *options)
{
	uint32_t block = record_block(options->slot, 0);
	struct arbiter a;
	int err = area_open(&a, options->path, 0);

	if (!err)
		err = area_read_header(&a);
	if (!err)
		err = area_lock(&a, block, CONTEST_SIDES);
	if (!err)
		err = area_write(&a, block, CONTEST_SIDES);	/* zeros, as it was not read */
	return finish(&a, err);
}

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* Both sides of a VM that does not exist. */
static int try_decision(struct arbiter *a, double *ms)
{
	int answer = arbiter_begin(a, 1);

	if (answer)
		return answer;
	*ms = now_ms();
	answer = arbiter_decide(a, 1, ARBITER_SECONDARY);
	*ms = now_ms() - *ms;
	if (answer == ARBITER_WON)
		answer = arbiter_decide(a, 1, ARBITER_PRIMARY);
	else if (answer >= 0)
		return area_fail(a, EIO, "%s does not keep what is written: a lone side lost",
				 a->path);
	if (answer == ARBITER_WON)
		return area_fail(a, EIO, "%s does not keep what is written: both sides won",
				 a->path);
	return answer;
}

static int test(const struct options *options)
{
	uint8_t vm[ARBITER_ID] = { 0 };
	struct json_object *o;
	struct arbiter a;
	double ms = 0;
	int err, released;

	if (getrandom(vm, sizeof(vm), 0) != sizeof(vm))
		return complain("the kernel gives no random numbers");
	err = arbiter_open(&a, options->path, vm);
	if (err)
		return finish(&a, err);
	err = try_decision(&a, &ms);
	released = err ? 0 : arbiter_release(&a);
	if (err || released)
		return finish(&a, err ? err : released);
	if (options->json) {
		o = json_object_new_object();
		json_object_object_add(o, "direct", json_object_new_boolean(a.direct));
		json_object_object_add(o, "decision_ms", json_object_new_double(ms));
		print_json(o);
	} else {
		printf("%s: a decision took %.1f ms; %s\n", options->path, ms, a.direct ?
		       "the host's cache is bypassed" :
		       "the host caches this file: for tests on one host only");
	}
	return finish(&a, 0);
}

static const struct command {
	const char *name, *arguments, *text;
	int (*run)(const struct options *options);
} commands[] = {
	{ "format", "PATH", "make a block device or a file an empty area", format },
	{ "show", "PATH", "list the slots in use, and what is damaged", show },
	{ "test", "PATH", "decide about a VM that does not exist, and say how long it took", test },
	{ "release", "PATH SLOT", "free a slot that nobody will use: its VM must not be protected",
	  release },
};

static void print_help(void)
{
	size_t i;

	puts("usage: ft-arbiter [-j] [--force] COMMAND PATH [SLOT]\n"
	     "\n"
	     "Prepare and look after the storage through which the two hosts of a protected VM\n"
	     "decide which of them runs it. PATH is a block device that both hosts share.\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s%-10s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].text);
	puts("\n"
	     "  -j, --json         print JSON\n"
	     "  -f, --force        format over what is there\n"
	     "  -h, --help         this text\n"
	     "  -V, --version\n"
	     "\n"
	     "Exit status: 0, 1 after an error, 2 if the command line is wrong.");
}

static int parse_slot(const char *text, uint32_t *slot)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number >= ARBITER_SLOTS)
		return -1;
	*slot = number;
	return 0;
}

static int run(char **words, int count, struct options *options)
{
	const struct command *command = NULL;
	size_t i;

	for (i = 0; count && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, words[0]))
			command = &commands[i];
	if (!command || count != (command->run == release ? 3 : 2)) {
		complain("the command line is wrong: see ft-arbiter --help");
		return EXIT_USAGE;
	}
	if (command->run == release && parse_slot(words[2], &options->slot)) {
		complain("slots are numbered from 0 to 63: see ft-arbiter show PATH");
		return EXIT_USAGE;
	}
	options->path = words[1];
	return command->run(options);
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	struct options options = { .slot = ARBITER_SLOTS };
	int option, status;

	while ((option = getopt_long(argc, argv, "jfhV", table, NULL)) != -1) {
		switch (option) {
		case 'j':
			options.json = true;
			break;
		case 'f':
			options.force = true;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			puts("ft-arbiter " VERSION);
			return 0;
		default:
			return EXIT_USAGE;	/* getopt has told what is wrong */
		}
	}
	status = run(argv + optind, argc - optind, &options);
	if (fflush(stdout) || ferror(stdout))
		return complain("cannot write the output");
	return status;
}
