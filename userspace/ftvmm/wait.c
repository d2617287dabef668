// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "wait.h"

static struct {
	pthread_mutex_t lock;	/* protects ended, and that no change is missed */
	pthread_cond_t changed;
	bool ended;
} waits = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct timespec wait_deadline(unsigned int ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += ms % 1000 * 1000000L;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_nsec -= 1000000000L;
		time.tv_sec++;
	}
	return time;
}

bool wait_until(bool (*ready)(void *data), void *data, unsigned int ms)
{
	struct timespec deadline = wait_deadline(ms);
	bool is_so;
	int err = 0;

	pthread_mutex_lock(&waits.lock);
	while (!(is_so = ready(data)) && !waits.ended && err != ETIMEDOUT)
		err = ms ? pthread_cond_clockwait(&waits.changed, &waits.lock, CLOCK_MONOTONIC,
						  &deadline) :
			   pthread_cond_wait(&waits.changed, &waits.lock);
	pthread_mutex_unlock(&waits.lock);
	return is_so;
}

void wait_wake(void)
{
	pthread_mutex_lock(&waits.lock);
	pthread_cond_broadcast(&waits.changed);
	pthread_mutex_unlock(&waits.lock);
}

void wait_end(void)
{
	pthread_mutex_lock(&waits.lock);
	waits.ended = true;
	pthread_cond_broadcast(&waits.changed);
	pthread_mutex_unlock(&waits.lock);
}
