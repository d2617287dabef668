// SPDX-License-Identifier: GPL-2.0-only
/* Sessions: their life, and their ioctls. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "session.h"
#include "trace.h"
#include "transport/transport.h"

static void set_state(struct kvm_ft_session *s, u32 state)
{
	u32 before = s->state;

	WRITE_ONCE(s->state, state);
	trace_kvm_ft_state(s->id, before, state);
	kvm_ft_sysfs_state_changed(s);
}

void kvm_ft_fail(struct kvm_ft_session *s, int error, const char *what)
{
	if (s->state == KVM_FT_STATE_FAILED || s->state == KVM_FT_STATE_DIVERGED)
		return;
	s->error = error;
	s->what = what;
	set_state(s, KVM_FT_STATE_FAILED);
	pr_err("%s: %s (%d)\n", s->name, what, error);
}

/* Does the log have the registers of the entry that was not met? */
static bool registers_logged(const struct kvm_ft_session *s)
{
	u8 kind = s->replayer.divergence.logged.kind;

	return s->header.flags & KVM_FT_LOG_CHECKING && kind && kind != KVM_FT_KIND_MARK;
}

static u32 different_registers(const struct kvm_ft_session *s,
			       const struct kvm_ft_divergence *d)
{
	if (!registers_logged(s))
		return 0;
	return kvm_ft_different_registers(d->logged.regs, d->found.regs);
}

static void print_range(const struct kvm_ft_session *s, const struct kvm_ft_divergence *d)
{
	if (d->logged.kind == KVM_FT_KIND_RAM_HASH)
		pr_err("%s: in guest frames %#llx to %#llx, log: %016llx, guest: %016llx\n",
		       s->name, d->logged.gfn, d->logged.gfn + d->logged.npages - 1,
		       d->logged.value, d->found.value);
}

static void print_registers(const struct kvm_ft_session *s, const struct kvm_ft_divergence *d)
{
	unsigned long differs = different_registers(s, d);
	unsigned int i;

	for_each_set_bit(i, &differs, KVM_FT_NR_REGS)
		pr_err("%s: %s, log: %#llx, guest: %#llx\n", s->name, kvm_ft_register_name(i),
		       d->logged.regs[i], d->found.regs[i]);
}

void kvm_ft_diverged(struct kvm_ft_session *s)
{
	struct kvm_ft_divergence *d = &s->replayer.divergence;

	/* In checking mode as they were at the exit: KVM may have gone on since. */
	if (s->header.flags & KVM_FT_LOG_CHECKING)
		memcpy(d->found.regs, s->here.regs, sizeof(d->found.regs));
	else
		kvm_ft_registers(s, d->found.regs);
	set_state(s, KVM_FT_STATE_DIVERGED);
	trace_kvm_ft_divergence(s->id, d);
	pr_err("%s: replay diverged at entry %llu: %s; log: %s at progress %llu rip %#llx, guest: %s at progress %llu rip %#llx\n",
	       s->name, d->logged.ordinal, d->what,
	       kvm_ft_kind_name(d->logged.kind) ?: "nothing", d->logged.progress, d->logged.rip,
	       kvm_ft_kind_name(d->found.kind) ?: "nothing", d->found.progress, d->found.rip);
	print_range(s, d);
	print_registers(s, d);
}

static int add(struct kvm_ft_session *s, const struct kvm_ft_entry *e)
{
	int err = kvm_ft_recorder_add(&s->recorder, e);

	if (err)
		kvm_ft_fail(s, err, "the log cannot hold an entry");
	else
		trace_kvm_ft_record(s->id, s->recorder.writer.codec.ordinal - 1, e);
	return err;
}

static int take(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	int err = kvm_ft_replayer_take(&s->replayer, e);

	if (err == -EILSEQ)
		kvm_ft_diverged(s);
	else if (err)
		kvm_ft_fail(s, err, "cannot read the log");
	else
		trace_kvm_ft_replay(s->id, e->ordinal, e);
	return err;
}

/* Completes an entry with the position, then records it or compares it. */
static int log_entry(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	e->progress = s->here.progress;
	if (e->kind != KVM_FT_KIND_MARK)
		e->rip = s->here.rip;
	if (s->header.flags & KVM_FT_LOG_CHECKING && e->kind != KVM_FT_KIND_MARK)
		memcpy(e->regs, s->here.regs, sizeof(e->regs));
	switch (s->state) {
	case KVM_FT_STATE_RECORDING:
		return add(s, e);
	case KVM_FT_STATE_REPLAYING:
		return take(s, e);
	default:
		return -EIO;
	}
}

int kvm_ft_sync(struct kvm_ft_session *s, unsigned int kind, u64 *value)
{
	struct kvm_ft_entry e;
	int err;

	kvm_ft_entry_begin(&e, kind);
	if (s->state == KVM_FT_STATE_RECORDING)
		e.value = *value;
	err = log_entry(s, &e);
	*value = e.value;
	return err;
}

