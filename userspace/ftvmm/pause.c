// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "message.h"
#include "pause.h"

int pause_open(struct pause *pause)
{
	*pause = (struct pause){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	return pause->told < 0 ? complain("cannot create an eventfd: %s", strerror(errno)) : 0;
}

void pause_close(struct pause *pause)
{
	if (pause->told >= 0)
		close(pause->told);
}

void pause_want(struct pause *pause, bool wanted)
{
	pthread_mutex_lock(&pause->lock);
	pause->wanted = wanted;
	pthread_cond_signal(&pause->changed);
	pthread_mutex_unlock(&pause->lock);
}

bool pause_is_standing(struct pause *pause)
{
	bool standing;

	pthread_mutex_lock(&pause->lock);
	standing = pause->wanted && pause->standing;
	pthread_mutex_unlock(&pause->lock);
	return standing;
}

void pause_tell(struct pause *pause)
{
	uint64_t one = 1;

	if (write(pause->told, &one, sizeof(one)) != sizeof(one))
		complain("cannot wake the main loop: %s", strerror(errno));
}

void pause_call(struct pause *pause)
{
	pthread_mutex_lock(&pause->lock);
	pause->called = true;
	pthread_cond_signal(&pause->changed);
	pthread_mutex_unlock(&pause->lock);
}

bool pause_wait(struct pause *pause)
{
	bool wanted;

	pthread_mutex_lock(&pause->lock);
	if (pause->wanted && !pause->standing)
		pause_tell(pause);
	pause->standing = pause->wanted;
	while (pause->wanted && !pause->called)
		pthread_cond_wait(&pause->changed, &pause->lock);
	wanted = pause->wanted;
	pause->standing = wanted;
	pause->called = false;
	pthread_mutex_unlock(&pause->lock);
	return wanted;
}
