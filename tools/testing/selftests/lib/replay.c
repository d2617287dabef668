// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counter.h"
#include "disturb.h"
#include "replay.h"

static int checked(int fd, unsigned long cmd, void *arg, const char *what)
{
	int r = ioctl(fd, cmd, arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

static void open_log(struct replay *r)
{
	char path[] = "/tmp/replay-XXXXXX";

	if (r->log)
		return;
	r->log = mkstemp(path);
	if (r->log < 0)
		err(1, "%s", path);
	if (getenv("KVM_FT_KEEP_LOGS"))
		printf("# log %s\n", path);
	else
		unlink(path);
}

static void create_session(struct replay *r)
{
	struct kvm_ft_create create = {
		.vm_fd = r->guest.vm,
		.vcpu_fd = r->guest.vcpu,
		.name = "test",
		.lab_pmu = counter_attr().type,
	};
	struct kvm_ft_log log = { .fd = r->log };
	int dev = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		err(1, "/dev/kvm-ft");
	r->session = checked(dev, KVM_FT_CREATE, &create, "KVM_FT_CREATE");
	close(dev);
	checked(r->session, KVM_FT_SET_LOG, &log, "KVM_FT_SET_LOG");
}

static void begin(struct replay *r, uint32_t role)
{
	struct kvm_ft_start start = { .role = role };

	r->role = role;
	guest_create_irqchip(&r->guest, r->mem_size);
	r->set_up(r);
	if (role == KVM_FT_RECORD ? r->warm_record : r->warm_replay)
		madvise(r->guest.mem, r->mem_size, MADV_POPULATE_WRITE);
	create_session(r);
	if (role == KVM_FT_RECORD) {
		start.flags = r->unchecked ? 0 : KVM_FT_START_CHECKING;
		start.ram_hash_interval = r->ram_hash_interval;
		start.mark_interval = r->mark_interval;
	} else {
		start.until = r->until;
	}
	if (ioctl(r->session, KVM_FT_START, &start))
		err(1, "KVM_FT_START (reason %u, differs %#x)", start.reason, start.differs);
}

static void end(struct replay *r)
{
	checked(r->session, KVM_FT_STOP, NULL, "KVM_FT_STOP");
	checked(r->session, KVM_FT_STATUS, &r->status, "KVM_FT_STATUS");
	close(r->session);
	r->session = -1;
}

static void fail(struct replay *r, const char *what)
{
	struct kvm_ft_status st;

	ioctl(r->session, KVM_FT_STATUS, &st);
	errx(1, "%s: state %u, %s (%u); exit reason %u at rip %#llx", what, st.state, st.what,
	     st.error, r->guest.run->exit_reason, guest_regs(&r->guest).rip);
}

static int done(struct replay *r)
{
	struct kvm_run *run = r->guest.run;

	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT &&
	    run->io.port == PORT_DONE)
		return 1;
	if (!r->on_exit)
		fail(r, "unexpected exit of the guest");
	r->on_exit(r);
	return 0;
}

static void payload(struct replay *r, uint32_t size)
{
	static uint8_t buffer[KVM_FT_DATA_MAX];
	struct kvm_ft_data data = { .data = (unsigned long)buffer, .size = size };

	if (!ioctl(r->session, KVM_FT_EVENT, &data))
		r->on_landmark(r, &data);
	else if (errno != EILSEQ)	/* diverged: the next KVM_FT_RUN says so */
		err(1, "KVM_FT_EVENT");
}

void replay_event(struct replay *r, uint32_t tag, const void *bytes, uint32_t size)
{
	struct kvm_ft_data data = {
		.tag = tag, .data = (unsigned long)bytes, .size = size,
	};

	checked(r->session, KVM_FT_EVENT, &data, "KVM_FT_EVENT");
}

void replay_value(struct replay *r, uint32_t tag, void *bytes, uint32_t size)
{
	struct kvm_ft_data data = {
		.tag = tag, .data = (unsigned long)bytes, .size = size,
	};

	checked(r->session, KVM_FT_VALUE, &data, "KVM_FT_VALUE");
}

/**
 * struct call - of KVM_FT_RUN
 * @session: its descriptor
 * @run: the result
 * @r: what the ioctl returned
 * @error: errno
 */
struct call {
	int session;
	struct kvm_ft_run *run;
	int r;
	int error;
};

static void *call(void *arg)
{
	struct call *c = arg;

	c->r = ioctl(c->session, KVM_FT_RUN, c->run);
	c->error = errno;
	return NULL;
}

static int run(struct replay *r, struct kvm_ft_run *run)
{
	struct call c = { .session = r->session, .run = run };
	pthread_t thread;

	if (r->role == KVM_FT_RECORD ? !r->threads_record : !r->threads_replay)
		return ioctl(r->session, KVM_FT_RUN, run);
	errno = pthread_create(&thread, NULL, call, &c);
	if (errno)
		err(1, "a thread");
	pthread_join(thread, NULL);
	errno = c.error;
	return c.r;
}

static void run_recording(struct replay *r)
{
	struct kvm_ft_run result;

	do {
		while (run(r, &result))
			if (errno != EINTR)
				fail(r, "recording");
		if (result.exit == KVM_FT_EXIT_LANDMARK)
			r->on_landmark(r, NULL);
		else if (result.exit != KVM_FT_EXIT_KVM)
			fail(r, "recording ended early");
	} while (result.exit != KVM_FT_EXIT_KVM || !done(r));
}

void replay_record(struct replay *r)
{
	struct disturber d;

	open_log(r);
	begin(r, KVM_FT_RECORD);
	disturb_begin(&d, r);
	run_recording(r);
	disturb_end(&d);
	end(r);
	r->recorded = r->status;
	machine_read(&r->machine, &r->guest);
	r->ram = malloc(r->mem_size);
	if (!r->ram)
		err(1, "a copy of guest RAM");
	memcpy(r->ram, r->guest.mem, r->mem_size);
	if (r->after_record)
		r->after_record(r);
	guest_destroy(&r->guest);
}

static uint32_t run_replay(struct replay *r)
{
	struct kvm_ft_run result;

	for (;;) {
		while (run(r, &result)) {
			if (errno == EIO && r->may_fail)
				return 0;
			if (errno != EINTR)
				fail(r, "replaying");
		}
		switch (result.exit) {
		case KVM_FT_EXIT_EVENT:
			payload(r, result.event_size);
			break;
		case KVM_FT_EXIT_KVM:
			if (done(r))
				return result.exit;
			break;
		default:
			return result.exit;
		}
	}
}

uint32_t replay_replay(struct replay *r)
{
	struct disturber d;
	uint32_t last;

	begin(r, KVM_FT_REPLAY);
	disturb_begin(&d, r);
	last = run_replay(r);
	disturb_end(&d);
	end(r);
	return last;
}

static const char *divergence(struct replay *r)
{
	static char text[256];
	const struct kvm_ft_status *st = &r->status;

	snprintf(text, sizeof(text),
		 "diverged: %s; log: kind %u progress %llu rip %#llx value %#llx, guest: kind %u progress %llu rip %#llx value %#llx",
		 st->what, st->logged.kind, st->logged.progress, st->logged.rip, st->logged.value,
		 st->found.kind, st->found.progress, st->found.rip, st->found.value);
	return text;
}

const char *replay_difference(struct replay *r)
{
	struct machine machine;
	const char *difference;
	static char text[64];
	size_t i;

	machine_read(&machine, &r->guest);
	difference = machine_difference(&r->machine, &machine);
	if (difference)
		return difference;
	if (!memcmp(r->guest.mem, r->ram, r->mem_size))
		return NULL;
	for (i = 0; r->guest.mem[i] == r->ram[i]; i++)
		;
	snprintf(text, sizeof(text), "RAM differs at %#zx", i);
	return text;
}

void replay_release(struct replay *r)
{
	guest_destroy(&r->guest);
	free(r->ram);
	close(r->log);
}

const char *replay_check(struct replay *r)
{
	const char *difference;
	uint32_t last;

	replay_record(r);
	last = replay_replay(r);
	if (r->status.state == KVM_FT_STATE_DIVERGED)
		difference = divergence(r);
	else if (last != KVM_FT_EXIT_END)
		difference = "the replay did not come to the end of the log";
	else
		difference = replay_difference(r);
	replay_release(r);
	return difference;
}

static const char *check_skid(struct replay *r, int skid)
{
	static char text[384];
	struct replay copy = *r;
	const char *difference;

	lab_pmu_set("skid", skid);
	replay_set_skid(skid);
	difference = replay_check(&copy);
	lab_pmu_set("skid", 0);
	replay_set_skid(-1);
	r->status = copy.status;
	r->machine = copy.machine;
	if (!difference)
		return NULL;
	snprintf(text, sizeof(text), "skid %d: %s", skid, difference);
	return text;
}

const char *replay_check_skids(struct replay *r)
{
	const char *difference = check_skid(r, 0);

	return difference ?: check_skid(r, 100);
}

void replay_keep_hooks(void)
{
	static struct guest idle;
	static struct replay r = { .role = KVM_FT_RECORD };
	struct kvm_ft_start start = { .role = KVM_FT_RECORD };

	if (access("/dev/kvm-ft", F_OK))
		return;
	open_log(&r);
	guest_create_irqchip(&idle, 1 << 20);
	r.guest = idle;
	create_session(&r);
	checked(r.session, KVM_FT_START, &start, "KVM_FT_START");
}

void replay_set_skid(int skid)
{
	FILE *f = fopen("/sys/module/kvm_ft/parameters/skid", "w");

	if (!f || fprintf(f, "%d\n", skid) < 0 || fclose(f))
		err(1, "parameter skid of kvm-ft");
}