int kvm_ft_async(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	bool replaying = s->state == KVM_FT_STATE_REPLAYING;
	int repeated;

	if (kvm_ft_kind_has_rcx(e->kind)) {
		/* Looked at on both sides: it may set accessed bits. */
		repeated = kvm_ft_in_string_instruction(s);
		if (repeated < 0)
			return repeated;
		if (repeated) {
			e->flags |= KVM_FT_ENTRY_RCX;
			e->rcx = s->here.rcx;
		} else if (replaying && (s->replayer.next.flags & KVM_FT_ENTRY_RCX)) {
			e->rcx = s->here.rcx;
		}
	}
	return log_entry(s, e);
}

bool kvm_ft_needs_block(const struct kvm_ft_session *s)
{
	if (s->state == KVM_FT_STATE_RECORDING)
		return kvm_ft_recorder_full(&s->recorder, 0);
	return s->state == KVM_FT_STATE_REPLAYING && !s->replayer.have;
}

static bool active(const struct kvm_ft_session *s)
{
	return s->state == KVM_FT_STATE_RECORDING || s->state == KVM_FT_STATE_REPLAYING;
}

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

static const struct file_operations session_fops;

static struct kvm_ft_end *loopback_end(struct kvm_ft_session *s, int fd)
{
	struct kvm_ft_end *end = ERR_PTR(-EINVAL);
	struct file *file;

	if (fd == -1)
		return kvm_ft_loopback_source();
	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op == &session_fops && file->private_data != s)
		end = sink_of(file->private_data);
	fput(file);
	return end;
}

static long set_log(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_end *end;
	struct kvm_ft_log log;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (log.flags || log.type > KVM_FT_LOG_LOOPBACK || log.pad1 || log.pad)
		return -EINVAL;
	if (s->state != KVM_FT_STATE_NEW)
		return -EBUSY;
	end = log.type == KVM_FT_LOG_FILE ? file_end(log.fd) : loopback_end(s, log.fd);
	if (IS_ERR(end))
		return PTR_ERR(end);
	kvm_ft_log_release(s);
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
	err = kvm_ft_intervals_set(s, start);
	return err ?: kvm_ft_log_create(s);
}

static long start_session(struct kvm_ft_session *s, struct kvm_ft_start *start)
{
	int err;

	if ((start->role != KVM_FT_RECORD && start->role != KVM_FT_REPLAY) ||
	    start->flags & ~KVM_FT_START_CHECKING || start->reason || start->differs ||
	    memchr_inv(start->pad, 0, sizeof(start->pad)))
		return -EINVAL;
	if (start->role == KVM_FT_REPLAY &&
	    (start->flags || start->ram_hash_interval || start->mark_interval))
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
	mutex_unlock(&s->arch.vcpu->mutex);
	if (err)
		return err;
	err = kvm_ft_hooks_get(s);
	if (err)
		return err;
	WRITE_ONCE(s->role, start->role);
	set_state(s, start->role == KVM_FT_RECORD ?
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

static int replay_value(struct kvm_ft_session *s, struct kvm_ft_data *data, void __user *arg)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_VALUE };
	int err = s->replayer.have ? 1 : -EAGAIN;

	while (err == -EAGAIN)
		err = kvm_ft_log_next_block(s, true);
	if (err >= 0)
		err = kvm_ft_async(s, &e);
	if (err)
		return err;
	if (e.tag != data->tag || e.payload_len != data->size) {
		s->replayer.divergence.what = "tag or size of a value";
		s->replayer.divergence.logged = e;
		s->replayer.divergence.found = e;
		kvm_ft_diverged(s);
		return -EILSEQ;
	}
	return put_data(data, &e, arg);
}

static long value(struct kvm_ft_session *s, void __user *arg)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_VALUE };
	struct kvm_ft_data data;
	int err;

	err = get_data(&data, arg);
	if (err)
		return err;
	if (!active(s))
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

static int finish_recording(struct kvm_ft_session *s)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_STOP };
	int err = 0;

	if (s->stopping)
		return kvm_ft_log_close(s);
	if (s->ram.interval)
		err = kvm_ft_ram_record_all(s);
	if (!err)
		err = kvm_ft_log_room(s, 0);
	if (!err)
		err = kvm_ft_async(s, &e);
	if (err)
		return err;
	s->stopping = true;
	return kvm_ft_log_close(s);
}

static long stop(struct kvm_ft_session *s)
{
	int err = 0;

	if (s->state == KVM_FT_STATE_NEW || s->state == KVM_FT_STATE_STOPPED)
		return -EINVAL;
	if (s->state == KVM_FT_STATE_RECORDING)
		err = finish_recording(s);
	if (err == -EINTR && active(s))
		return err;
	if (active(s))
		set_state(s, KVM_FT_STATE_STOPPED);
	s->stopping = false;
	kvm_ft_log_release(s);
	kvm_ft_hooks_put(s);
	if (test_and_clear_bit(KVM_FT_PENDING_TIMER, &s->pending))
		kvm_ft_kvm_return_timer(s);
	kvm_ft_counter_release(s);
	return err;
}

