// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that the vCPU's thread carries out: what is answered when it fails.  The thread is
 * a stand-in.  Built with ASan and UBSan; prints KTAP.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../deferred.h"
#include "../../lib/control_socket.h"
#include "../../lib/message.h"
#include "../../lib/object.h"
#include "../../lib/tests/test.h"

static char folder[32] = "/tmp/deferred_test.XXXXXX";
static char path[64];
static struct loop loop;
static struct control control;
static struct vcpu vcpu;
static struct deferred deferred;
static const char *complaint;
static int client;
static char answer[2048];

static void *run_task(void *data)
{
	struct vcpu_task *task = data;

	task->result = task->run(task->data);
	task->done = true;
	return NULL;
}

/* A stand-in. */
void vcpu_do(struct vcpu *v, struct vcpu_task *task)
{
	pthread_t thread;

	EXPECT(v == &vcpu);
	if (pthread_create(&thread, NULL, run_task, task) || pthread_join(thread, NULL))
		abort();
}

/* Likewise. */
bool vcpu_did(const struct vcpu_task *task)
{
	return task->done;
}

static int work(void *data)
{
	EXPECT(data == &complaint);
	if (!complaint)
		return 0;
	if (!*complaint)
		return -1;
	complain("%s", complaint);
	return complain("that was all");
}

static enum control_result go(void *owner, struct control_call *call)
{
	(void)owner;
	loop.done = true;
	return deferred_ask(&deferred, call, work, &complaint);
}

static struct control_command command = { .name = "go", .parameters = "", .run = go };

static void set_up(void)
{
	if (loop_open(&loop) || control_open(&control, &loop, path))
		abort();
	control_add(&control, &command);
	deferred = (struct deferred){ .control = &control, .vcpu = &vcpu };
	client = control_connect(path);
	EXPECT(client >= 0);
}

static void tear_down(void)
{
	close(client);
	control_close(&control);
	loop_close(&loop);
}

/* Has it carried out, with a complaint or without; the reply, with @error if it failed. */
static struct json_object *ask(const char *what, const char *error)
{
	static const char request[] = "{\"command\":\"go\"}\n";
	ssize_t size;

	complaint = what;
	loop.done = false;
	EXPECT(write(client, request, strlen(request)) == (ssize_t)strlen(request));
	EXPECT(!loop_run(&loop));
	EXPECT(deferred_is_done(&deferred));
	deferred_answer(&deferred, deferred.task.result ? error : NULL);
	EXPECT(!deferred_is_done(&deferred));
	size = read(client, answer, sizeof(answer));
	EXPECT(size > 0);
	return object_parse(answer, size > 0 ? size : 0, CONTROL_DEPTH);
}

static void a_failure_is_answered_with_its_reason(void)
{
	struct json_object *reply = ask("the folder is full: empty it", "not recorded");

	EXPECT(!object_flag(reply, "ok"));
	EXPECT(!strcmp(object_text(reply, "error"), "not recorded: the folder is full: empty it"));
	EXPECT(!object_text(reply, "remedy"));
	json_object_put(reply);
}

static void a_failure_without_a_reason_has_a_remedy(void)
{
	struct json_object *reply = ask("", "not recorded");

	EXPECT(!strcmp(object_text(reply, "error"), "not recorded"));
	EXPECT(!strcmp(object_text(reply, "remedy"), "see its messages"));
	json_object_put(reply);
}

/* Nor has the next one the reason of the last. */
static void a_success_has_no_reason(void)
{
	struct json_object *reply;

	json_object_put(ask("it failed", "not recorded"));
	reply = ask(NULL, "not recorded");
	EXPECT(object_flag(reply, "ok") && !object_text(reply, "error"));
	json_object_put(reply);
	reply = ask("", "not recorded");
	EXPECT(!strcmp(object_text(reply, "error"), "not recorded"));
	json_object_put(reply);
}

/* Cut off, and still JSON. */
static void a_long_reason_is_no_broken_text(void)
{
	char text[1001] = "";
	struct json_object *reply;
	int i;

	for (i = 0; i < 4; i++) {
		memset(text, 'x', 400 + i);
		text[400 + i] = '\0';
		while (strlen(text) < sizeof(text) - 5)
			strcat(text, "\xf0\x9f\x94\x92");
		reply = ask(text, "no");
		EXPECT(!strncmp(object_text(reply, "error") ?: "", "no: xxx", 7));
		json_object_put(reply);
	}
}

static const struct test tests[] = {
	TEST(a_failure_is_answered_with_its_reason),
	TEST(a_failure_without_a_reason_has_a_remedy),
	TEST(a_success_has_no_reason),
	TEST(a_long_reason_is_no_broken_text),
};

int main(int argc, char **argv)
{
	int status;

	if (!mkdtemp(folder) || message_open("test", "/dev/null"))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	status = run_tests("deferred", tests, ARRAY_SIZE(tests), argc, argv);
	rmdir(folder);
	return status;
}
