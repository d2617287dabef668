// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "control_socket.h"
#include "message.h"
#include "object.h"

static void hang_up(struct control_client *client)
{
	close(client->watch.fd);	/* which takes it from the loop, too */
	client->watch.fd = -1;
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	json_object_put(client->reply);
	client->reply = NULL;
}

/* The socket's buffer is all that waits for a client. */
static void send_line(struct control_client *client, struct json_object *object)
{
	const char *text = object_line(object);
	size_t size = text ? strlen(text) : 0;
	struct iovec line[] = { { (void *)text, size }, { "\n", 1 } };
	const struct msghdr message = { .msg_iov = line, .msg_iovlen = 2 };

	if (client->watch.fd < 0)
		return;
	if (size && sendmsg(client->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)size + 1)
		return;
	info("control socket: a client is hung up on: it does not read");
	hang_up(client);
}

enum control_result control_refuse(struct json_object *reply, const char *remedy,
				   const char *format, ...)
{
	va_list arguments;
	char text[512];
	size_t size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* What is cut off must not end within a character: JSON is UTF-8. */
	if (size >= sizeof(text))
		for (size = sizeof(text) - 1; size && (text[size - 1] & 0x80); size--)
			text[size - 1] = '\0';
	json_object_object_add(reply, "ok", json_object_new_boolean(false));
	json_object_object_add(reply, "error", json_object_new_string(text));
	if (remedy)
		json_object_object_add(reply, "remedy", json_object_new_string(remedy));
	return CONTROL_REFUSED;
}

static struct control_command *find(const struct control *control, const char *name)
{
	struct control_command *command;

	for (command = control->commands; command; command = command->next)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static bool has_parameter(const struct control_command *command, const char *name)
{
	size_t length = strlen(name);
	const char *at;

	for (at = command->parameters; *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");

		if (word == length && !memcmp(at, name, length))
			return true;
		at += word;
	}
	return false;
}

static bool parameters_known(const struct control_command *command, struct json_object *request)
{
	json_object_object_foreach(request, name, value) {
		(void)value;
		if (strcmp(name, "command") && !has_parameter(command, name))
			return false;
	}
	return true;
}

static enum control_result call_command(struct control *control, struct control_call *call)
{
	struct json_object *name;
	struct control_command *command;

	if (!json_object_is_type(call->request, json_type_object) ||
	    !json_object_object_get_ex(call->request, "command", &name) ||
	    !json_object_is_type(name, json_type_string))
		return control_refuse(call->reply, "send one such as {\"command\":\"help\"}",
				      "a request is an object with a string \"command\"");
	command = find(control, json_object_get_string(name));
	if (!command)
		return control_refuse(call->reply, "{\"command\":\"help\"} lists the commands",
				      "there is no such command");
	if (!parameters_known(command, call->request))
		return control_refuse(call->reply, "{\"command\":\"help\"} lists the parameters",
				      "command %s has a parameter that it does not know",
				      command->name);
	return command->run(command->owner, call);
}

static struct json_object *new_reply(void)
{
	struct json_object *reply = json_object_new_object();

	if (reply)
		json_object_object_add(reply, "ok", json_object_new_boolean(true));
	return reply;
}

/* No more requests are read before this one is answered. */
static void wait_for_answer(struct control_client *client, const struct control_call *call)
{
	if (client->watch.fd < 0)
		return;
	client->reply = json_object_get(call->reply);
	client->ticket = call->ticket;
	loop_want(client->control->loop, &client->watch, false);
}

static void take_line(struct control_client *client, const char *line, size_t size)
{
	struct control *control = client->control;
	struct control_call call = {
		.client = client,
		.request = object_parse(line, size, CONTROL_DEPTH),
		.reply = new_reply(),
		.fd = client->fd,
		.ticket = ++control->tickets,
	};

	client->fd = -1;
	if (!call.reply)
		hang_up(client);
	else if (call_command(control, &call) == CONTROL_LATER)
		wait_for_answer(client, &call);
	else
		send_line(client, call.reply);
	if (call.fd >= 0)
		close(call.fd);
	json_object_put(call.request);
	json_object_put(call.reply);
}

static void refuse_length(struct control_client *client)
{
	struct json_object *reply = new_reply();

	if (reply) {
		control_refuse(reply, NULL, "a request has at most %d bytes", CONTROL_LINE);
		send_line(client, reply);
		json_object_put(reply);
	}
	if (client->watch.fd >= 0)
		hang_up(client);
}

static void take_lines(struct control_client *client)
{
	char *end;

	while (client->watch.fd >= 0 && !client->reply) {
		size_t size;

		end = memchr(client->line, '\n', client->used);
		if (!end) {
			if (client->used == sizeof(client->line))
				refuse_length(client);
			return;
		}
		size = end - client->line;
		take_line(client, client->line, size);
		client->used -= size + 1;
		memmove(client->line, end + 1, client->used);
	}
}

/* A client that waits for an answer is not read from: then this is its end. */
static void on_input(void *owner)
{
	struct control_client *client = owner;
	ssize_t got;

	if (client->watch.fd < 0)
		return;		/* hung up on since the loop has looked */
	got = client->reply ? 0 :
	      control_receive(client->watch.fd, client->line + client->used,
			      sizeof(client->line) - client->used, &client->fd);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		hang_up(client);
		return;
	}
	client->used += got;
	take_lines(client);
}

