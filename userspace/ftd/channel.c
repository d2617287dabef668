// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "object.h"

static int no_line(struct findings *f)
{
	switch (errno) {
	case ETIMEDOUT:
		return findings_add(f, "SILENT",
				    "look whether ftd runs there and the logging link is up",
				    "the other side has not answered in time");
	case EMSGSIZE:
		return findings_add(f, "LINE_TOO_LONG", AUTH_STRANGER,
				    "the other side has sent a longer line than is allowed");
	case EBADMSG:
		return findings_add(f, "NOT_FTD", AUTH_STRANGER,
				    "the other side has sent a zero byte");
	case ENODATA:
		return findings_add(f, "HUNG_UP", "see the messages of ftd there",
				    "the other side has hung up");
	default:
		return findings_add(f, "CONNECTION", "look at the logging link",
				    "the connection has failed: %s", strerror(errno));
	}
}

/* The other side has its turn when this side has spoken, and it says one thing then. */
static char *next(struct channel *c, int64_t deadline)
{
	char *line = lines_next(&c->lines, deadline);

	if (!line) {
		no_line(&c->findings);
	} else if (lines_rest(&c->lines)) {
		findings_add(&c->findings, "OUT_OF_TURN", AUTH_STRANGER,
			     "the other side has sent something that it was not its turn for");
		line = NULL;
	}
	return line;
}

static int send_object(struct channel *c, struct json_object *object, int64_t deadline)
{
	const char *text = object ? object_line(object) : NULL;
	int err = 0;

	if (!text)
		err = findings_add(&c->findings, "NO_MEMORY", "", "no memory");
	else if (lines_send(c->lines.fd, text, deadline))
		err = no_line(&c->findings);
	json_object_put(object);
	return err;
}

static int take_hello(struct channel *c, int64_t deadline)
{
	const char *line = next(c, deadline);

	return line ? auth_take_hello(&c->auth, line, &c->findings) : -1;
}

static int take_proof(struct channel *c, int64_t deadline)
{
	const char *line = next(c, deadline);

	return line ? auth_take_proof(&c->auth, line, &c->findings) : -1;
}

/* So that the other side's administrator reads more than that this side has hung up. */
static void say_refused(struct channel *c)
{
	static const char text[] = "{\"refused\":\"SECRET\"}";

	if (lines_send(c->lines.fd, text, 0))
		return;		/* it has gone already */
}

/* The initiator proves first: who only knows the port learns nothing to guess from. */
static int initiate(struct channel *c, int64_t deadline)
{
	if (send_object(c, auth_hello(&c->auth), deadline) || take_hello(c, deadline) ||
	    send_object(c, auth_proof(&c->auth), deadline))
		return -1;
	return take_proof(c, deadline);
}

static int respond(struct channel *c, int64_t deadline)
{
	if (take_hello(c, deadline) || send_object(c, auth_hello(&c->auth), deadline))
		return -1;
	if (take_proof(c, deadline)) {
		if (!strcmp(c->findings.list[0].name, "SECRET"))
			say_refused(c);
		return -1;
	}
	return send_object(c, auth_proof(&c->auth), deadline);
}

int channel_pair(struct channel *c, int fd, enum auth_role role, const struct secret *secret,
		 unsigned int ms)
{
	int64_t deadline = deadline_in(ms);

	c->lines = (struct lines){ .fd = fd, .limit = CHANNEL_STRANGER };
	c->findings.count = 0;
	if (auth_begin(&c->auth, role, secret, &c->findings))
		return -1;
	if (role == AUTH_INITIATOR ? initiate(c, deadline) : respond(c, deadline))
		return -1;
	auth_make_keys(&c->auth);
	c->lines.limit = CHANNEL_LINE;
	return 0;
}

int channel_send(struct channel *c, struct json_object *object)
{
	char *line = object ? auth_seal(&c->auth, object) : NULL;
	int err = 0;

	json_object_put(object);
	if (!line)
		err = findings_add(&c->findings, "NO_MEMORY", "", "no memory");
	else if (strlen(line) >= CHANNEL_LINE)
		err = findings_add(&c->findings, "LINE_TOO_LONG", "", "there is too much to say");
	else if (lines_send(c->lines.fd, line, deadline_in(CHANNEL_PAIR_MS)))
		err = no_line(&c->findings);
	free(line);
	return err;
}

struct json_object *channel_receive(struct channel *c, unsigned int ms)
{
	const char *line = next(c, deadline_in(ms));

	return line ? auth_open(&c->auth, line, &c->findings) : NULL;
}
