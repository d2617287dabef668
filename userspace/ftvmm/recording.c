// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../libkvmft/qualify.h"
#include "folder.h"
#include "inputs.h"
#include "lockstep.h"
#include "machine_config.h"
#include "message.h"
#include "paging.h"
#include "recording.h"

#define STATE_FILE	"state"
#define LOG_FILE	"log"

/* The guest's counter: the CPU's, or on an emulated host the lab's. */
int recording_open_session(struct recording *r)
{
	struct kvmft_guest guest = {
		.vm = r->vcpu->vm->fd,
		.vcpu = r->vcpu->fd,
		.name = r->options->name,
	};
	struct kvmft_counter lab;

	kvmft_close(&r->session);
	if (memory_lock(&r->vcpu->vm->memory, paging_of_host() != PAGING_NESTED))
		return -1;
	if (r->options->lab_counter) {
		if (kvmft_counter_of_lab(&lab))
			return complain("there is no lab counter: load kvm-ft-lab-pmu.ko");
		guest.lab_pmu = lab.type;
	}
	if (kvmft_open(&r->session, &guest))
		return complain("%s", r->session.problem);
	return 0;
}

static int start_log(struct recording *r, struct folder *folder)
{
	const struct kvmft_recording how = {
		.checking = r->verify,
		.ram_hash_interval = r->verify ? r->options->hash_interval : 0,
	};
	int log = folder_create(folder, LOG_FILE), err;

	if (log < 0)
		return -1;
	err = kvmft_record(&r->session, log, &how);
	close(log);
	return err ? complain("cannot record the guest: %s", r->session.problem) : 0;
}

int recording_save(struct recording *r, struct snapshot_writer *to)
{
	uint64_t generation = r->lockstep ? r->lockstep->generation : 0;

	if (snapshot_begin(to) || machine_config_save(r->options, generation, r->verify, to) ||
	    boot_save(r->boot, to) || state_save(to) || memory_save(&r->vcpu->vm->memory, to))
		return -1;
	return snapshot_end(to);
}

static int save_state(struct recording *r, struct folder *folder)
{
	struct snapshot_writer to = {
		.name = STATE_FILE,
		.fd = folder_create(folder, STATE_FILE),
	};
	int err;

	if (to.fd < 0)
		return -1;
	err = recording_save(r, &to);
	if (close(to.fd) && !err)
		err = complain("cannot write %s: %s", STATE_FILE, strerror(errno));
	/* Both sides begin with a vCPU that was set, not one that has run. */
	return err ? -1 : vcpu_state_set(r->vcpu->fd, &r->vcpu->state);
}

int recording_start(struct recording *r, const char *path, bool verify)
{
	struct folder folder;

	r->folder = path;
	r->verify = verify;
	if (folder_begin(&folder, path))
		return -1;
	if (recording_open_session(r) || start_log(r, &folder) || save_state(r, &folder)) {
		kvmft_close(&r->session);
		folder_undo(&folder);
		return -1;
	}
	inputs_record(&r->session);
	info("recording to %s%s", path, verify ? ", with registers and hashes" : "");
	return 0;
}

int recording_open(struct recording *r, struct options *options)
{
	struct stat log;
	int fd;

	r->folder = options->replay;
	r->replays = true;
	r->state = (struct snapshot_reader){
		.name = STATE_FILE,
		.fd = folder_read(r->folder, STATE_FILE),
	};
	if (r->state.fd < 0)
		return -1;
	if (snapshot_open(&r->state) || machine_config_load(options, &r->state))
		return -1;
	if (options->verify && !options->recorded_checking)
		return complain("--verify: the recording has neither registers nor hashes; "
				"record with --verify, too");
	fd = folder_read(r->folder, LOG_FILE);
	if (fd < 0)
		return -1;
	r->log_size = fstat(fd, &log) ? 0 : log.st_size;
	close(fd);
	return 0;
}

static int take_section(struct recording *r)
{
	int taken = memory_take(&r->vcpu->vm->memory, &r->state);

	if (!taken)
		taken = state_take(&r->state);
	if (!taken)
		taken = boot_take(r->boot, &r->state);
	if (!taken)
		return complain("%s has a section %s, which this ftvmm does not know",
				r->state.name, r->state.section.name);
	return taken < 0 ? -1 : 0;
}

