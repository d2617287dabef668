// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket against clients, well-meaning and hostile.  Server and clients are
 * in one thread, driven by the main loop.  Built with ASan and UBSan; prints KTAP.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../control.h"
#include "../control_socket.h"
#include "../message.h"
#include "test.h"

#define TIME_LIMIT	60	/* seconds; only reached if an answer never comes */
#define NOISE_ROUNDS	2000

/* A client, whose input is read by the same loop. */
struct client {
	struct watch watch;
	char text[65536];
	size_t size;
	bool ended;
};

static char folder[32] = "/tmp/control_test.XXXXXX";
static char path[64];
static struct loop loop;
static struct control control;
static uint64_t later;
static int taken = -1;

static enum control_result echo(void *owner, struct control_call *call)
{
	struct json_object *value;

	(void)owner;
	if (json_object_object_get_ex(call->request, "value", &value))
		json_object_object_add(call->reply, "value", json_object_get(value));
	return CONTROL_DONE;
}

static enum control_result wait_for(void *owner, struct control_call *call)
{
	(void)owner;
	later = call->ticket;
	return CONTROL_LATER;
}

static enum control_result take_descriptor(void *owner, struct control_call *call)
{
	(void)owner;
	taken = call->fd;
	call->fd = -1;
	return taken < 0 ? control_refuse(call->reply, "send one", "no descriptor") : CONTROL_DONE;
}

static struct control_command commands[] = {
	{ .name = "echo", .parameters = "other value", .help = "an echo", .run = echo },
	{ .name = "wait", .parameters = "", .help = "answers later", .run = wait_for },
	{ .name = "take", .parameters = "", .help = "takes it", .run = take_descriptor },
};

static void open_all(void)
{
	size_t i;

	if (loop_open(&loop) || control_open(&control, &loop, path))
		abort();
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		control_add(&control, &commands[i]);
}

static void set_up(void)
{
	open_all();
}

static void tear_down(void)
{
	control_close(&control);
	loop_close(&loop);
	EXPECT(access(path, F_OK));
}

static void on_input(void *owner)
{
	struct client *c = owner;
	ssize_t got = read(c->watch.fd, c->text + c->size, sizeof(c->text) - 1 - c->size);

	if (got > 0)
		c->size += got;
	else if (!got || errno != EAGAIN)
		c->ended = true;
	loop.done = true;
}

static void open_client(struct client *c)
{
	struct sockaddr_un address;

	memset(c, 0, sizeof(*c));
	c->watch = (struct watch){
		.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0),
		.ready = on_input,
		.owner = c,
	};
	if (control_address(&address, path) ||
	    connect(c->watch.fd, (struct sockaddr *)&address, sizeof(address)) ||
	    loop_watch(&loop, &c->watch))
		abort();
}

static void close_client(struct client *c)
{
	close(c->watch.fd);
}

