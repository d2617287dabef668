// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpuid.h"
#include "inputs.h"
#include "lockstep.h"
#include "message.h"
#include "recording.h"
#include "vcpu.h"
#include "wait.h"

#define KICK	SIGUSR1

static int collect(void *device)
{
	struct vcpu *vcpu = device;

	return vcpu_state_get(vcpu->vm->kvm, vcpu->fd, &vcpu->state);
}

static int restored(void *device)
{
	struct vcpu *vcpu = device;

	return vcpu_state_set(vcpu->fd, &vcpu->state);
}

static bool valid(const void *data)
{
	const struct vcpu_state *state = data;

	return state->msrs.nmsrs <= VCPU_MSRS;	/* KVM checks the rest */
}

/* Only there so that the signal ends KVM_RUN. */
static void on_kick(int number)
{
	(void)number;
}

/*
 * Makes KVM_RUN, the running one or the next, return; the guest is between two
 * instructions then, what it read or wrote before is complete.
 */
static void interrupt(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK);
}

/* A landmark, where events can be applied: without a recording any place is one. */
static void kick(void *data)
{
	struct vcpu *vcpu = data;
	struct recording *r = __atomic_load_n(&vcpu->recording, __ATOMIC_SEQ_CST);

	if (r)
		recording_kick(r);
	else
		interrupt(vcpu);
}

int vcpu_open(struct vcpu *vcpu, struct vm *vm, int (*boot)(void *data), void *boot_data)
{
	struct sigaction action = { .sa_handler = on_kick };

	*vcpu = (struct vcpu){
		.vm = vm,
		.fd = -1,
		.run = MAP_FAILED,
		.ended = -1,
		.boot = boot,
		.boot_data = boot_data,
		.saved = {
			.name = "vcpu",
			.data = &vcpu->state,
			.size = sizeof(vcpu->state),
			.collect = collect,
			.restored = restored,
			.valid = valid,
			.device = vcpu,
		},
	};
	if (pause_open(&vcpu->pause))
		return -1;
	vcpu->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	vcpu->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu->ended < 0 || vcpu->fd < 0 || vcpu->run_size < 0)
		return complain("cannot create the vCPU: %s", strerror(errno));
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return complain("cannot map the vCPU: %s", strerror(errno));
	if (sigaction(KICK, &action, NULL))
		return complain("cannot handle a signal: %s", strerror(errno));
	if (cpuid_set(vm->kvm, vcpu->fd))
		return -1;
	inputs_set_kick(kick, vcpu);
	state_add(&vcpu->saved);
	return 0;
}

void vcpu_close(struct vcpu *vcpu)
{
	if (vcpu->run != MAP_FAILED)
		munmap(vcpu->run, vcpu->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	if (vcpu->ended >= 0)
		close(vcpu->ended);
	pause_close(&vcpu->pause);
}

int vcpu_set_tsc_khz(struct vcpu *vcpu, unsigned int khz)
{
	if (!ioctl(vcpu->fd, KVM_SET_TSC_KHZ, (unsigned long)khz))
		return 0;
	return complain("this host cannot have a guest with a TSC of %u kHz: %s", khz,
			strerror(errno));
}

unsigned int vcpu_tsc_khz(const struct vcpu *vcpu)
{
	int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? khz : 0;
}

void vcpu_power_off(struct vcpu *vcpu)
{
	/* A replay ends where the recording does, which is here, too. */
	if (vcpu->recording && recording_is_replay(vcpu->recording))
		return;
	vcpu->end = VCPU_POWERED_OFF;
}

void vcpu_reset(struct vcpu *vcpu)
{
	vcpu->reset = true;
}

static void do_port(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int size = run->io.size;
	uint32_t i;

	for (i = 0; i < run->io.count; i++, data += size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_IN) {
			value = bus_read(&vcpu->vm->ports, run->io.port, size);
			memcpy(data, &value, size);
		} else {
			memcpy(&value, data, size);
			bus_write(&vcpu->vm->ports, run->io.port, size, value);
		}
	}
}

