// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/kvm_ft.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host.h"
#include "object.h"

#define MODULE	"/sys/module/kvm_ft/"
#define TCP	"/sys/module/kvm_ft_tcp/"

/**
 * struct field - something that must be the same on both hosts
 * @name: of the reason, if it is not
 * @key: in JSON
 * @offset: in struct host
 * @size: room for it
 * @what: for people
 * @missing: what to do if it is not there
 * @remedy: what to do if it differs
 */
struct field {
	const char *name;
	const char *key;
	size_t offset;
	size_t size;
	const char *what;
	const char *missing;
	const char *remedy;
};

static const struct field fields[] = {
	{ "KERNEL", "kernel", offsetof(struct host, kernel), sizeof(((struct host *)0)->kernel),
	  "kernel", "", "boot the same kernel on both" },
	{ "MODULE_VERSION", "api", offsetof(struct host, api), sizeof(((struct host *)0)->api),
	  "API version of kvm-ft.ko", "insmod kvm-ft.ko, and run ftd as root",
	  "load the same kvm-ft.ko on both" },
	{ "MODULE_BUILD", "module",
	  offsetof(struct host, module), sizeof(((struct host *)0)->module),
	  "build of kvm-ft.ko", "insmod kvm-ft.ko", "load the same kvm-ft.ko on both" },
	{ "MODULE_BUILD", "transport",
	  offsetof(struct host, transport), sizeof(((struct host *)0)->transport),
	  "build of kvm-ft-tcp.ko", "insmod kvm-ft-tcp.ko log_interface=INTERFACE",
	  "load the same kvm-ft-tcp.ko on both" },
	{ "PAGING", "paging", offsetof(struct host, paging), sizeof(((struct host *)0)->paging),
	  "paging mode of KVM", "load kvm_amd", "load kvm_amd with the same npt= on both" },
	{ "CPU_MODEL", "cpu", offsetof(struct host, cpu), sizeof(((struct host *)0)->cpu),
	  "CPU", "", "take a host with the same CPU model" },
	{ "CPU_FEATURES", "features",
	  offsetof(struct host, features), sizeof(((struct host *)0)->features),
	  "CPU features", "", "same microcode, firmware settings and kernel command line on both" },
};

/* Not compared, but needed. */
static const struct field others[] = {
	{ NULL, "name",
	  offsetof(struct host, name), sizeof(((struct host *)0)->name), NULL, NULL, NULL },
	{ NULL, "boot",
	  offsetof(struct host, boot), sizeof(((struct host *)0)->boot), NULL, NULL, NULL },
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* The first line of a file; "" if there is none. */
static void read_line(const char *path, char *to, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(to, size, file))
		*to = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void describe_module(struct host *host)
{
	int fd = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC), api;
	char npt[8];

	read_line(MODULE "srcversion", host->module, sizeof(host->module));
	read_line(TCP "srcversion", host->transport, sizeof(host->transport));
	read_line(TCP "parameters/log_interface", host->log_interface,
		  sizeof(host->log_interface));
	read_line("/sys/module/kvm_amd/parameters/npt", npt, sizeof(npt));
	if (*npt)
		snprintf(host->paging, sizeof(host->paging), "%s",
			 *npt == 'Y' || *npt == '1' ? "nested" : "strict");
	if (fd < 0)
		return;
	api = ioctl(fd, KVM_FT_GET_API_VERSION, 0);
	if (api >= 0)
		snprintf(host->api, sizeof(host->api), "%d", api);
	close(fd);
}

/* The value of "NAME : VALUE"; NULL if the line is of another name. */
static const char *value_of(const char *line, const char *name)
{
	size_t length = strlen(name);
	const char *colon = strchr(line, ':');

	if (!colon || strncmp(line, name, length) || strspn(line + length, "\t ") !=
	    (size_t)(colon - line) - length)
		return NULL;
	return colon + 1 + strspn(colon + 1, " ");
}

/* Of the first CPU; the others are like it. */
static void describe_cpu(struct host *host)
{
	static const char *const names[] = { "vendor_id", "cpu family", "model", "stepping" };
	FILE *file = fopen("/proc/cpuinfo", "re");
	size_t used = 0, i;
	char line[8192];

	while (file && fgets(line, sizeof(line), file) && *line != '\n') {
		const char *flags = value_of(line, "flags");

		line[strcspn(line, "\n")] = '\0';
		if (flags && strlen(flags) < sizeof(host->features))
			memcpy(host->features, flags, strlen(flags) + 1);
		for (i = 0; i < COUNT(names); i++) {
			const char *value = value_of(line, names[i]);

			if (value && used < sizeof(host->cpu))
				used += snprintf(host->cpu + used, sizeof(host->cpu) - used,
						 "%s%s %s", used ? ", " : "", names[i], value);
		}
	}
	if (file)
		fclose(file);
}

