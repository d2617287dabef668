// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of a session; the uapi header is their manual. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "session.h"
#include "transport/transport.h"

static struct kvm_ft_end *file_end(int fd)
{
	struct file *file = fget(fd);
	struct kvm_ft_end *end;

	if (!file)
		return ERR_PTR(-EBADF);
	end = kvm_ft_file_end(file);
	if (IS_ERR(end))
		fput(file);
	return end;
}

/* Another session's log, while that session is not in an ioctl. */
static struct kvm_ft_end *sink_of(struct kvm_ft_session *other)
{
	struct kvm_ft_end *end;

	if (!mutex_trylock(&other->lock))
		return ERR_PTR(-EBUSY);
	end = other->log ? kvm_ft_loopback_sink(other->log) : ERR_PTR(-EINVAL);
	mutex_unlock(&other->lock);
	return end;
}

static struct kvm_ft_end *loopback_end(struct kvm_ft_session *s, int fd)
{
	struct kvm_ft_end *end = ERR_PTR(-EINVAL);
	struct kvm_ft_session *other;
	struct file *file;

	if (fd == -1)
		return kvm_ft_loopback_source();
	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	other = kvm_ft_session_of(file);
	if (other && other != s)
		end = sink_of(other);
	fput(file);
	return end;
}

static struct kvm_ft_end *log_end_of(struct kvm_ft_session *s, const struct kvm_ft_log *log)
{
	switch (log->type) {
	case KVM_FT_LOG_FILE:
		return file_end(log->fd);
	case KVM_FT_LOG_LOOPBACK:
		return loopback_end(s, log->fd);
	default:
		return kvm_ft_transport_connect(log->type, log->fd, log->generation);
	}
}

static long set_log(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_end *end;
	struct kvm_ft_log log;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (log.flags || log.type >= KVM_FT_LOG_TYPES || log.pad1 ||
	    (log.generation && log.type < KVM_FT_LOG_TCP))
		return -EINVAL;
	if (s->state != KVM_FT_STATE_NEW)
		return -EBUSY;
	end = log_end_of(s, &log);
	if (IS_ERR(end))
		return PTR_ERR(end);
	kvm_ft_log_release(s);
	end->link = &s->link;
	s->log = end;
	return 0;
}

/* The bits of the log's comparison are the bits of the ioctl. */
static_assert(KVM_FT_DIFF_FT_VERSION == KVM_FT_DIFFERS_VERSION);
static_assert(KVM_FT_DIFF_MEMORY == KVM_FT_DIFFERS_MEMORY);
static_assert(KVM_FT_DIFF_BUILD == KVM_FT_DIFFERS_BUILD);

static int start_replay(struct kvm_ft_session *s, struct kvm_ft_start *start)
{
	start->differs = kvm_ft_log_header_compare(&s->replayer.reader.header, &s->header);
	if (start->differs) {
		start->reason = KVM_FT_REFUSED_LOG;
		return -EPERM;
	}
	s->header.flags = s->replayer.reader.header.flags;
	s->replayer.limit = start->until;
	return 0;
}

static int start_role(struct kvm_ft_session *s, struct kvm_ft_start *start)
{
	int err;

	start->reason = kvm_ft_refuse_guest(s);
	if (start->reason)
		return -EPERM;
	memset(&s->header, 0, sizeof(s->header));
	err = kvm_ft_describe(s, &s->header);
	if (err) {
		start->reason = KVM_FT_REFUSED_MEMORY;
		return -EPERM;
	}
	if (start->role == KVM_FT_REPLAY)
		return start_replay(s, start);
	if (start->flags & KVM_FT_START_CHECKING)
		s->header.flags |= KVM_FT_LOG_CHECKING;
	return kvm_ft_intervals_set(s, start);
}

/* Who is refused must leave no trace: the log's header is written last. */
static int take_vcpu(struct kvm_ft_session *s, u32 role)
{
	int err = kvm_ft_hooks_get(s);

	if (err || role == KVM_FT_REPLAY)
		return err;
	err = kvm_ft_log_create(s);
	if (err)
		kvm_ft_hooks_put(s);
	return err;
}

