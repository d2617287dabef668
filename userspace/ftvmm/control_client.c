// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "control_client.h"
#include "control_socket.h"
#include "message.h"

/* A command's name, or all of a request. */
static int send_request(int fd, const char *request)
{
	char line[CONTROL_LINE];
	int size = snprintf(line, sizeof(line), *request == '{' ? "%s\n" :
			    "{\"command\":\"%s\"}\n", request);

	if (size >= (int)sizeof(line))
		return complain("the request is longer than %zu bytes", sizeof(line));
	return send(fd, line, size, MSG_NOSIGNAL) == size ? 0 :
	       complain("cannot send the request: %s", strerror(errno));
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
	bool events = strstr(request, "events"), ok;
	FILE *from = fdopen(fd, "r");
	struct json_object *reply;

	if (!from || send_request(fd, request))
		return 1;
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