static void say(struct client *c, const char *text)
{
	if (send(c->watch.fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		c->ended = true;
}

/* The next line, parsed; NULL if there is none and there will be none. */
static struct json_object *hear(struct client *c)
{
	struct json_object *object;
	char *end;

	for (;;) {
		end = memchr(c->text, '\n', c->size);
		if (end || c->ended)
			break;
		loop.done = false;
		if (loop_run(&loop))
			abort();
	}
	if (!end)
		return NULL;
	*end = '\0';
	object = json_tokener_parse(c->text);
	c->size -= end + 1 - c->text;
	memmove(c->text, end + 1, c->size);
	return object;
}

/* Is the next line's member @name this text?  Of the reply itself it is "ok". */
static bool hears(struct client *c, const char *name, const char *text)
{
	struct json_object *object = hear(c), *member = NULL;
	bool same = json_object_object_get_ex(object, name, &member) &&
		    strstr(json_object_get_string(member), text);

	if (!same)
		printf("# %s\n", json_object_to_json_string(object));
	json_object_put(object);
	return same;
}

static void is_for_its_owner_alone(void)
{
	struct stat info;

	EXPECT(!stat(path, &info) && S_ISSOCK(info.st_mode) && (info.st_mode & 0777) == 0600);
}

static void lists_commands(void)
{
	static struct client c;
	struct json_object *reply, *list = NULL;

	open_client(&c);
	say(&c, "{\"command\":\"help\"}\n");
	reply = hear(&c);
	EXPECT(json_object_object_get_ex(reply, "commands", &list));
	EXPECT(json_object_array_length(list) == ARRAY_SIZE(commands) + 2);
	json_object_put(reply);
	close_client(&c);
}

static void refuses_what_is_no_request(void)
{
	static const char *const bad[] = {
		"\n", "x\n", "[]\n", "1\n", "null\n", "\"help\"\n", "{\n", "}\n", "{}\n",
		"{\"command\":1}\n", "{\"command\":null}\n", "{\"command\":[\"help\"]}\n",
		"{\"command\":\"nonsense\"}\n", "{\"command\":\"help\"} {}\n",
		"{'command':'help'}\n", "{\"command\":\"help\"\n", "{\"command\":\"hel\"}\n",
		"{\"command\":\"help\",\"value\":1}\n", "{\"command\":\"echo\",\"val\":1}\n",
		"{\"command\":\"echo\",\"value other\":1}\n", "{\"command\":\"echo\",\"\":1}\n",
		"{\"command\":\"echo\",\"value\":[[[[[[[[1]]]]]]]]}\n",
		"{\"command\":\"echo\",\"value\":\"\xff\"}\n",
	};
	static struct client c;
	size_t i;

	open_client(&c);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		say(&c, bad[i]);
		EXPECT(hears(&c, "ok", "false"));
	}
	say(&c, "{\"command\":\"echo\",\"value\":\"still there\"}\n");
	EXPECT(hears(&c, "value", "still there"));
	close_client(&c);
}

static void names_the_remedy(void)
{
	static struct client c;

	open_client(&c);
	say(&c, "{\"command\":\"nonsense\"}\n");
	EXPECT(hears(&c, "remedy", "help"));
	close_client(&c);
}

static void refuses_a_long_line(void)
{
	static struct client c;
	char line[CONTROL_LINE + 1];

	memset(line, 'x', CONTROL_LINE);
	line[CONTROL_LINE] = '\0';
	open_client(&c);
	say(&c, line);
	EXPECT(hears(&c, "error", "at most"));
	EXPECT(!hear(&c) && c.ended);
	close_client(&c);
}

static void takes_the_longest_line(void)
{
	static struct client c;
	char line[CONTROL_LINE + 1];
	int used = snprintf(line, sizeof(line), "{\"command\":\"echo\",\"value\":\"");

	memset(line + used, 'y', CONTROL_LINE - used - 3);
	memcpy(line + CONTROL_LINE - 3, "\"}\n", 4);
	open_client(&c);
	say(&c, line);
	EXPECT(hears(&c, "value", "yyy"));
	close_client(&c);
}

static void takes_pieces_and_heaps(void)
{
	static const char request[] = "{\"command\":\"echo\",\"value\":7}\n";
	static struct client c;
	size_t i;

	open_client(&c);
	for (i = 0; i < sizeof(request) - 1; i++) {
		char piece[2] = { request[i] };
		struct control_client *server = &control.client[0];

		say(&c, piece);
		/* What has come so far is read before the next piece. */
		while (i < sizeof(request) - 2 && server->used != i + 1) {
			static struct client other;

			open_client(&other);
			say(&other, "{\"command\":\"help\"}\n");
			json_object_put(hear(&other));
			close_client(&other);
		}
	}
	EXPECT(hears(&c, "value", "7"));
	say(&c, "{\"command\":\"echo\",\"value\":1}\n{\"command\":\"echo\",\"value\":2}\n"
		"{\"command\":\"echo\",\"value\":3}\n");
	EXPECT(hears(&c, "value", "1") && hears(&c, "value", "2") && hears(&c, "value", "3"));
	close_client(&c);
}

/* Everything that was sent before is handled when another client has an answer. */
static void settle(void)
{
	static struct client other;
	int i;

	for (i = 0; i < 3; i++) {
		open_client(&other);
		say(&other, "{\"command\":\"echo\",\"value\":0}\n");
		EXPECT(hears(&other, "ok", "true"));
		close_client(&other);
	}
}

static void answers_later(void)
{
	static struct client c;

	open_client(&c);
	later = 0;
	say(&c, "{\"command\":\"wait\"}\n{\"command\":\"echo\",\"value\":\"after\"}\n");
	settle();
	EXPECT(later && control_pending(&control, later) && !c.size);
	json_object_object_add(control_pending(&control, later), "value",
			       json_object_new_string("at last"));
	control_answer(&control, later);
	EXPECT(!control_pending(&control, later));
	EXPECT(hears(&c, "value", "at last"));
	EXPECT(hears(&c, "value", "after"));
	close_client(&c);
}

static void forgets_who_has_gone(void)
{
	static struct client c;

	open_client(&c);
	later = 0;
	say(&c, "{\"command\":\"wait\"}\n");
	settle();
	EXPECT(later && control_pending(&control, later));
	close_client(&c);
	settle();
	EXPECT(!control_pending(&control, later));
	control_answer(&control, later);
}

static void takes_so_many_clients(void)
{
	static struct client c[CONTROL_CLIENTS + 1];
	int i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		open_client(&c[i]);
		say(&c[i], "{\"command\":\"echo\",\"value\":1}\n");
		EXPECT(hears(&c[i], "value", "1"));
	}
	open_client(&c[i]);
	EXPECT(hears(&c[i], "error", "too many clients"));
	EXPECT(!hear(&c[i]));
	close_client(&c[i]);
	close_client(&c[3]);
	say(&c[0], "{\"command\":\"echo\",\"value\":2}\n");
	EXPECT(hears(&c[0], "value", "2"));
	open_client(&c[3]);
	say(&c[3], "{\"command\":\"echo\",\"value\":3}\n");
	EXPECT(hears(&c[3], "value", "3"));
	for (i = 0; i < CONTROL_CLIENTS; i++)
		close_client(&c[i]);
}