static void describe_position(struct kvm_ft_position *p, const struct kvm_ft_entry *e)
{
	p->kind = e->kind;
	p->progress = e->progress;
	p->rip = e->rip;
	p->value = e->value;
	p->gfn = e->gfn;
	p->npages = e->npages;
	memcpy(p->regs, e->regs, sizeof(p->regs));
}

static_assert(KVM_FT_REGS == KVM_FT_NR_REGS);

static void describe_divergence(const struct kvm_ft_session *s, struct kvm_ft_status *st)
{
	const struct kvm_ft_divergence *d = &s->replayer.divergence;

	strscpy(st->what, d->what, sizeof(st->what));
	describe_position(&st->logged, &d->logged);
	describe_position(&st->found, &d->found);
	st->logged.has_regs = registers_logged(s);
	st->found.has_regs = true;
	st->differs = different_registers(s, d);
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
		describe_divergence(s, &st);
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
	case KVM_FT_STOP:
		return stop(s);
	default:
		return -ENOTTY;
	}
}

static long session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
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

static void session_free(struct kvm_ft_session *s)
{
	kvm_ft_debugfs_remove(s);
	kvm_ft_sysfs_remove(s);
	kvm_ft_hooks_put(s);
	kvm_ft_counter_release(s);
	kvm_ft_entry_release(s);
	kvm_ft_log_release(s);
	if (s->vcpu_file)
		fput(s->vcpu_file);
	if (s->vm)
		fput(s->vm);
	vfree(s->block);
	kvfree(s);
}

/* A recording that was not stopped stays without its closing block. */
static int session_release(struct inode *inode, struct file *file)
{
	struct kvm_ft_session *s = file->private_data;

	if (s->state == KVM_FT_STATE_RECORDING)
		kvm_ft_log_store(s, false);
	kvm_ft_hooks_put(s);
	if (test_and_clear_bit(KVM_FT_PENDING_TIMER, &s->pending))
		kvm_ft_kvm_return_timer(s);
	session_free(s);
	return 0;
}

/* /proc/PID/fdinfo/FD: which of the sessions in sysfs this is. */
static void session_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct kvm_ft_session *s = file->private_data;

	seq_printf(m, "kvm-ft-session:\t%u\n", s->id);
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.show_fdinfo = session_show_fdinfo,
	.unlocked_ioctl = session_ioctl,
	.release = session_release,
	.llseek = noop_llseek,
};

static bool valid_name(const char *name)
{
	size_t len = strnlen(name, KVM_FT_NAME_SIZE);
	size_t i;

	if (!len || len == KVM_FT_NAME_SIZE)
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || !isprint(name[i]))
			return false;
	return true;
}

static int take_files(struct kvm_ft_session *s, const struct kvm_ft_create *args)
{
	s->vm = fget(args->vm_fd);
	s->vcpu_file = fget(args->vcpu_fd);
	if (!s->vm || !s->vcpu_file)
		return -EBADF;
	if (!file_is_kvm(s->vm) || !kvm_ft_is_vcpu_file(s->vcpu_file))
		return -EINVAL;
	s->arch.vcpu = s->vcpu_file->private_data;
	return s->arch.vcpu->kvm == s->vm->private_data ? 0 : -EINVAL;
}

static struct kvm_ft_session *session_alloc(void)
{
	struct kvm_ft_session *s = kvzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	s->block = __vmalloc(KVM_FT_BLOCK_MAX, GFP_KERNEL_ACCOUNT);
	if (!s->block) {
		kvfree(s);
		return NULL;
	}
	mutex_init(&s->lock);
	init_waitqueue_head(&s->wait);
	kvm_ft_entry_init(s);
	return s;
}

/**
 * kvm_ft_session_create() - KVM_FT_CREATE
 * @args: its argument
 *
 * Return: a descriptor, or a negative errno.
 */
int kvm_ft_session_create(const struct kvm_ft_create *args)
{
	struct kvm_ft_session *s;
	int err;

	if (args->flags || memchr_inv(args->pad, 0, sizeof(args->pad)) || !valid_name(args->name))
		return -EINVAL;
	s = session_alloc();
	if (!s)
		return -ENOMEM;
	strscpy(s->name, args->name, sizeof(s->name));
	s->arch.lab_pmu = args->lab_pmu;
	err = take_files(s, args);
	if (!err)
		err = kvm_ft_counter_choose(s);
	if (!err)
		err = kvm_ft_sysfs_add(s);
	if (!err)
		kvm_ft_debugfs_add(s);
	if (!err)
		err = anon_inode_getfd("kvm-ft", &session_fops, s, O_RDWR | O_CLOEXEC);
	if (err < 0)
		session_free(s);
	return err;
}