static long start_session(struct kvm_ft_session *s, struct kvm_ft_start *start)
{
	int err;

	if ((start->role != KVM_FT_RECORD && start->role != KVM_FT_REPLAY) ||
	    start->flags & ~KVM_FT_START_CHECKING || start->reason || start->differs ||
	    start->pad)
		return -EINVAL;
	if (start->role == KVM_FT_REPLAY &&
	    (start->flags || start->ram_hash_interval || start->mark_interval))
		return -EINVAL;
	if (start->role == KVM_FT_RECORD && start->until)
		return -EINVAL;
	if (s->state != KVM_FT_STATE_NEW)
		return -EBUSY;
	if (!s->log)
		return -EINVAL;
	err = s->log->ops->open(s->log, start->role == KVM_FT_RECORD);
	if (!err && start->role == KVM_FT_REPLAY)
		err = kvm_ft_log_open(s);
	if (err)
		return err;
	/* KVM's own ioctls must not change what is looked at. */
	if (mutex_lock_killable(&s->arch.vcpu->mutex))
		return -EINTR;
	err = start_role(s, start);
	if (!err && !(s->header.flags & KVM_FT_LOG_NESTED))
		kvm_ft_kvm_forget_shadow(s);
	mutex_unlock(&s->arch.vcpu->mutex);
	if (!err)
		err = take_vcpu(s, start->role);
	if (err)
		return err;
	/* A halted guest is waited for here, not inside KVM, where the log cannot wake it. */
	s->halted = s->arch.vcpu->arch.mp_state == KVM_MP_STATE_HALTED;
	WRITE_ONCE(s->role, start->role);
	kvm_ft_set_state(s, start->role == KVM_FT_RECORD ?
			 KVM_FT_STATE_RECORDING : KVM_FT_STATE_REPLAYING);
	return 0;
}

static long start(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_start start;
	long err;

	if (copy_from_user(&start, arg, sizeof(start)))
		return -EFAULT;
	err = start_session(s, &start);
	if (copy_to_user(arg, &start, sizeof(start)))
		return -EFAULT;
	return err;
}

static long run(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_run run = {};
	int err;

	err = kvm_ft_run(s, &run);
	if (err)
		return err;
	return copy_to_user(arg, &run, sizeof(run)) ? -EFAULT : 0;
}

static int get_data(struct kvm_ft_data *data, void __user *arg)
{
	if (copy_from_user(data, arg, sizeof(*data)))
		return -EFAULT;
	if (memchr_inv(data->pad, 0, sizeof(data->pad)))
		return -EINVAL;
	return 0;
}

/* Logs the caller's bytes; the block has to have room for them. */
static int record_data(struct kvm_ft_session *s, struct kvm_ft_entry *e,
		       const struct kvm_ft_data *data)
{
	void *payload;
	int err;

	if (data->size > KVM_FT_DATA_MAX)
		return -EINVAL;
	payload = vmemdup_user(u64_to_user_ptr(data->data), data->size);
	if (IS_ERR(payload))
		return PTR_ERR(payload);
	e->tag = data->tag;
	e->payload = payload;
	e->payload_len = data->size;
	err = kvm_ft_log_room(s, data->size);
	if (!err)
		err = kvm_ft_async(s, e);
	kvfree(payload);
	return err;
}

static int put_data(struct kvm_ft_data *data, const struct kvm_ft_entry *e, void __user *arg)
{
	data->tag = e->tag;
	data->size = e->payload_len;
	if (copy_to_user(u64_to_user_ptr(data->data), e->payload, e->payload_len) ||
	    copy_to_user(arg, data, sizeof(*data)))
		return -EFAULT;
	return 0;
}

static int replay_event(struct kvm_ft_session *s, struct kvm_ft_data *data, void __user *arg)
{
	const struct kvm_ft_entry *next = &s->replayer.next;
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_EVENT };
	int err;

	if (!s->replayer.have || next->kind != KVM_FT_KIND_EVENT ||
	    kvm_ft_replayer_at(&s->replayer, s->here.progress, s->here.rip, s->here.rcx) != 1)
		return -EBUSY;
	if (data->size < next->payload_len) {
		data->size = next->payload_len;
		return copy_to_user(arg, data, sizeof(*data)) ? -EFAULT : -EMSGSIZE;
	}
	err = put_data(data, next, arg);
	return err ?: kvm_ft_async(s, &e);
}