static struct json_object *new_event(int number)
{
	struct json_object *event = json_object_new_object();

	json_object_object_add(event, "event", json_object_new_string("test"));
	json_object_object_add(event, "number", json_object_new_int(number));
	return event;
}

static void tells_who_has_asked(void)
{
	static struct client c, other;

	open_client(&c);
	open_client(&other);
	say(&other, "{\"command\":\"echo\",\"value\":1}\n");
	EXPECT(hears(&other, "ok", "true"));
	say(&c, "{\"command\":\"events\"}\n");
	EXPECT(hears(&c, "ok", "true"));
	control_tell(&control, new_event(77));
	EXPECT(hears(&c, "number", "77"));
	say(&other, "{\"command\":\"echo\",\"value\":2}\n");
	EXPECT(hears(&other, "value", "2") && !other.size);
	close_client(&c);
	close_client(&other);
}

static void hangs_up_on_who_does_not_read(void)
{
	static struct client c;
	struct control_client *server = &control.client[0];
	int i;

	open_client(&c);
	say(&c, "{\"command\":\"events\"}\n");
	EXPECT(hears(&c, "ok", "true"));
	for (i = 0; i < 1000000 && server->watch.fd >= 0; i++)
		control_tell(&control, new_event(i));
	EXPECT(i > 0 && server->watch.fd < 0);
	settle();
	close_client(&c);
}

