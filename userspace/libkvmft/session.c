// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"

#define DEVICE	"/dev/kvm-ft"

__attribute__((format(printf, 3, 4)))
static int fail(struct kvmft_session *s, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->problem, sizeof(s->problem), format, args);
	va_end(args);
	return -error;
}

/* The session's own word, if it has one. */
static int fail_call(struct kvmft_session *s, const char *call)
{
	struct kvm_ft_status status;
	int error = errno;

	if (!ioctl(s->fd, KVM_FT_STATUS, &status) && status.what[0])
		return fail(s, error, "%s: %.*s", strerror(error), (int)sizeof(status.what),
			    status.what);
	return fail(s, error, "%s: %s", call, strerror(error));
}

static int open_device(struct kvmft_session *s)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC), version;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV))
		return fail(s, errno, "there is no " DEVICE ": load the module kvm-ft");
	if (fd < 0 && errno == EACCES)
		return fail(s, errno, "no access to " DEVICE
			    ": be root, or in the group that owns it");
	if (fd < 0)
		return fail(s, errno, DEVICE ": %s", strerror(errno));
	version = ioctl(fd, KVM_FT_GET_API_VERSION);
	if (version == KVM_FT_API_VERSION)
		return fd;
	close(fd);
	return fail(s, EPROTO, "kvm-ft.ko has API version %d, this program needs %d: use the same",
		    version, KVM_FT_API_VERSION);
}

int kvmft_open(struct kvmft_session *s, const struct kvmft_guest *guest)
{
	struct kvm_ft_create create = {
		.vm_fd = guest->vm,
		.vcpu_fd = guest->vcpu,
		.lab_pmu = guest->lab_pmu,
	};
	int device, error = 0;

	*s = (struct kvmft_session){ .fd = -1 };
	if (strlen(guest->name) >= sizeof(create.name))
		return fail(s, EINVAL, "the guest's name is longer than %zu characters",
			    sizeof(create.name) - 1);
	memcpy(create.name, guest->name, strlen(guest->name));
	device = open_device(s);
	if (device < 0)
		return device;
	s->fd = ioctl(device, KVM_FT_CREATE, &create);
	if (s->fd < 0)
		error = fail(s, errno, "cannot create a session: %s%s", strerror(errno),
			     errno == ENODEV ? ": no counter of this CPU is known, or no SVM" : "");
	close(device);
	return error;
}