static void do_address(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int size = run->mmio.len;
	uint64_t value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, size);
		bus_write(&vcpu->vm->addresses, run->mmio.phys_addr, size, value);
	} else {
		value = bus_read(&vcpu->vm->addresses, run->mmio.phys_addr, size);
		memcpy(run->mmio.data, &value, size);
	}
}

static enum vcpu_end fail(struct vcpu *vcpu)
{
	struct kvm_regs regs = { 0 };
	struct kvm_run *run = vcpu->run;

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	complain("KVM cannot run the guest on: exit reason %u (%#llx) at RIP %#llx, RSP %#llx",
		 run->exit_reason, run->hw.hardware_exit_reason, regs.rip, regs.rsp);
	return VCPU_FAILED;
}

/* All devices and registers as they were at the start, and the kernel loaded anew. */
static void reset(struct vcpu *vcpu)
{
	info_limited("the guest starts again");
	vcpu->reset = false;
	__atomic_add_fetch(&vcpu->resets, 1, __ATOMIC_RELAXED);
	pause_tell(&vcpu->pause);
	inputs_drop();
	if (state_restore() || vcpu->boot(vcpu->boot_data))
		vcpu->end = VCPU_FAILED;
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		do_port(vcpu);
		break;
	case KVM_EXIT_MMIO:
		do_address(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		info_limited("the guest had a triple fault");
		vcpu->reset = true;
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		vcpu->end = fail(vcpu);
	}
}

/* What the guest read or wrote last is complete only when KVM_RUN was called again. */
static void finish_instruction(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	if (vcpu->recording)
		recording_run(vcpu->recording);
	else
		ioctl(vcpu->fd, KVM_RUN, 0);
	vcpu->run->immediate_exit = 0;
}

/* From here on a kick is not lost: it sets the flag again. */
static void interrupted(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

static void do_task(struct vcpu *vcpu)
{
	struct vcpu_task *task = __atomic_exchange_n(&vcpu->task, NULL, __ATOMIC_SEQ_CST);

	if (!task)
		return;
	task->result = task->run(task->data);
	__atomic_store_n(&task->done, true, __ATOMIC_SEQ_CST);
	pause_tell(&vcpu->pause);
}

static struct vcpu_task *waiting_task(struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->task, __ATOMIC_SEQ_CST);
}

/* A recorded guest comes to a landmark, for what needs one, when it runs on. */
static void stand_still(struct vcpu *vcpu)
{
	while (pause_wait(&vcpu->pause)) {
		const struct vcpu_task *task = waiting_task(vcpu);

		if (task && (task->anywhere || !vcpu->recording))
			do_task(vcpu);
	}
}

static void run_plain(struct vcpu *vcpu)
{
	if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
		handle_exit(vcpu);
	} else if (errno == EINTR || errno == EAGAIN) {
		interrupted(vcpu);
		stand_still(vcpu);
		/* What waits now comes after the beginning of a recording that was just begun. */
		if (vcpu->recording)
			return;
		inputs_apply();
		do_task(vcpu);
	} else {
		complain("cannot run the guest: %s", strerror(errno));
		vcpu->end = VCPU_FAILED;
	}
}

void vcpu_record(struct vcpu *vcpu, struct recording *recording)
{
	__atomic_store_n(&vcpu->recording, recording, __ATOMIC_SEQ_CST);
}

/*
 * The guest may go on without it.  Who has kicked it in its last moments has done so in
 * vain, and is made up for.
 */
int vcpu_end_recording(struct vcpu *vcpu)
{
	struct recording *r = vcpu->recording;
	int err;

	vcpu_record(vcpu, NULL);
	err = recording_stop(r);
	interrupt(vcpu);
	return err;
}

void vcpu_flush(struct vcpu *vcpu)
{
	/* It stays set, so that nobody's interrupt is missed: the next run says so again. */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	recording_run(vcpu->recording);
}

void vcpu_do(struct vcpu *vcpu, struct vcpu_task *task)
{
	task->done = false;
	__atomic_store_n(&vcpu->task, task, __ATOMIC_SEQ_CST);
	kick(vcpu);
	pause_call(&vcpu->pause);
}

