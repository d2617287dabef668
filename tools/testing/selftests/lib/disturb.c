// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disturb.h"
#include "environment.h"
#include "random.h"

static void *disturb(void *arg)
{
	struct disturber *d = arg;
	uint64_t random = d->replay->seed + d->replay->role;
	unsigned int mean = d->replay->every_us * environment_slower();

	while (!__atomic_load_n(&d->ended, __ATOMIC_RELAXED)) {
		usleep(random_between(&random, 1, 2 * mean));
		d->replay->meanwhile(d->replay);
	}
	return NULL;
}

void disturb_begin(struct disturber *d, struct replay *r)
{
	d->replay = r;
	d->ended = 0;
	if (!r->meanwhile)
		return;
	errno = pthread_create(&d->thread, NULL, disturb, d);
	if (errno)
		err(1, "a thread");
}

void disturb_end(struct disturber *d)
{
	if (!d->replay->meanwhile)
		return;
	__atomic_store_n(&d->ended, 1, __ATOMIC_RELAXED);
	pthread_join(d->thread, NULL);
}

void replay_kick(struct replay *r)
{
	if (ioctl(r->session, KVM_FT_KICK))
		err(1, "KVM_FT_KICK");
}

void replay_zap(struct replay *r)
{
	if (madvise(r->guest.mem, r->mem_size, MADV_DONTNEED))
		err(1, "dropping mappings of guest RAM");
}
