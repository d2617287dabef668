// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/**
 * struct setting - one with a text
 * @name: in the file
 * @offset: in struct config
 * @size: room for it, with the zero
 */
struct setting {
	const char *name;
	size_t offset;
	size_t size;
};

static const struct setting settings[] = {
	{ "interface",
	  offsetof(struct config, interface), sizeof(((struct config *)0)->interface) },
	{ "address", offsetof(struct config, address), sizeof(((struct config *)0)->address) },
	{ "secret", offsetof(struct config, secret), sizeof(((struct config *)0)->secret) },
	{ "ftvmm", offsetof(struct config, ftvmm), sizeof(((struct config *)0)->ftvmm) },
	{ "vm-sockets", offsetof(struct config, sockets), sizeof(((struct config *)0)->sockets) },
	{ "socket", offsetof(struct config, socket), sizeof(((struct config *)0)->socket) },
	{ "logs", offsetof(struct config, logs), sizeof(((struct config *)0)->logs) },
	{ NULL, 0, 0 }
};

/**
 * struct reading - a file that is being read
 * @config: the result
 * @path: of the file
 * @findings: what is wrong
 */
struct reading {
	struct config *config;
	const char *path;
	struct findings *findings;
};

static int too_long(struct reading *r, const char *name)
{
	return findings_add(r->findings, "CONFIG", "", "%s: %s is too long, or empty", r->path,
			    name);
}

static int take_text(struct reading *r, char *to, size_t size, const char *name, const char *value)
{
	if (!*value || strlen(value) >= size)
		return too_long(r, name);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int take_port(struct reading *r, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || !port || port > UINT16_MAX)
		return findings_add(r->findings, "CONFIG", "", "%s: port is 1 to 65535, not '%s'",
				    r->path, value);
	r->config->port = port;
	return 0;
}

static int take_verify(struct reading *r, const char *value)
{
	r->config->verify = !strcmp(value, "yes");
	if (r->config->verify || !strcmp(value, "no"))
		return 0;
	return findings_add(r->findings, "CONFIG", "", "%s: verify is yes or no, not '%s'",
			    r->path, value);
}

static int take_option(struct reading *r, const char *value)
{
	struct config *c = r->config;

	if (c->options_count == OPTIONS_MAX)
		return findings_add(r->findings, "CONFIG", "", "%s: more than %d ftvmm-option",
				    r->path, OPTIONS_MAX);
	return take_text(r, c->options[c->options_count++], CONFIG_WORD, "ftvmm-option", value);
}

static int take_peer(struct reading *r, const char *name, const char *value)
{
	struct config *c = r->config;
	struct peer *peer = &c->peers[c->peers_count];

	if (c->peers_count == HOSTS_MAX)
		return findings_add(r->findings, "CONFIG", "", "%s: more than %d hosts", r->path,
				    HOSTS_MAX);
	c->peers_count++;
	if (take_text(r, peer->name, sizeof(peer->name), "a host's name", name))
		return -1;
	return take_text(r, peer->address, sizeof(peer->address), name, value);
}

static int take_setting(struct reading *r, const char *name, const char *value)
{
	const struct setting *s;

	if (!strcmp(name, "port"))
		return take_port(r, value);
	if (!strcmp(name, "verify"))
		return take_verify(r, value);
	if (!strcmp(name, "ftvmm-option"))
		return take_option(r, value);
	for (s = settings; s->name; s++)
		if (!strcmp(name, s->name))
			return take_text(r, (char *)r->config + s->offset, s->size, name, value);
	return findings_add(r->findings, "CONFIG", "ftd.conf(5) has those that there are",
			    "%s: there is no setting '%s'", r->path, name);
}

static int take(void *data, const char *section, const char *name, const char *value)
{
	struct reading *r = data;

	if (!strcmp(section, "hosts"))
		take_peer(r, name, value);
	else if (!*section)
		take_setting(r, name, value);
	else
		findings_add(r->findings, "CONFIG", "the only section is [hosts]",
			     "%s: there is no section [%s]", r->path, section);
	return 1;	/* all that is wrong is told, not only the first thing */
}

void config_defaults(struct config *config)
{
	*config = (struct config){
		.address = "0.0.0.0",
		.port = 7680,
		.secret = "/etc/kvm-ft/secret",
		.ftvmm = "/usr/local/bin/ftvmm",
		.sockets = "/run/kvm-ft/vm",
		.socket = "/run/kvm-ft/ftd.sock",
		.logs = "/var/log/kvm-ft",
	};
}

int config_read(struct config *config, const char *path, struct findings *findings)
{
	struct reading r = { .config = config, .path = path, .findings = findings };
	unsigned int before = findings->count;
	int line;

	config_defaults(config);
	line = ini_parse(path, take, &r);
	if (line < 0)
		findings_add(findings, "CONFIG", "see ftd.conf(5)", "cannot read %s: %s", path,
			     line == -1 ? strerror(errno) : "no memory");
	else if (line)
		findings_add(findings, "CONFIG", "a line is NAME = VALUE, of at most 198 bytes",
			     "%s: cannot understand line %d", path, line);
	return findings->count == before ? 0 : -1;
}

const char *config_address(const struct config *config, const char *name)
{
	unsigned int i;

	for (i = 0; i < config->peers_count; i++)
		if (!strcmp(config->peers[i].name, name))
			return config->peers[i].address;
	return name;
}
