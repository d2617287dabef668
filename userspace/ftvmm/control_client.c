// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "control_client.h"
#include "control_socket.h"
#include "message.h"
#include "object.h"

/* From a command's name, or all of a request.  Returns its size, or -1, told. */
static int make_request(char *line, size_t room, const char *request)
{
	int size = snprintf(line, room, *request == '{' ? "%s\n" :
			    "{\"command\":\"%s\"}\n", request);

	return size < (int)room ? size : complain("the request is longer than %zu bytes", room);
}

/* Will more than a reply come?  A request that is none is refused by the other side. */
static bool wants_events(const char *line, int size)
{
	struct json_object *request = object_parse(line, size, CONTROL_DEPTH);
	const char *command = object_text(request, "command");
	bool wants = command && !strcmp(command, "events");

	json_object_put(request);
	return wants;
}

/* Prints a line; returns it parsed, or NULL. */
static struct json_object *receive(FILE *from)
{
	struct json_object *object = NULL;
	char *line = NULL;
	size_t room = 0;

	if (getline(&line, &room, from) > 0) {
		fputs(line, stdout);
		fflush(stdout);
		object = json_tokener_parse(line);
	}
	free(line);
	return object;
}

static bool is_ok(struct json_object *reply)
{
	struct json_object *ok;

	return json_object_object_get_ex(reply, "ok", &ok) && json_object_get_boolean(ok);
}

static int converse(int fd, const char *request)
{
	char line[CONTROL_LINE];
	int size = make_request(line, sizeof(line), request);
	FILE *from = fdopen(fd, "r");
	struct json_object *reply;
	bool events, ok;

	if (!from || size < 0)
		return 1;
	if (send(fd, line, size, MSG_NOSIGNAL) != size) {
		complain("cannot send the request: %s", strerror(errno));
		return 1;
	}
	events = wants_events(line, size);
	reply = receive(from);
	if (!reply)
		complain("there was no reply");
	ok = reply && is_ok(reply);
	while (reply && ok && events) {
		json_object_put(reply);
		reply = receive(from);
	}
	json_object_put(reply);
	fclose(from);
	return ok ? 0 : 1;
}

int control_client(int argc, char **argv)
{
	int fd;

	if (argc != 3) {
		complain("usage: ftvmm send SOCKET REQUEST");
		return 2;
	}
	fd = control_connect(argv[1]);
	if (fd >= 0)
		return converse(fd, argv[2]);
	complain("cannot connect to %s: %s%s", argv[1], strerror(-fd),
		 fd == -ECONNREFUSED ? ": its guest has ended" : "");
	return 1;
}
