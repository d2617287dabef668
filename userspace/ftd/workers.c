// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "finding.h"
#include "message.h"
#include "object.h"
#include "workers.h"

#define REPORT_SIZE	65536
#define REPORT_DEPTH	8

void workers_open(struct workers *w, struct loop *loop, struct control *control)
{
	int i;

	*w = (struct workers){ .loop = loop, .control = control };
	for (i = 0; i < WORKERS_MAX; i++)
		w->slot[i].watch.fd = -1;
}

void workers_close(struct workers *w)
{
	int i;

	for (i = 0; i < WORKERS_MAX; i++)
		if (w->slot[i].watch.fd >= 0)
			close(w->slot[i].watch.fd);
}

bool workers_have_room(const struct workers *w, bool stranger)
{
	int i, used = 0, strangers = 0;

	for (i = 0; i < WORKERS_MAX; i++) {
		used += w->slot[i].watch.fd >= 0;
		strangers += w->slot[i].watch.fd >= 0 && w->slot[i].stranger;
	}
	return used < WORKERS_MAX && (!stranger || strangers < STRANGERS_MAX);
}

/* The request's reply becomes what the process has reported. */
static void answer(struct worker *worker, struct json_object *report)
{
	struct json_object *reply = control_pending(worker->all->control, worker->ticket);

	if (reply) {
		object_add_all(reply, report);
		control_answer(worker->all->control, worker->ticket);
	}
	worker->ticket = 0;
}

static void has_ended(struct worker *worker)
{
	struct json_object *reply = worker->ticket ?
		control_pending(worker->all->control, worker->ticket) : NULL;

	close(worker->watch.fd);
	worker->watch.fd = -1;
	if (!reply)
		return;
	control_refuse(reply, "see the messages of ftd", "ftd's process for this has died");
	control_answer(worker->all->control, worker->ticket);
}

static void on_report(void *owner)
{
	static char text[REPORT_SIZE];
	struct worker *worker = owner;
	ssize_t got = recv(worker->watch.fd, text, sizeof(text), MSG_DONTWAIT);
	struct json_object *report;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		has_ended(worker);
		return;
	}
	report = object_parse(text, got, REPORT_DEPTH);
	if (object_flag(report, "authenticated"))
		worker->stranger = false;
	else if (object_text(report, "event"))
		control_tell(worker->all->control, json_object_get(report));
	else if (worker->ticket && report)
		answer(worker, report);
	json_object_put(report);
}

/* So that a daemon that is started again finds its port and sockets free. */
static void close_all_but(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low < STDERR_FILENO ? STDERR_FILENO + 1 : low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

static void become(int keep, int report, void (*run)(void *data, int report), void *data)
{
	sigset_t none;

	close_all_but(keep, report);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	run(data, report);
	_exit(0);
}

static int watch(struct workers *w, struct worker *worker, int fd, uint64_t ticket)
{
	*worker = (struct worker){
		.all = w,
		.watch = { .fd = fd, .ready = on_report, .owner = worker },
		.ticket = ticket,
		.stranger = !ticket,
	};
	if (!loop_watch(w->loop, &worker->watch))
		return 0;
	close(fd);
	worker->watch.fd = -1;
	return -1;
}

int workers_start(struct workers *w, int keep, uint64_t ticket,
		  void (*run)(void *data, int report), void *data)
{
	struct worker *worker = w->slot;
	int ends[2];
	pid_t pid;

	while (worker->watch.fd >= 0)
		worker++;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return complain("cannot create a socket: %s", strerror(errno));
	pid = fork();
	if (!pid)
		become(keep, ends[1], run, data);
	close(ends[1]);
	if (pid > 0)
		return watch(w, worker, ends[0], ticket);
	close(ends[0]);
	return complain("cannot start a process: %s", strerror(errno));
}