static int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void send_with(struct client *c, const char *text, int count)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} part = { .head = { .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &part,
				  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	int fds[4];

	memset(fds, 0, sizeof(fds));	/* standard input, several times */
	memcpy(CMSG_DATA(&part.head), fds, count * sizeof(int));
	EXPECT(sendmsg(c->watch.fd, &message, MSG_NOSIGNAL) > 0);
}

static void takes_one_descriptor(void)
{
	static struct client c;
	int before;

	open_client(&c);
	say(&c, "{\"command\":\"echo\",\"value\":0}\n");
	EXPECT(hears(&c, "ok", "true"));
	before = descriptors();
	send_with(&c, "{\"command\":\"take\"}\n", 1);
	EXPECT(hears(&c, "ok", "true"));
	EXPECT(taken >= 0 && fcntl(taken, F_GETFD) == FD_CLOEXEC && !close(taken));
	EXPECT(descriptors() == before);
	close_client(&c);
}

static void keeps_no_descriptor(void)
{
	static struct client c;
	int before, i;

	open_client(&c);
	say(&c, "{\"command\":\"echo\",\"value\":0}\n");
	EXPECT(hears(&c, "ok", "true"));
	before = descriptors();
	for (i = 1; i <= 4; i++) {
		send_with(&c, "{\"command\":\"echo\",\"value\":5}\n", i);
		EXPECT(hears(&c, "value", "5"));
	}
	say(&c, "{\"command\":\"take\"}\n");
	EXPECT(hears(&c, "error", "no descriptor"));
	/* One that comes without a request, and then another. */
	send_with(&c, "{", 1);
	send_with(&c, "}\n", 1);
	EXPECT(hears(&c, "ok", "false"));
	EXPECT(descriptors() == before);
	close_client(&c);
}

static void replaces_a_stale_socket(void)
{
	static struct client c;

	/* As after SIGKILL: the file stays. */
	close(control.listener.fd);
	loop_close(&loop);
	EXPECT(!access(path, F_OK));
	open_all();
	open_client(&c);
	say(&c, "{\"command\":\"echo\",\"value\":9}\n");
	EXPECT(hears(&c, "value", "9"));
	close_client(&c);
}

static void refuses_other_paths(void)
{
	static struct control other;
	char text[256];
	int file;

	EXPECT(control_open(&other, &loop, path));	/* it is in use */
	control_close(&other);
	EXPECT(!access(path, F_OK));
	snprintf(text, sizeof(text), "%s/file", folder);
	file = open(text, O_CREAT | O_WRONLY, 0600);
	EXPECT(file >= 0 && control_open(&other, &loop, text));
	control_close(&other);
	EXPECT(!access(text, F_OK));
	close(file);
	unlink(text);
	EXPECT(control_open(&other, &loop, ""));
	EXPECT(control_open(&other, &loop, "/nowhere/socket"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	EXPECT(control_open(&other, &loop, text));
}

static void leaves_the_socket_of_another(void)
{
	static struct control other;
	static struct loop second;

	/* Somebody has taken the path over. */
	EXPECT(!unlink(path));
	EXPECT(!loop_open(&second) && !control_open(&other, &second, path));
	control_close(&control);
	EXPECT(!access(path, F_OK));
	control_close(&other);
	loop_close(&second);
	control.path = NULL;
}

/* Not one byte of this is well-meant. */
static void survives_noise(void)
{
	static const char alphabet[] = "{}[]\",:\\u0command\n\n\n123 e+-.tfn\xc3\x28\xff";
	static struct client c;
	uint32_t state = 12345;
	char noise[700];
	int i, j;

	open_client(&c);
	for (i = 0; i < NOISE_ROUNDS; i++) {
		for (j = 0; j < (int)sizeof(noise) - 1; j++) {
			state = state * 1664525 + 1013904223;
			noise[j] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		noise[j] = '\0';
		say(&c, noise);
		say(&c, "\n{\"command\":\"echo\",\"value\":\"end\"}\n");
		for (;;) {
			struct json_object *reply = hear(&c), *value = NULL;
			bool end = !reply || json_object_object_get_ex(reply, "value", &value);

			EXPECT(reply);
			json_object_put(reply);
			if (end)
				break;
		}
	}
	close_client(&c);
}

static const struct test tests[] = {
	TEST(is_for_its_owner_alone),
	TEST(lists_commands),
	TEST(refuses_what_is_no_request),
	TEST(names_the_remedy),
	TEST(refuses_a_long_line),
	TEST(takes_the_longest_line),
	TEST(takes_pieces_and_heaps),
	TEST(answers_later),
	TEST(forgets_who_has_gone),
	TEST(takes_so_many_clients),
	TEST(tells_who_has_asked),
	TEST(hangs_up_on_who_does_not_read),
	TEST(takes_one_descriptor),
	TEST(keeps_no_descriptor),
	TEST(replaces_a_stale_socket),
	TEST(refuses_other_paths),
	TEST(leaves_the_socket_of_another),
	TEST(survives_noise),
};

int main(int argc, char **argv)
{
	int status;

	alarm(TIME_LIMIT);
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	status = run_tests("control", tests, ARRAY_SIZE(tests), argc, argv);
	rmdir(folder);
	return status;
}
