// SPDX-License-Identifier: GPL-2.0-only
/*
 * Internals of sessions, for whoever works on them:
 * <debugfs>/kvm-ft/session<id>/.  A file's first line is its version, which
 * changes whenever what follows does; nothing should depend on them otherwise.
 *
 * As in sysfs.c nothing is locked, and removal waits for readers.  Errors of
 * debugfs are ignored, as it wants it: then there are no files.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "session.h"

static struct dentry *top;

static int landmark_show(struct seq_file *m, void *v)
{
	static const char * const approaches[] = {
		[KVM_FT_FREE]	    = "free",
		[KVM_FT_WATCHING]   = "watching",
		[KVM_FT_COUNTING]   = "counting",
		[KVM_FT_BREAKPOINT] = "breakpoint",
	};
	struct kvm_ft_session *s = m->private;

	seq_puts(m, "version 1\n");
	seq_printf(m, "approach %s\n", approaches[READ_ONCE(s->arch.approach)]);
	seq_printf(m, "slot %d\n", READ_ONCE(s->arch.slot));
	seq_printf(m, "breakpoint_hits %llu\n", READ_ONCE(s->stats.breakpoint_hits));
	seq_printf(m, "breakpoint_misses %llu\n", READ_ONCE(s->stats.breakpoint_misses));
	seq_printf(m, "landmarks %llu\n", READ_ONCE(s->stats.landmarks));
	seq_printf(m, "rip %#llx\n", READ_ONCE(s->here.rip));
	seq_printf(m, "rcx %#llx\n", READ_ONCE(s->here.rcx));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(landmark);

static int counter_show(struct seq_file *m, void *v)
{
	struct kvm_ft_session *s = m->private;

	seq_puts(m, "version 1\n");
	seq_printf(m, "model %s\n", s->arch.model->name);
	seq_printf(m, "config %#llx\n", s->arch.model->config);
	seq_printf(m, "skid %u\n", s->arch.skid);
	seq_printf(m, "progress %llu\n", READ_ONCE(s->here.progress));
	seq_printf(m, "before_this_thread %llu\n", READ_ONCE(s->arch.counted));
	seq_printf(m, "overflows %llu\n", READ_ONCE(s->stats.overflows));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counter);

static int log_show(struct seq_file *m, void *v)
{
	struct kvm_ft_session *s = m->private;
	const struct kvm_ft_log_writer *w = &s->recorder.writer;
	const struct kvm_ft_log_reader *r = &s->replayer.reader;
	bool record = READ_ONCE(s->role) == KVM_FT_RECORD;

	seq_puts(m, "version 1\n");
	seq_printf(m, "blocks %llu\n", record ? READ_ONCE(w->seq) : READ_ONCE(r->seq));
	seq_printf(m, "ordinal %llu\n",
		   record ? READ_ONCE(w->codec.ordinal) : READ_ONCE(r->codec.ordinal));
	seq_printf(m, "block_entries %u\n",
		   record ? READ_ONCE(w->entries) : READ_ONCE(r->left));
	seq_printf(m, "block_bytes %zu\n",
		   record ? READ_ONCE(w->len) : READ_ONCE(s->block_len));
	seq_printf(m, "closed %d\n", record ? READ_ONCE(w->closed) : READ_ONCE(r->closed));
	/* All that a session allocates, but for the ring of a loop-back. */
	seq_printf(m, "memory_bytes %zu\n", sizeof(*s) + KVM_FT_BLOCK_MAX);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(log);

static int vcpu_show(struct seq_file *m, void *v)
{
	struct kvm_ft_session *s = m->private;
	unsigned long pending = READ_ONCE(s->pending);

	seq_puts(m, "version 1\n");
	seq_printf(m, "hooked %d\n", READ_ONCE(s->arch.hooked));
	seq_printf(m, "running %d\n", !!READ_ONCE(s->runner));
	seq_printf(m, "halted %d\n", READ_ONCE(s->halted));
	seq_printf(m, "pending_timer %d\n", !!(pending & BIT(KVM_FT_PENDING_TIMER)));
	seq_printf(m, "pending_kick %d\n", !!(pending & BIT(KVM_FT_PENDING_KICK)));
	seq_printf(m, "pending_interval %d\n", !!(pending & BIT(KVM_FT_PENDING_DUE)));
	seq_printf(m, "kicks %lld\n", atomic64_read(&s->stats.kicks));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vcpu);

/**
 * kvm_ft_debugfs_add() - show a session's internals
 * @s: the session, in sysfs already
 */
void kvm_ft_debugfs_add(struct kvm_ft_session *s)
{
	char name[24];

	snprintf(name, sizeof(name), "session%u", s->id);
	s->debugfs = debugfs_create_dir(name, top);
	debugfs_create_file("landmark", 0400, s->debugfs, s, &landmark_fops);
	debugfs_create_file("counter", 0400, s->debugfs, s, &counter_fops);
	debugfs_create_file("log", 0400, s->debugfs, s, &log_fops);
	debugfs_create_file("vcpu", 0400, s->debugfs, s, &vcpu_fops);
}

/**
 * kvm_ft_debugfs_remove() - undo kvm_ft_debugfs_add()
 * @s: the session; may be one that was not added
 */
void kvm_ft_debugfs_remove(struct kvm_ft_session *s)
{
	debugfs_remove_recursive(s->debugfs);
}

/**
 * kvm_ft_debugfs_init() - at module load
 */
void kvm_ft_debugfs_init(void)
{
	top = debugfs_create_dir("kvm-ft", NULL);
}

/**
 * kvm_ft_debugfs_exit() - at module unload
 */
void kvm_ft_debugfs_exit(void)
{
	debugfs_remove_recursive(top);
}