int recording_load_state(struct recording *r)
{
	for (;;) {
		if (snapshot_next(&r->state))
			return -1;
		if (!strcmp(r->state.section.name, SNAPSHOT_END))
			break;
		if (take_section(r))
			return -1;
	}
	if (snapshot_finish(&r->state))
		return -1;
	return boot_loaded(r->boot) || state_loaded() ? -1 : 0;
}

int recording_load(struct recording *r)
{
	int err = recording_load_state(r), log;

	close(r->state.fd);
	r->state.fd = -1;
	if (err || recording_open_session(r))
		return -1;
	log = folder_read(r->folder, LOG_FILE);
	if (log < 0)
		return -1;
	err = kvmft_replay(&r->session, log, r->options->until);
	close(log);
	if (err)
		return complain("cannot replay %s: %s", r->folder, r->session.problem);
	inputs_record(&r->session);
	/* Once more: a timer that was set before may have expired, and only the log may. */
	return vcpu_state_set(r->vcpu->fd, &r->vcpu->state);
}

static void say_line(void *data, const char *text)
{
	(void)data;
	tell_error("%s", text);
}

bool recording_is_replay(const struct recording *r)
{
	return r->replays;
}

/* The guest is not stopped for it that its recording has failed. */
static enum recording_step failed(struct recording *r)
{
	struct kvm_ft_status status = { 0 };

	if (!kvmft_status(&r->session, &status))
		kvmft_report(&status, say_line, NULL);
	else
		complain("%s", r->session.problem);
	r->diverged = status.state == KVM_FT_STATE_DIVERGED;
	return RECORDING_FAILED;
}

static enum recording_step replay_event(struct recording *r)
{
	uint32_t tag, size = sizeof(r->event);

	if (kvmft_get_event(&r->session, &tag, r->event, &size)) {
		complain("cannot replay an event: %s", r->session.problem);
		return failed(r);
	}
	inputs_replay(tag, r->event, size);
	return RECORDING_AGAIN;
}

enum recording_step recording_run(struct recording *r)
{
	struct kvm_ft_run run;
	int err;

	/* An idle guest's session does not notice. */
	if (r->lockstep && !r->replays && lockstep_has_lost(r->lockstep))
		return RECORDING_ALONE;
	err = kvmft_run(&r->session, &run);
	if (err == -EINTR || err == -EAGAIN)
		return RECORDING_INTERRUPTED;
	/* A primary's secondary takes over, whatever it is that has failed: the arbiter decides. */
	if (err && r->lockstep && !r->replays)
		return failed(r), RECORDING_ALONE;
	if (err)
		return failed(r);
	switch (run.exit) {
	case KVM_FT_EXIT_KVM:
		return RECORDING_EXIT;
	case KVM_FT_EXIT_LANDMARK:
		return RECORDING_LANDMARK;
	case KVM_FT_EXIT_EVENT:
		return replay_event(r);
	case KVM_FT_EXIT_END:
		return r->lockstep ? RECORDING_ALONE : RECORDING_END;
	default:
		return failed(r);
	}
}

static void tell_end(const struct recording *r, const struct kvm_ft_status *status)
{
	if (recording_is_replay(r))
		info("replayed %llu entries, guest progress %llu%s",
		     status->entries, status->progress,
		     status->log_end == KVM_FT_END_COMPLETE ? ": the whole recording" :
		     status->log_end == KVM_FT_END_TORN ?
		     ": all there is, the recording was not ended properly" :
		     status->log_end == KVM_FT_END_UNTIL ? ": as far as --until says" : "");
	else
		info("recorded %llu entries, %llu bytes, guest progress %llu",
		     status->entries, status->bytes,
		     status->progress);
}

int recording_stop(struct recording *r)
{
	struct kvm_ft_status status;
	int err;

	inputs_record(NULL);
	err = kvmft_stop(&r->session);
	if (err)
		complain("cannot complete the log: %s", r->session.problem);
	else if (!kvmft_status(&r->session, &status) && status.state == KVM_FT_STATE_STOPPED)
		tell_end(r, &status);
	return err ? -1 : 0;
}

void recording_kick(struct recording *r)
{
	if (kvmft_kick(&r->session))
		complain("%s", r->session.problem);
}

void recording_progress(struct recording *r)
{
	struct kvm_ft_status status;

	if (!kvmft_status(&r->session, &status) && r->log_size)
		info("replayed %llu %%: %llu entries, guest progress %llu",
		     (status.bytes * 100 / r->log_size), status.entries,
		     status.progress);
}