void kvmft_close(struct kvmft_session *s)
{
	if (s->page)
		munmap(s->page, getpagesize());
	s->page = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int explain_start(struct kvmft_session *s, const struct kvm_ft_start *start, int error)
{
	const struct kvmft_refusal *refusal = kvmft_refusal(start->reason);
	char differences[256];

	s->reason = start->reason;
	s->differs = start->differs;
	if (error == EPERM && start->reason == KVM_FT_REFUSED_LOG) {
		kvmft_differences(start->differs, differences, sizeof(differences));
		return fail(s, error, "%s, %s (%s): %s", refusal->name, refusal->text, differences,
			    refusal->remedy);
	}
	if (error == EPERM && start->reason)
		return fail(s, error, "%s, %s: %s", refusal->name, refusal->text, refusal->remedy);
	if (error == EBADMSG)
		return fail(s, error, "the log is damaged, or not one");
	if (error == EPROTONOSUPPORT)
		return fail(s, error, "the log is of another version of the format");
	if (error == ENODEV)
		return fail(s, error, "a function of KVM cannot be hooked: see the kernel's log");
	errno = error;
	return fail_call(s, "KVM_FT_START");
}

static int explain_log(struct kvmft_session *s, const struct kvm_ft_log *log, int error)
{
	if (log->type == KVM_FT_LOG_TCP && error == EPROTONOSUPPORT)
		return fail(s, error, "no logs go to other hosts: load the module kvm-ft-tcp");
	if (log->type == KVM_FT_LOG_TCP && error == ENODEV)
		return fail(s, error, "the connection is not bound to kvm-ft-tcp's log_interface");
	errno = error;
	return fail_call(s, "KVM_FT_SET_LOG");
}

static int begin(struct kvmft_session *s, struct kvm_ft_log *log, struct kvm_ft_start *start)
{
	if (ioctl(s->fd, KVM_FT_SET_LOG, log))
		return explain_log(s, log, errno);
	if (ioctl(s->fd, KVM_FT_START, start))
		return explain_start(s, start, errno);
	return 0;
}

static int record(struct kvmft_session *s, struct kvm_ft_log *log,
		  const struct kvmft_recording *how)
{
	struct kvm_ft_start start = {
		.role = KVM_FT_RECORD,
		.flags = how->checking ? KVM_FT_START_CHECKING : 0,
		.ram_hash_interval = how->ram_hash_interval,
		.mark_interval = how->mark_interval,
	};

	return begin(s, log, &start);
}

int kvmft_record(struct kvmft_session *s, int log, const struct kvmft_recording *how)
{
	return record(s, &(struct kvm_ft_log){ .fd = log, .type = KVM_FT_LOG_FILE }, how);
}

int kvmft_record_to(struct kvmft_session *s, int socket, uint64_t generation,
		    const struct kvmft_recording *how)
{
	struct kvm_ft_log log = { .fd = socket, .type = KVM_FT_LOG_TCP, .generation = generation };

	return record(s, &log, how);
}

int kvmft_replay(struct kvmft_session *s, int log, uint64_t until)
{
	struct kvm_ft_start start = { .role = KVM_FT_REPLAY, .until = until };

	return begin(s, &(struct kvm_ft_log){ .fd = log, .type = KVM_FT_LOG_FILE }, &start);
}

int kvmft_replay_from(struct kvmft_session *s, int socket, uint64_t generation)
{
	struct kvm_ft_log log = { .fd = socket, .type = KVM_FT_LOG_TCP, .generation = generation };
	struct kvm_ft_start start = { .role = KVM_FT_REPLAY };

	return begin(s, &log, &start);
}

int kvmft_run(struct kvmft_session *s, struct kvm_ft_run *run)
{
	if (!ioctl(s->fd, KVM_FT_RUN, run))
		return 0;
	return errno == EINTR ? -EINTR : fail_call(s, "KVM_FT_RUN");
}

int kvmft_put_event(struct kvmft_session *s, uint32_t tag, const void *data, uint32_t size)
{
	struct kvm_ft_data event = { .tag = tag, .size = size, .data = (uintptr_t)data };

	return ioctl(s->fd, KVM_FT_EVENT, &event) ? fail_call(s, "KVM_FT_EVENT") : 0;
}

int kvmft_get_event(struct kvmft_session *s, uint32_t *tag, void *data, uint32_t *size)
{
	struct kvm_ft_data event = { .size = *size, .data = (uintptr_t)data };

	if (ioctl(s->fd, KVM_FT_EVENT, &event))
		return fail_call(s, "KVM_FT_EVENT");
	*tag = event.tag;
	*size = event.size;
	return 0;
}

int kvmft_value(struct kvmft_session *s, uint32_t tag, void *data, uint32_t size)
{
	struct kvm_ft_data value = { .tag = tag, .size = size, .data = (uintptr_t)data };

	while (ioctl(s->fd, KVM_FT_VALUE, &value))
		if (errno != EINTR)
			return fail_call(s, "KVM_FT_VALUE");
	return 0;
}

int kvmft_kick(struct kvmft_session *s)
{
	return ioctl(s->fd, KVM_FT_KICK) ? fail_call(s, "KVM_FT_KICK") : 0;
}

int kvmft_stop(struct kvmft_session *s)
{
	while (ioctl(s->fd, KVM_FT_STOP))
		if (errno != EINTR)
			return fail_call(s, "KVM_FT_STOP");
	return 0;
}

int kvmft_status(struct kvmft_session *s, struct kvm_ft_status *status)
{
	return ioctl(s->fd, KVM_FT_STATUS, status) ? fail(s, errno, "KVM_FT_STATUS: %s",
							  strerror(errno)) : 0;
}