static struct control_client *free_slot(struct control *control)
{
	int i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (control->client[i].watch.fd < 0)
			return &control->client[i];
	return NULL;
}

static void on_connection(void *owner)
{
	struct control *control = owner;
	struct control_client *client = free_slot(control);
	static const char full[] = "{\"ok\":false,\"error\":\"there are too many clients\"}\n";
	int fd = accept4(control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!client) {
		if (send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			info("control socket: a client more than there can be has gone");
		close(fd);
		return;
	}
	*client = (struct control_client){
		.control = control,
		.watch = { .fd = fd, .ready = on_input, .owner = client },
		.fd = -1,
	};
	if (loop_watch(control->loop, &client->watch))
		hang_up(client);
}

static enum control_result help(void *owner, struct control_call *call)
{
	struct control *control = owner;
	struct json_object *list = json_object_new_array();
	struct control_command *command;

	json_object_object_add(call->reply, "commands", list);
	for (command = control->commands; list && command; command = command->next) {
		struct json_object *one = json_object_new_object();

		if (!one)
			break;
		json_object_object_add(one, "name", json_object_new_string(command->name));
		json_object_object_add(one, "parameters",
				       json_object_new_string(command->parameters));
		json_object_object_add(one, "help", json_object_new_string(command->help));
		json_object_array_add(list, one);
	}
	return CONTROL_DONE;
}

static struct control_client *client_of(struct control *control, uint64_t ticket)
{
	int i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (control->client[i].reply && control->client[i].ticket == ticket)
			return &control->client[i];
	return NULL;
}

/* The answer comes before the first event: both are sent by this thread. */
static enum control_result events(void *owner, struct control_call *call)
{
	(void)owner;
	call->client->subscribed = true;
	return CONTROL_DONE;
}

void control_add(struct control *control, struct control_command *command)
{
	struct control_command **at = &control->commands;

	while (*at)
		at = &(*at)->next;
	command->next = NULL;
	*at = command;
}

struct json_object *control_pending(struct control *control, uint64_t ticket)
{
	struct control_client *client = client_of(control, ticket);

	return client ? client->reply : NULL;
}

void control_answer(struct control *control, uint64_t ticket)
{
	struct control_client *client = client_of(control, ticket);
	struct json_object *reply;

	if (!client)
		return;
	reply = client->reply;
	client->reply = NULL;
	loop_want(control->loop, &client->watch, true);
	send_line(client, reply);
	json_object_put(reply);
	take_lines(client);
}

void control_tell(struct control *control, struct json_object *event)
{
	int i;

	for (i = 0; event && i < CONTROL_CLIENTS; i++)
		if (control->client[i].watch.fd >= 0 && control->client[i].subscribed)
			send_line(&control->client[i], event);
	json_object_put(event);
}

int control_open(struct control *control, struct loop *loop, const char *path)
{
	int i;

	*control = (struct control){
		.loop = loop,
		.path = path,
		.listener = { .fd = -1, .ready = on_connection, .owner = control },
		.help = { .name = "help", .parameters = "", .help = "list the commands",
			  .run = help, .owner = control },
		.events = { .name = "events", .parameters = "",
			    .help = "tell of changes from now on",
			    .run = events },
	};
	for (i = 0; i < CONTROL_CLIENTS; i++)
		control->client[i].watch.fd = -1;
	control_add(control, &control->help);
	control_add(control, &control->events);
	control->listener.fd = control_listen(path, &control->device, &control->inode);
	return control->listener.fd < 0 ? -1 : loop_watch(loop, &control->listener);
}

void control_close(struct control *control)
{
	int i;

	if (!control->path)
		return;
	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (control->client[i].watch.fd >= 0)
			hang_up(&control->client[i]);
	if (control->listener.fd < 0)
		return;
	close(control->listener.fd);
	control_remove(control->path, control->device, control->inode);
}
