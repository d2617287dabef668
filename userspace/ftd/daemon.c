// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "look.h"
#include "message.h"
#include "object.h"
#include "tcp.h"

/**
 * struct connection - for the process that answers it
 * @pairing: what it needs
 * @fd: the connection
 * @peer: address of the other side
 */
struct connection {
	const struct pairing *pairing;
	int fd;
	char peer[64];
};

/**
 * struct order - for the process that carries it out
 * @pairing: what it needs
 * @run: does it
 * @job: what to do
 */
struct order {
	const struct pairing *pairing;
	void (*run)(const struct pairing *pairing, const struct protect_job *job);
	struct protect_job job;
};

static void run_response(void *data, int report)
{
	struct connection *connection = data;
	struct pairing pairing = *connection->pairing;

	pairing.report = report;
	pairing_respond(&pairing, connection->fd, connection->peer);
}

static void run_order(void *data, int report)
{
	struct order *order = data;
	struct pairing pairing = *order->pairing;

	pairing.report = report;
	order->run(&pairing, &order->job);
}

static void on_connection(void *owner)
{
	struct daemon *d = owner;
	struct connection connection = { .pairing = &d->pairing };

	connection.fd = tcp_accept(d->listener.fd, connection.peer, sizeof(connection.peer));
	if (connection.fd < 0)
		return;
	if (workers_have_room(&d->workers, true))
		workers_start(&d->workers, connection.fd, 0, run_response, &connection);
	else
		tell_error("pairing with %s: TOO_MANY: there are too many connections: %s",
			   connection.peer, AUTH_STRANGER);
	close(connection.fd);
}

static enum control_result status(void *owner, struct control_call *call)
{
	struct daemon *d = owner;

	object_add_text(call->reply, "version", FTD_VERSION);
	object_add_number(call->reply, "pid", getpid());
	object_add_text(call->reply, "interface", d->config.interface);
	object_add_text(call->reply, "address", d->config.address);
	object_add_number(call->reply, "port", d->config.port);
	return CONTROL_DONE;
}

static enum control_result hosts(void *owner, struct control_call *call)
{
	struct json_object *list = json_object_new_array();
	const struct config *config = owner;
	unsigned int i;

	json_object_object_add(call->reply, "hosts", list);
	for (i = 0; list && i < config->peers_count; i++) {
		struct json_object *one = json_object_new_object();

		if (!one)
			break;
		object_add_text(one, "name", config->peers[i].name);
		object_add_text(one, "address", config->peers[i].address);
		json_object_array_add(list, one);
	}
	return CONTROL_DONE;
}

static enum control_result carry_out(struct daemon *d, struct control_call *call,
				     struct order *order)
{
	struct protect_job *job = &order->job;

	order->pairing = &d->pairing;
	if (!object_copy_text(call->request, "vm", job->vm, sizeof(job->vm)) ||
	    !object_copy_text(call->request, "host", job->host, sizeof(job->host)))
		return control_refuse(call->reply, "give \"vm\" and \"host\"",
				      "which VM is it, and which host is the other one?");
	if (!workers_have_room(&d->workers, false))
		return control_refuse(call->reply, "wait for others to be done",
				      "ftd has too much to do");
	if (workers_start(&d->workers, -1, call->ticket, run_order, order))
		return control_refuse(call->reply, "see the messages of ftd",
				      "ftd cannot start a process");
	return CONTROL_LATER;
}

static enum control_result protect(void *owner, struct control_call *call)
{
	struct daemon *d = owner;
	struct order order = { .run = pairing_protect };

	order.job.verify = d->config.verify || object_flag(call->request, "verify");
	object_number(call->request, "hash_interval", &order.job.hash_interval);
	order.job.dry_run = object_flag(call->request, "dry_run");
	return carry_out(d, call, &order);
}

static enum control_result look(void *owner, struct control_call *call)
{
	struct order order = { .run = look_ask };

	return carry_out(owner, call, &order);
}

