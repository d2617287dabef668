// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "message.h"
#include "signals.h"

static void on_signal(void *owner)
{
	struct signals *s = owner;
	struct signalfd_siginfo what;

	if (read(s->watch.fd, &what, sizeof(what)) != sizeof(what))
		return;
	/* When a terminal closes there may be two, from the shell and from the kernel. */
	if (what.ssi_signo == SIGHUP && s->pressed)
		return;
	if (what.ssi_signo != SIGINT && !s->pressed && s->press(s->owner))
		s->pressed = true;
	else
		s->quit(s->owner);
}

/* Once it is blocked it would come even so; with nohup(1) it must not. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN;
}

int signals_open(struct signals *s, struct loop *loop)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->watch = (struct watch){
		.fd = signalfd(-1, &set, SFD_CLOEXEC),
		.ready = on_signal,
		.owner = s,
	};
	if (s->watch.fd < 0)
		return complain("cannot take signals: %s", strerror(errno));
	return loop_watch(loop, &s->watch);
}

void signals_close(struct signals *s)
{
	if (s->watch.fd >= 0)
		close(s->watch.fd);
	s->watch.fd = -1;
}