static long event(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_EVENT };
	struct kvm_ft_data data;
	int err;

	err = get_data(&data, arg);
	if (err)
		return err;
	if (s->state == KVM_FT_STATE_REPLAYING)
		return replay_event(s, &data, arg);
	if (s->state != KVM_FT_STATE_RECORDING)
		return -EINVAL;
	if (!s->at_landmark)
		return -EBUSY;
	return record_data(s, &e, &data);
}

/* The log has no more, or says that the recording was stopped here. */
static bool log_ends_here(struct kvm_ft_session *s)
{
	return !s->replayer.have ||
	       (s->replayer.next.kind == KVM_FT_KIND_STOP &&
		kvm_ft_replayer_at(&s->replayer, s->here.progress, s->here.rip,
				   s->here.rcx) == 1);
}

static int wait_for_entry(struct kvm_ft_session *s)
{
	int r = s->replayer.have ? 1 : -EAGAIN;

	while (r == -EAGAIN)
		r = kvm_ft_log_next_block(s, true);
	if (r < 0 && r != -EINTR)
		kvm_ft_fail(s, r, kvm_ft_log_problem(s, r));
	return min(r, 0);
}

static int replay_value(struct kvm_ft_session *s, struct kvm_ft_data *data, void __user *arg)
{
	const struct kvm_ft_entry *next = &s->replayer.next;
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_VALUE };
	int err;

	err = wait_for_entry(s);
	if (err)
		return err;
	if (log_ends_here(s))
		return -ENODATA;
	if (next->kind != KVM_FT_KIND_VALUE)
		return kvm_ft_async(s, &e);
	if (next->tag != data->tag || next->payload_len != data->size) {
		s->replayer.divergence.what = "tag or size of a value";
		s->replayer.divergence.logged = *next;
		s->replayer.divergence.logged.payload = NULL;
		s->replayer.divergence.found = s->replayer.divergence.logged;
		kvm_ft_diverged(s);
		return -EILSEQ;
	}
	err = arg ? put_data(data, next, arg) : 0;
	return err ?: kvm_ft_async(s, &e);
}

static int record_output(struct kvm_ft_session *s, const struct kvm_ft_data *nothing)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_VALUE };
	int err = record_data(s, &e, nothing);

	return err ?: kvm_ft_log_flush(s, true);
}

static long value(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_VALUE };
	struct kvm_ft_data data;
	int err;

	err = get_data(&data, arg);
	if (err)
		return err;
	if (!kvm_ft_is_active(s))
		return -EINVAL;
	if (s->state == KVM_FT_STATE_REPLAYING)
		return replay_value(s, &data, arg);
	return record_data(s, &e, &data);
}

static void kick(struct kvm_ft_session *s)
{
	atomic64_inc(&s->stats.kicks);
	if (READ_ONCE(s->state) != KVM_FT_STATE_RECORDING)
		return;
	set_bit(KVM_FT_PENDING_KICK, &s->pending);
	wake_up(&s->wait);
	kvm_vcpu_kick(s->arch.vcpu);
}

/* Could a replay stop here?  Where the guest has left by itself it does so anyway. */
static int may_end(struct kvm_ft_session *s)
{
	if (!s->arch.counter) {
		kvm_ft_locate_start(s);
		return 1;
	}
	if (s->at_landmark || s->at_exit || s->halted)
		return 1;
	return kvm_ft_may_end(s);
}

static int record_stop(struct kvm_ft_session *s, bool here)
{
	struct kvm_ft_entry e = {
		.kind = KVM_FT_KIND_STOP,
		.value = here ? KVM_FT_STOP_HERE : KVM_FT_STOP_BEFORE,
	};
	int err = 0;

	if (here && s->ram.interval)
		err = kvm_ft_ram_record_all(s);
	if (!err)
		err = kvm_ft_log_room(s, 0);
	return err ?: kvm_ft_async(s, &e);
}

static int finish_recording(struct kvm_ft_session *s)
{
	int r;

	if (s->stopping)
		return kvm_ft_log_close(s);
	r = may_end(s);
	if (r >= 0)
		r = record_stop(s, r);
	if (r < 0)
		return r;
	s->stopping = true;
	return kvm_ft_log_close(s);
}

/* Neither recorded nor replayed any more: the guest is KVM's. */
static void let_go(struct kvm_ft_session *s)
{
	kvm_ft_log_release(s);
	kvm_ft_hooks_put(s);
	if (test_and_clear_bit(KVM_FT_PENDING_TIMER, &s->pending))
		kvm_ft_kvm_return_timer(s);
	kvm_ft_counter_release(s);
}