static void reap(void)
{
	int status;
	pid_t pid;

	/* Its own processes have told what there is to tell. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (WIFSIGNALED(status))
			info("process %d was ended by signal %d", pid, WTERMSIG(status));
		else if (WEXITSTATUS(status))
			info("process %d has ended with exit status %d", pid, WEXITSTATUS(status));
}

static void on_signal(void *owner)
{
	struct signalfd_siginfo signal;
	struct daemon *d = owner;

	if (read(d->signals.fd, &signal, sizeof(signal)) != sizeof(signal))
		return;
	if (signal.ssi_signo == SIGCHLD)
		reap();
	else
		d->loop.done = true;
}

/* A secondary, whose process has ended after starting it, becomes the daemon's child. */
static int open_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals.ready = on_signal;
	d->signals.owner = d;
	d->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (d->signals.fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return complain("cannot watch processes: %s", strerror(errno));
	return loop_watch(&d->loop, &d->signals);
}

/* A folder that only its owner can look into, and those above it. */
static int make_folder(const char *path, struct findings *findings)
{
	char copy[CONFIG_WORD], *at;

	snprintf(copy, sizeof(copy), "%s", path);
	for (at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		mkdir(copy, 0755);
		*at = '/';
	}
	if (!mkdir(copy, 0700) || errno == EEXIST)
		return 0;
	return findings_add(findings, "FOLDER", "set another one in ftd.conf",
			    "cannot make the folder %s: %s", path, strerror(errno));
}

static int make_folder_of(const char *path, struct findings *findings)
{
	char copy[CONFIG_WORD];
	char *end;

	snprintf(copy, sizeof(copy), "%s", path);
	end = strrchr(copy, '/');
	if (!end || end == copy)
		return 0;
	*end = '\0';
	return make_folder(copy, findings);
}

static int open_control(struct daemon *d)
{
	const struct control_command all[DAEMON_COMMANDS] = {
		{ .name = "status", .parameters = "", .help = "where ftd listens", .run = status,
		  .owner = d },
		{ .name = "hosts", .parameters = "", .help = "other hosts that it knows",
		  .run = hosts, .owner = &d->config },
		{ .name = "protect", .parameters = "vm host verify hash_interval dry_run",
		  .help = "begin to replay a VM of this host on another one", .run = protect,
		  .owner = d },
		{ .name = LOOK_REQUEST, .parameters = "vm host",
		  .help = "what a VM on another host says of itself", .run = look, .owner = d },
	};
	int i;

	if (control_open(&d->control, &d->loop, d->config.socket))
		return -1;
	for (i = 0; i < DAEMON_COMMANDS; i++) {
		d->command[i] = all[i];
		control_add(&d->control, &d->command[i]);
	}
	return 0;
}

/* Return: 0, or -1 with the reason in @findings, or told. */
static int check(struct daemon *d, struct findings *findings)
{
	const struct config *config = &d->config;

	if (!*config->interface)
		return findings_add(findings, "CONFIG",
				    "add a line such as interface = eth1 to ftd.conf",
				    "the logging interface is not set");
	if (access(config->ftvmm, X_OK))
		return findings_add(findings, "FTVMM", "set ftvmm in ftd.conf",
				    "cannot run %s: %s", config->ftvmm, strerror(errno));
	if (secret_read(&d->secret, config->secret, findings) ||
	    make_folder(config->sockets, findings) || make_folder(config->logs, findings))
		return -1;
	return make_folder_of(config->socket, findings);
}

int daemon_open(struct daemon *d, struct findings *findings)
{
	d->loop.epoll = -1;
	d->control.path = NULL;
	d->listener = (struct watch){ .fd = -1, .ready = on_connection, .owner = d };
	d->signals.fd = -1;
	d->pairing.config = &d->config;
	d->pairing.secret = &d->secret;
	workers_open(&d->workers, &d->loop, &d->control);
	if (check(d, findings) || loop_open(&d->loop) || open_signals(d) || open_control(d))
		return -1;
	d->listener.fd = tcp_listen(&d->config, findings);
	return d->listener.fd < 0 ? -1 : loop_watch(&d->loop, &d->listener);
}

int daemon_run(struct daemon *d)
{
	info("listens at %s port %u of %s", d->config.address, d->config.port,
	     d->config.interface);
	return loop_run(&d->loop);
}

void daemon_close(struct daemon *d)
{
	workers_close(&d->workers);
	control_close(&d->control);
	if (d->listener.fd >= 0)
		close(d->listener.fd);
	if (d->signals.fd >= 0)
		close(d->signals.fd);
	loop_close(&d->loop);
}
