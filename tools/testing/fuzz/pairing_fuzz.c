// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: what another host, or a stranger, says to ftd.
 *
 * The input's first byte chooses who reads the rest: the greeting, the proof, a sealed
 * line, or what the other ftd has authentically said. Nobody gets in who does not know
 * the secret, and what is accepted of a VM is fit for paths and command lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../userspace/ftd/auth.h"
#include "../../../userspace/ftd/host.h"
#include "../../../userspace/ftd/vm.h"
#include "object.h"

#define REQUIRE(condition)							\
	do {									\
		if (!(condition)) {						\
			fprintf(stderr, "broken: %s\n", #condition);		\
			abort();						\
		}								\
	} while (0)

static const struct secret secret = { .bytes = "0123456789abcdef0123456789abcdef", .size = 32 };
static struct findings findings;

static void read_hello(struct auth *auth, const char *line)
{
	if (auth_take_hello(auth, line, &findings))
		REQUIRE(findings.count == 1 && *findings.list[0].text);
	else
		REQUIRE(memcmp(auth->nonce[0], auth->nonce[1], AUTH_BYTES));
}

static void read_proof(struct auth *auth, const char *line)
{
	REQUIRE(auth_take_proof(auth, line, &findings) && findings.count == 1);
}

static void read_sealed(struct auth *auth, const char *line)
{
	auth_make_keys(auth);
	REQUIRE(!auth_open(auth, line, &findings) && findings.count == 1);
}

static void check_vm(const struct vm *vm)
{
	unsigned int i;

	REQUIRE(vm_name_is_sane(vm->name) && !strchr(vm->name, '/'));
	for (i = 0; i < vm->disks; i++)
		REQUIRE(vm->disk[i].path[0] == '/' && !strchr(vm->disk[i].path, ','));
	for (i = 0; i < vm->nets; i++)
		REQUIRE(!strpbrk(vm->net[i].tap, "/,= "));
}

/* What was accepted is accepted again, and is the same. */
static void read_vm(struct json_object *object)
{
	static struct vm vm, again;
	struct json_object *saved;

	if (vm_load(&vm, object, &findings))
		return;
	check_vm(&vm);
	saved = vm_save(&vm);
	REQUIRE(!vm_load(&again, saved, &findings) && !memcmp(&vm, &again, sizeof(vm)));
	json_object_put(saved);
}

static void read_said(const char *line)
{
	static struct host host;
	struct json_object *object = object_parse(line, strlen(line), AUTH_DEPTH);

	read_vm(object_object(object, "vm"));
	if (!host_load(&host, object_object(object, "host")))
		host_compare(&host, &host, &findings);
	findings_load(&findings, object_list(object, "refused"));
	REQUIRE(findings.count <= FINDINGS_MAX);
	json_object_put(object);
}

int fuzz_one_input(const uint8_t *data, size_t size);

int fuzz_one_input(const uint8_t *data, size_t size)
{
	struct auth auth = { .secret = &secret, .own = AUTH_RESPONDER };
	char *line;

	if (!size)
		return 0;
	/* A copy that ends where its allocation does. */
	line = calloc(1, size);
	REQUIRE(line);
	memcpy(line, data + 1, size - 1);
	memset(auth.nonce[AUTH_RESPONDER], 0x5a, AUTH_BYTES);
	findings.count = 0;
	switch (data[0] % 4) {
	case 0:
		read_hello(&auth, line);
		break;
	case 1:
		read_proof(&auth, line);
		break;
	case 2:
		read_sealed(&auth, line);
		break;
	default:
		read_said(line);
	}
	free(line);
	return 0;
}