static long stop(struct kvm_ft_session *s)
{
	int err = 0;

	if (s->state == KVM_FT_STATE_NEW || s->state == KVM_FT_STATE_STOPPED)
		return -EINVAL;
	if (s->state == KVM_FT_STATE_RECORDING)
		err = finish_recording(s);
	if (err == -EINTR && kvm_ft_is_active(s))
		return err;
	if (kvm_ft_is_active(s))
		kvm_ft_set_state(s, KVM_FT_STATE_STOPPED);
	s->stopping = false;
	let_go(s);
	return err;
}

/* The entry is a value of no bytes: a place that both sides come to by themselves. */
static long output(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_output output;
	struct kvm_ft_data nothing = {};
	int err;

	if (copy_from_user(&output, arg, sizeof(output)))
		return -EFAULT;
	if (output.pad1 || memchr_inv(output.pad, 0, sizeof(output.pad)))
		return -EINVAL;
	if (!kvm_ft_is_active(s))
		return -EINVAL;
	nothing.tag = output.tag;
	if (s->state == KVM_FT_STATE_REPLAYING)
		err = replay_value(s, &nothing, NULL);
	else
		err = record_output(s, &nothing);
	output.position = s->log_pos;
	if (!err && copy_to_user(arg, &output, sizeof(output)))
		return -EFAULT;
	return err;
}

static long promote(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_promote promote = {};

	if (s->state == KVM_FT_STATE_DIVERGED || s->state == KVM_FT_STATE_FAILED)
		return -EPERM;
	if (s->state != KVM_FT_STATE_REPLAYING)
		return -EINVAL;
	if (s->log_end == KVM_FT_END_NONE || s->replayer.have)
		return -EBUSY;
	promote.guest_tsc = kvm_ft_link_clock(s);
	if (copy_to_user(arg, &promote, sizeof(promote)))
		return -EFAULT;
	kvm_ft_set_state(s, KVM_FT_STATE_STOPPED);
	let_go(s);
	return 0;
}

static long status(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_status st = {
		.state = READ_ONCE(s->state),
		.error = -s->error,
		.progress = s->here.progress,
		.bytes = s->log_pos,
		.log_end = s->log_end,
	};
	int i;

	for (i = 0; i < KVM_FT_KIND_LIMIT; i++)
		st.entries += s->recorder.entries[i] + s->replayer.entries[i];
	if (st.state == KVM_FT_STATE_FAILED)
		strscpy(st.what, s->what, sizeof(st.what));
	if (st.state == KVM_FT_STATE_DIVERGED)
		kvm_ft_describe_divergence(s, &st);
	return copy_to_user(arg, &st, sizeof(st)) ? -EFAULT : 0;
}

static long locked_ioctl(struct kvm_ft_session *s, unsigned int cmd, void __user *arg)
{
	if (s->stopping && cmd != KVM_FT_STOP)
		return -EBUSY;
	switch (cmd) {
	case KVM_FT_SET_LOG:
		return set_log(s, arg);
	case KVM_FT_START:
		return start(s, arg);
	case KVM_FT_RUN:
		return run(s, arg);
	case KVM_FT_EVENT:
		return event(s, arg);
	case KVM_FT_VALUE:
		return value(s, arg);
	case KVM_FT_OUTPUT:
		return output(s, arg);
	case KVM_FT_PROMOTE:
		return promote(s, arg);
	case KVM_FT_STOP:
		return stop(s);
	default:
		return -ENOTTY;
	}
}

/**
 * kvm_ft_session_ioctl() - of a session's descriptor
 * @file: the descriptor's file
 * @cmd: KVM_FT_*
 * @arg: as the uapi header says
 *
 * Return: as the uapi header says.
 */
long kvm_ft_session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kvm_ft_session *s = file->private_data;
	long r;

	switch (cmd) {
	case KVM_FT_KICK:
		kick(s);
		return 0;
	case KVM_FT_STATUS:
		return status(s, (void __user *)arg);
	}
	/* A forked child has the descriptor, but other memory: as KVM has it. */
	if (s->arch.vcpu->kvm->mm != current->mm)
		return -EIO;
	if (!mutex_trylock(&s->lock))
		return -EBUSY;
	r = locked_ioctl(s, cmd, (void __user *)arg);
	mutex_unlock(&s->lock);
	return r;
}