static uint64_t available_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

void host_describe(struct host *host)
{
	struct utsname uts;

	*host = (struct host){ .memory = available_memory() };
	if (!uname(&uts)) {
		snprintf(host->name, sizeof(host->name), "%s", uts.nodename);
		snprintf(host->kernel, sizeof(host->kernel), "%s", uts.release);
	}
	read_line("/proc/sys/kernel/random/boot_id", host->boot, sizeof(host->boot));
	describe_module(host);
	describe_cpu(host);
}

void host_check_interface(const struct host *host, const char *interface, const char *whose,
			  struct findings *findings)
{
	if (strcmp(host->log_interface, interface))
		findings_add(findings, "LOG_INTERFACE",
			     "set log_interface of kvm-ft-tcp.ko to what ftd.conf says",
			     "on the %s host ftd uses interface %s, kvm-ft-tcp.ko %s", whose,
			     interface, *host->log_interface ? host->log_interface : "none");
}

static const char *text_of(const struct host *host, const struct field *field)
{
	return (const char *)host + field->offset;
}

static void save(const struct host *host, const struct field *field, size_t count,
		 struct json_object *object)
{
	for (; count; count--, field++)
		object_add_text(object, field->key, text_of(host, field));
}

struct json_object *host_save(const struct host *host)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	save(host, fields, COUNT(fields), object);
	save(host, others, COUNT(others), object);
	return object;
}

static int load(struct host *host, const struct field *field, size_t count,
		struct json_object *object)
{
	for (; count; count--, field++)
		if (!object_copy_text(object, field->key, (char *)host + field->offset,
				      field->size))
			return -1;
	return 0;
}

int host_load(struct host *host, struct json_object *object)
{
	*host = (struct host){ 0 };
	return load(host, fields, COUNT(fields), object) ||
	       load(host, others, COUNT(others), object) ? -1 : 0;
}

static bool has_word(const char *words, const char *word, size_t length)
{
	while (*words) {
		size_t size = strcspn(words, " ");

		if (size == length && !memcmp(words, word, length))
			return true;
		words += size;
		words += strspn(words, " ");
	}
	return false;
}

/* The words of a list that are not in another one. */
static void difference(const char *words, const char *other, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	while (*words) {
		size_t size = strcspn(words, " ");

		if (!has_word(other, words, size) && used + size + 2 < room)
			used += snprintf(text + used, room - used, "%s%.*s", used ? " " : "",
					 (int)size, words);
		words += size;
		words += strspn(words, " ");
	}
	if (!*text)
		snprintf(text, room, "none");
}

static void find_features(const struct field *field, const char *primary, const char *secondary,
			  struct findings *findings)
{
	char more[160], less[160];

	difference(primary, secondary, more, sizeof(more));
	difference(secondary, primary, less, sizeof(less));
	findings_add(findings, field->name, field->remedy,
		     "%s: only the primary's host has: %s; only the secondary's: %s",
		     field->what, more, less);
}

static void compare(const struct field *field, const struct host *primary,
		    const struct host *secondary, struct findings *findings)
{
	const char *a = text_of(primary, field), *b = text_of(secondary, field);

	if (!*a || !*b)
		findings_add(findings, field->name, field->missing, "%s: not known on %s host",
			     field->what,
			     *b ? "the primary's" : *a ? "the secondary's" : "either");
	else if (!strcmp(a, b))
		return;
	else if (!strcmp(field->key, "features"))
		find_features(field, a, b, findings);
	else
		findings_add(findings, field->name, field->remedy,
			     "%s: the primary's host has %s, the secondary's %s", field->what,
			     a, b);
}

void host_compare(const struct host *primary, const struct host *secondary,
		  struct findings *findings)
{
	size_t i;

	if (!strcmp(primary->boot, secondary->boot))
		findings_add(findings, "SAME_HOST", "name another host",
			     "the secondary would be on the primary's own host, %s",
			     primary->name);
	for (i = 0; i < COUNT(fields); i++)
		compare(&fields[i], primary, secondary, findings);
}
