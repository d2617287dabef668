// SPDX-License-Identifier: GPL-2.0-only
/* Sessions: their life, and what they log. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "session.h"
#include "trace.h"

void kvm_ft_set_state(struct kvm_ft_session *s, u32 state)
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
	kvm_ft_set_state(s, KVM_FT_STATE_FAILED);
	pr_err("%s: %s (%d)\n", s->name, what, error);
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
		kvm_ft_fail(s, err, kvm_ft_log_problem(s, err));
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

static bool is_tsc(unsigned int kind)
{
	return kind == KVM_FT_KIND_RDTSC || kind == KVM_FT_KIND_RDTSCP ||
	       kind == KVM_FT_KIND_MSR_TSC;
}

int kvm_ft_sync(struct kvm_ft_session *s, unsigned int kind, u64 *value)
{
	struct kvm_ft_entry e;
	int err;

	kvm_ft_entry_begin(&e, kind);
	if (s->state == KVM_FT_STATE_RECORDING || kvm_ft_kind_is_checked(kind))
		e.value = *value;
	err = log_entry(s, &e);
	*value = e.value;
	if (!err && is_tsc(kind))
		s->guest_tsc = max(s->guest_tsc, e.value);
	return err;
}

int kvm_ft_async(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	bool replaying = s->state == KVM_FT_STATE_REPLAYING;
	int repeated;

	if (kvm_ft_kind_has_rcx(e->kind)) {
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

static void session_free(struct kvm_ft_session *s)
{
	kvm_ft_debugfs_remove(s);
	kvm_ft_sysfs_remove(s);
	kvm_ft_hooks_put(s);
	kvm_ft_counter_release(s);
	kvm_ft_entry_release(s);
	kvm_ft_log_release(s);
	kvm_ft_link_release(&s->link);
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

static int session_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kvm_ft_session *s = file->private_data;

	return kvm_ft_link_mmap(&s->link, vma);
}

static __poll_t session_poll(struct file *file, poll_table *table)
{
	struct kvm_ft_session *s = file->private_data;

	return kvm_ft_link_poll(&s->link, file, table);
}

static ssize_t session_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct kvm_ft_session *s = file->private_data;

	return kvm_ft_link_read(&s->link, buf, size);
}

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.mmap = session_mmap,
	.poll = session_poll,
	.read = session_read,
	.show_fdinfo = session_show_fdinfo,
	.unlocked_ioctl = kvm_ft_session_ioctl,
	.release = session_release,
	.llseek = noop_llseek,
};

struct kvm_ft_session *kvm_ft_session_of(const struct file *file)
{
	return file->f_op == &session_fops ? file->private_data : NULL;
}

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
	int err = kvm_ft_check_cpu();

	if (err)
		return err;
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
	if (!s->block)
		goto free_session;
	if (kvm_ft_link_init(&s->link))
		goto free_block;
	mutex_init(&s->lock);
	init_waitqueue_head(&s->wait);
	kvm_ft_entry_init(s);
	return s;

free_block:
	vfree(s->block);
free_session:
	kvfree(s);
	return NULL;
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
