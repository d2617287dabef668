// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: what ftd sees of an ftvmm, and no VM.  It has the options that ftd gives, and
 * a control socket:
 *
 *   stub_vmm --state FILE --control SOCKET	a VM that FILE describes as JSON
 *   stub_vmm --secondary FD --control SOCKET --name NAME ...
 *
 * The first sends a byte through the connection that it is given by "protect"; the second
 * sends the next letter back.  A secondary whose --behave is "end" says something and ends;
 * with "hang" it never has a control socket.  A VM whose --behave is "leave" ends slowly
 * when it has said once how it is; with "vanish", instead of saying that.
 */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "message.h"
#include "object.h"

#define LIFE_S	120	/* if nobody ends it */
#define WAIT_MS	20000
#define SLOW_MS	300

/**
 * struct stub - it
 * @loop: its main loop
 * @control: its socket
 * @state: what it says of itself
 * @connection: of a secondary
 * @behave: see above
 */
struct stub {
	struct loop loop;
	struct control control;
	struct json_object *state;
	struct watch connection;
	const char *behave;
};

static enum control_result status(void *owner, struct control_call *call)
{
	struct stub *stub = owner;

	stub->loop.done = !strcmp(stub->behave, "leave") || !strcmp(stub->behave, "vanish");
	if (!strcmp(stub->behave, "vanish"))
		return CONTROL_LATER;
	object_add_all(call->reply, stub->state);
	object_add_number(call->reply, "pid", getpid());
	return CONTROL_DONE;
}

static enum control_result quit(void *owner, struct control_call *call)
{
	struct stub *stub = owner;

	(void)call;
	stub->loop.done = true;
	return CONTROL_DONE;
}

static void tell_progress(struct stub *stub)
{
	struct json_object *event = json_object_new_object();

	object_add_text(event, "event", "protect_progress");
	object_add_number(event, "snapshot_bytes", 1000);
	object_add_number(event, "memory_done", 2000);
	object_add_number(event, "memory", 8000);
	control_tell(&stub->control, event);
}

static enum control_result protect(void *owner, struct control_call *call)
{
	struct pollfd answer = { .fd = call->fd, .events = POLLIN };
	struct stub *stub = owner;
	char byte = 'm', reply[2] = "";
	uint64_t generation = 0, interval = 0;

	object_number(call->request, "generation", &generation);
	object_number(call->request, "hash_interval", &interval);
	tell_progress(stub);
	if (call->fd < 0 || send(call->fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return control_refuse(call->reply, "send one", "there is no connection");
	if (poll(&answer, 1, WAIT_MS) != 1 || recv(call->fd, reply, 1, 0) != 1)
		return control_refuse(call->reply, "see the secondary's messages",
				      "the secondary does not answer");
	object_add_text(call->reply, "echo", reply);
	object_add_number(call->reply, "generation", generation);
	object_add_number(call->reply, "pause_ms", 7);
	object_add_number(call->reply, "interval", interval);
	object_add_flag(call->reply, "verified", object_flag(call->request, "verify"));
	return CONTROL_DONE;
}

static void on_byte(void *owner)
{
	struct stub *stub = owner;
	char byte;

	if (recv(stub->connection.fd, &byte, 1, 0) != 1) {
		loop_want(&stub->loop, &stub->connection, false);
		close(stub->connection.fd);
		return;
	}
	byte++;
	if (send(stub->connection.fd, &byte, 1, MSG_NOSIGNAL) != 1)
		complain("cannot answer");
}

static struct json_object *read_state(const char *path)
{
	struct json_object *state = json_object_from_file(path);

	if (!state)
		complain("no state in %s", path);
	return state;
}

static struct json_object *state_of_secondary(const char *name, int argc, char **argv)
{
	struct json_object *state = json_object_new_object(), *words = json_object_new_array();

	for (; argc; argc--, argv++)
		json_object_array_add(words, json_object_new_string(*argv));
	object_add_text(state, "name", name);
	object_add_text(state, "role", "secondary");
	json_object_object_add(state, "arguments", words);
	return state;
}

static int serve(struct stub *stub, const char *socket)
{
	bool can_protect = strcmp(stub->behave, "old");

	struct control_command commands[] = {
		{ .name = "status", .parameters = "", .run = status, .owner = stub, .help = "" },
		{ .name = "quit", .parameters = "", .run = quit, .owner = stub, .help = "" },
		{ .name = "protect", .parameters = "generation verify hash_interval",
		  .run = protect, .owner = stub, .help = "" },
	};
	int i, err = loop_open(&stub->loop) || control_open(&stub->control, &stub->loop, socket);

	for (i = 0; i < (can_protect ? 3 : 2); i++)
		control_add(&stub->control, &commands[i]);
	if (!err && stub->connection.fd >= 0)
		err = loop_watch(&stub->loop, &stub->connection);
	if (!err)
		err = loop_run(&stub->loop);
	if (!err && (!strcmp(stub->behave, "leave") || !strcmp(stub->behave, "vanish")))
		poll(NULL, 0, SLOW_MS);
	control_close(&stub->control);
	loop_close(&stub->loop);
	json_object_put(stub->state);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "secondary", required_argument, NULL, 's' },
		{ "control", required_argument, NULL, 'c' },
		{ "name", required_argument, NULL, 'n' },
		{ "disk", required_argument, NULL, 'd' },
		{ "net", required_argument, NULL, 'd' },
		{ "state", required_argument, NULL, 'f' },
		{ "behave", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 }
	};
	const char *socket = "", *name = "";
	static struct stub stub = { .behave = "",
		.connection = { .fd = -1, .ready = on_byte, .owner = &stub } };
	int option;

	alarm(LIFE_S);
	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 's':
			stub.connection.fd = atoi(optarg);
			break;
		case 'c':
			socket = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 'd':
			break;
		case 'f':
			stub.state = read_state(optarg);
			break;
		case 'b':
			stub.behave = optarg;
			break;
		default:
			return 2;
		}
	}
	message_open("stub_vmm", NULL);
	if (!strcmp(stub.behave, "end")) {
		tell_error("this host has no KVM");
		return 3;
	}
	while (!strcmp(stub.behave, "hang"))
		pause();
	if (!stub.state)
		stub.state = state_of_secondary(name, argc - 1, argv + 1);
	return serve(&stub, socket);
}