bool vcpu_did(const struct vcpu_task *task)
{
	return __atomic_load_n(&task->done, __ATOMIC_SEQ_CST);
}

static void recording_failed(struct vcpu *vcpu)
{
	if (recording_is_replay(vcpu->recording)) {
		vcpu->end = VCPU_FAILED;
		return;
	}
	complain("the guest goes on without being recorded");
	vcpu_end_recording(vcpu);
}

/* The link to the other host is lost, or a secondary's log has ended. */
static void is_alone(struct vcpu *vcpu)
{
	switch (lockstep_decide(vcpu->recording->lockstep)) {
	case LOCKSTEP_GOES_ON:
		vcpu_record(vcpu, NULL);
		interrupt(vcpu);
		break;
	case LOCKSTEP_STOPS:
		vcpu->end = VCPU_ELSEWHERE;
		break;
	case LOCKSTEP_IS_OVER:
		vcpu->end = VCPU_REPLAYED;
		break;
	}
}

static void run_recorded(struct vcpu *vcpu)
{
	switch (recording_run(vcpu->recording)) {
	case RECORDING_EXIT:
		handle_exit(vcpu);
		break;
	case RECORDING_INTERRUPTED:
		interrupted(vcpu);
		stand_still(vcpu);
		if (vcpu->recording && (inputs_waiting() || waiting_task(vcpu)))
			recording_kick(vcpu->recording);
		break;
	case RECORDING_LANDMARK:
		inputs_apply();
		do_task(vcpu);
		break;
	case RECORDING_AGAIN:
		break;
	case RECORDING_END:
		vcpu->end = VCPU_REPLAYED;
		break;
	case RECORDING_FAILED:
		recording_failed(vcpu);
		break;
	case RECORDING_ALONE:
		is_alone(vcpu);
		break;
	}
}

static void run_once(struct vcpu *vcpu)
{
	if (vcpu->recording)
		run_recorded(vcpu);
	else
		run_plain(vcpu);
	if (vcpu->reset) {
		finish_instruction(vcpu);
		reset(vcpu);
		stand_still(vcpu);
	}
}

static void *run_thread(void *data)
{
	struct vcpu *vcpu = data;
	uint64_t one = 1;

	while (vcpu->end == VCPU_RUNS) {
		run_once(vcpu);
		if (__atomic_load_n(&vcpu->stop, __ATOMIC_SEQ_CST) && vcpu->end == VCPU_RUNS)
			vcpu->end = VCPU_STOPPED;
	}
	if (vcpu->recording && vcpu->end != VCPU_ELSEWHERE && recording_stop(vcpu->recording))
		vcpu->end = VCPU_FAILED;
	if (write(vcpu->ended, &one, sizeof(one)) != sizeof(one))
		complain("cannot tell that the vCPU has ended: %s", strerror(errno));
	return NULL;
}

int vcpu_boot(struct vcpu *vcpu)
{
	return state_keep() || vcpu->boot(vcpu->boot_data) ? -1 : 0;
}

int vcpu_start(struct vcpu *vcpu)
{
	sigset_t all, old;
	int err;

	/* Signals are for the main loop, but for the kick. */
	sigfillset(&all);
	sigdelset(&all, KICK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return complain("cannot start the vCPU's thread: %s", strerror(err));
	clock_gettime(CLOCK_MONOTONIC, &vcpu->since);
	vcpu->started = true;
	pthread_setname_np(vcpu->thread, "vcpu0");
	return 0;
}

const char *vcpu_obstacle(const struct vcpu *vcpu)
{
	return vcpu->started ? NULL :
	       "the guest is not here yet: have its primary send it (ftadm vm protect)";
}

void vcpu_pause(struct vcpu *vcpu, bool wanted)
{
	pause_want(&vcpu->pause, wanted);
	interrupt(vcpu);
}

enum vcpu_end vcpu_stop(struct vcpu *vcpu)
{
	if (vcpu->started) {
		__atomic_store_n(&vcpu->stop, true, __ATOMIC_SEQ_CST);
		wait_end();
		vcpu_pause(vcpu, false);
		pthread_join(vcpu->thread, NULL);
		vcpu->started = false;
	}
	return vcpu->end;
}
