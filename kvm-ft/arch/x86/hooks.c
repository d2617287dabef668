// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where kvm-ft gets between KVM and its guests.  Documentation/hooks.rst has a
 * row for each hook and each function called.
 *
 * The hooks are installed while there are sessions.  A hook first looks for
 * the vCPU's session, so a guest without one is never diverted.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "../../compat/ftrace_regs.h"
#include "../../compat/symbols.h"
#include "../../session.h"

static DEFINE_HASHTABLE(sessions, 4);
/* Serialises changes of the table and of the hooks; the readers use RCU. */
static DEFINE_MUTEX(hooks_lock);
static unsigned int nr_sessions;

/* Functions of KVM that are called, not hooked. */
static struct {
	unsigned int (*vcpu_run)(struct kvm_vcpu *vcpu, u64 run_flags);
	int (*handle_exit)(struct kvm_vcpu *vcpu, unsigned int fastpath);
	int (*lapic_read)(void *apic, u32 reg, int len, void *data);
	void (*timer_expired)(void *apic, bool from_timer_fn);
	void (*inject_timer)(struct kvm_vcpu *vcpu);
	int (*runnable)(struct kvm_vcpu *vcpu);
	void (*flush_shadow)(struct kvm *kvm);
	long (*vcpu_ioctl)(struct file *file, unsigned int cmd, unsigned long arg);
} kvm;

/* Interrupts that are off keep a session from going away, too, and cost nothing. */
static __always_inline struct kvm_ft_session *find_vcpu(const struct kvm_vcpu *vcpu)
{
	struct kvm_ft_session *s;

	hash_for_each_possible_rcu(sessions, s, arch.node, (unsigned long)vcpu,
				   irqs_disabled() || lockdep_is_held(&hooks_lock))
		if (s->arch.vcpu == vcpu)
			return s;
	return NULL;
}

static struct kvm_ft_session *find_apic(const void *apic)
{
	struct kvm_ft_session *s;
	int bucket;

	hash_for_each_rcu(sessions, bucket, s, arch.node)
		if (s->arch.vcpu->arch.apic == apic)
			return s;
	return NULL;
}

/*
 * Is the current thread in the session's KVM_FT_RUN?  Then the session stays.
 * A vCPU that is run behind its session's back is left alone: the guest's
 * progress betrays it.
 */
static bool notrace runs(struct kvm_ft_session *s)
{
	return s && READ_ONCE(s->runner) == current;
}

/* Replacements for KVM's functions, for threads in KVM_FT_RUN only. */
static unsigned int vcpu_run(struct kvm_vcpu *vcpu, u64 run_flags)
{
	struct kvm_ft_session *s = find_vcpu(vcpu);
	unsigned int fastpath = kvm.vcpu_run(vcpu, run_flags);

	kvm_ft_after_exit(s);
	return kvm_ft_quick_exit(s, fastpath);
}

static int handle_exit(struct kvm_vcpu *vcpu, unsigned int fastpath)
{
	struct kvm_ft_session *s;

	rcu_read_lock();
	s = find_vcpu(vcpu);
	rcu_read_unlock();
	return s ? kvm_ft_handle_exit(s, fastpath) : 1;
}

static int lapic_read(void *apic, u32 reg, int len, void *data)
{
	struct kvm_ft_session *s;

	rcu_read_lock();
	s = find_apic(apic);
	rcu_read_unlock();
	return s ? kvm_ft_lapic_read(s, apic, reg, len, data) : 1;
}

static void timer_expired(void *apic, bool from_timer_fn)
{
	/* hook_timer_expired() has done it all. */
}

static void divert(struct pt_regs *regs, void *to)
{
	regs->ip = (unsigned long)to;
}

/* True once after it was set: the call is to reach KVM. */
static bool pass(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

/* Interrupts are off. */
static void notrace hook_vcpu_run(struct pt_regs *regs)
{
	if (runs(find_vcpu((void *)regs->di)))
		divert(regs, vcpu_run);
}

static void notrace hook_handle_exit(struct pt_regs *regs)
{
	rcu_read_lock();
	if (runs(find_vcpu((void *)regs->di)))
		divert(regs, handle_exit);
	rcu_read_unlock();
}

static void notrace hook_lapic_read(struct pt_regs *regs)
{
	struct kvm_ft_session *s;

	rcu_read_lock();
	s = find_apic((void *)regs->di);
	if (runs(s) && !pass(&s->arch.pass_lapic))
		divert(regs, lapic_read);
	rcu_read_unlock();
}

/* Any context: the timer's interrupt, or the vCPU's thread when it is set late. */
static void notrace hook_timer_expired(struct pt_regs *regs)
{
	struct kvm_ft_session *s;

	rcu_read_lock();
	s = find_apic((void *)regs->di);
	if (s && !(in_task() && runs(s) && pass(&s->arch.pass_timer)) &&
	    kvm_ft_timer_expired(s))
		divert(regs, timer_expired);
	rcu_read_unlock();
}

static void notrace hook_before_entry(struct pt_regs *regs)
{
	struct kvm_ft_session *s = find_vcpu((void *)regs->di);

	if (runs(s))
		kvm_ft_before_entry(s);
}

/**
 * struct hook - a function of KVM that is hooked
 * @symbol: its name
 * @func: called before it
 * @ip: its address for ftrace, while installed
 */
struct hook {
	const char *symbol;
	void (*func)(struct pt_regs *regs);	/* only arguments and IP are valid */
	unsigned long ip;
};

static struct hook diverted[] = {
	{ "apic_timer_expired", hook_timer_expired },
	{ "kvm_lapic_reg_read", hook_lapic_read },
	{ "svm_handle_exit", hook_handle_exit },
	{ "svm_vcpu_run", hook_vcpu_run },
};

static struct hook observed[] = {
	{ "kvm_load_guest_xsave_state", hook_before_entry },
};

static void notrace call_hook(struct hook *table, int n, unsigned long ip,
			      struct ftrace_regs *fregs)
{
	while (n--) {
		if (table[n].ip == ip) {
			table[n].func(kvm_ft_saved_regs(fregs));
			return;
		}
	}
}

static void notrace on_diverted(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	call_hook(diverted, ARRAY_SIZE(diverted), ip, fregs);
}

static void notrace on_observed(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	call_hook(observed, ARRAY_SIZE(observed), ip, fregs);
}

/*
 * Permanent: kernel.ftrace_enabled cannot be set to 0 under a session, and none begins while it
 * is 0.  Only what is diverted takes the one place that ftrace has for that.  Two
 * registrations, not five: each takes grace periods to remove.
 */
static struct ftrace_ops divert_ops = {
	.func = on_diverted,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static struct ftrace_ops observe_ops = {
	.func = on_observed,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

/*
 * By address: ftrace_set_filter() would compare the name with that of each
 * function of the kernel.  The addresses of kvm-amd's functions change when
 * that module is loaded again, which can happen whenever there are no VMs.
 */
static int set_filter(struct ftrace_ops *ops, struct hook *table, int n)
{
	int i, err;

	for (i = 0; i < n; i++) {
		table[i].ip = kvm_ft_fentry(table[i].symbol);
		if (!table[i].ip)
			return -ENODEV;
		err = ftrace_set_filter_ip(ops, table[i].ip, 0, !i);
		if (err) {
			pr_err("ftrace cannot hook %s (%d)\n", table[i].symbol, err);
			return err;
		}
	}
	return 0;
}

static int hooks_install(void)
{
	int err;

	kvm.handle_exit = kvm_ft_behind_fentry("svm_handle_exit");
	kvm.vcpu_run = kvm_ft_behind_fentry("svm_vcpu_run");
	if (!kvm.handle_exit || !kvm.vcpu_run)
		return -ENODEV;
	err = set_filter(&divert_ops, diverted, ARRAY_SIZE(diverted));
	if (!err)
		err = set_filter(&observe_ops, observed, ARRAY_SIZE(observed));
	if (err)
		return err;
	err = register_ftrace_function(&divert_ops);
	if (err) {
		pr_err("cannot divert KVM's functions (%d): does a live patch or another module do so?\n",
		       err);
		return err;
	}
	err = register_ftrace_function(&observe_ops);
	if (err) {
		pr_err("cannot hook KVM's functions (%d)\n", err);
		unregister_ftrace_function(&divert_ops);
	}
	return err;
}

static void hooks_remove(void)
{
	unregister_ftrace_function(&observe_ops);
	unregister_ftrace_function(&divert_ops);
}

/**
 * kvm_ft_hooks_init() - find the functions of kvm.ko; at module load
 *
 * Return: 0, or -ENODEV if one is missing (the kernel log names it).
 */
int kvm_ft_hooks_init(void)
{
	kvm.lapic_read = kvm_ft_symbol("kvm_lapic_reg_read");
	kvm.timer_expired = kvm_ft_symbol("apic_timer_expired");
	kvm.inject_timer = kvm_ft_symbol("kvm_inject_apic_timer_irqs");
	kvm.runnable = kvm_ft_symbol("kvm_arch_vcpu_runnable");
	kvm.flush_shadow = kvm_ft_symbol("kvm_arch_flush_shadow_all");
	kvm.vcpu_ioctl = kvm_ft_symbol("kvm_vcpu_ioctl");
	if (!kvm.lapic_read || !kvm.timer_expired || !kvm.inject_timer ||
	    !kvm.runnable || !kvm.flush_shadow || !kvm.vcpu_ioctl)
		return -ENODEV;
	return 0;
}

/**
 * kvm_ft_hooks_exit() - at module unload
 *
 * The filters are kept while the module is there: ftrace_free_filter() leaves
 * a stale pointer behind, so a hook cannot be installed again after it.
 */
void kvm_ft_hooks_exit(void)
{
	ftrace_free_filter(&observe_ops);
	ftrace_free_filter(&divert_ops);
}

/**
 * kvm_ft_hooks_get() - hook the session's vCPU
 * @s: a session that is about to start
 *
 * Return: 0, -EBUSY if another session has the vCPU, or ftrace's error.
 */
int kvm_ft_hooks_get(struct kvm_ft_session *s)
{
	int err = 0;

	mutex_lock(&hooks_lock);
	if (find_vcpu(s->arch.vcpu))
		err = -EBUSY;
	else if (!nr_sessions)
		err = hooks_install();
	if (!err) {
		nr_sessions++;
		hash_add_rcu(sessions, &s->arch.node, (unsigned long)s->arch.vcpu);
		s->arch.hooked = true;
	}
	mutex_unlock(&hooks_lock);
	return err;
}

/**
 * kvm_ft_hooks_put() - undo kvm_ft_hooks_get()
 * @s: a session whose vCPU does not run; may be one that is not hooked
 *
 * When it returns no hook uses the session any more.
 */
void kvm_ft_hooks_put(struct kvm_ft_session *s)
{
	mutex_lock(&hooks_lock);
	if (s->arch.hooked) {
		hash_del_rcu(&s->arch.node);
		s->arch.hooked = false;
		synchronize_rcu();
		if (!--nr_sessions)
			hooks_remove();
	}
	mutex_unlock(&hooks_lock);
}

/* A vCPU's descriptor cannot be told from another's but by its functions. */
bool kvm_ft_is_vcpu_file(const struct file *file)
{
	return file->f_op->unlocked_ioctl == kvm.vcpu_ioctl;
}

int kvm_ft_kvm_handle_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	return kvm.handle_exit(s->arch.vcpu, fastpath);
}

int kvm_ft_kvm_lapic_read(struct kvm_ft_session *s, void *apic, u32 reg, int len, void *data)
{
	s->arch.pass_lapic = true;
	return kvm.lapic_read(apic, reg, len, data);
}

/* The timer's interrupt goes into the guest's local APIC. */
void kvm_ft_kvm_deliver_timer(struct kvm_ft_session *s)
{
	s->arch.pass_timer = true;
	kvm.timer_expired(s->arch.vcpu->arch.apic, true);
	s->arch.pass_timer = false;
	kvm.inject_timer(s->arch.vcpu);
}

/*
 * The session is over, and KVM's own timer had expired without the guest being
 * told: KVM does so at its next KVM_RUN.  Any context; not hooked any more.
 */
void kvm_ft_kvm_return_timer(struct kvm_ft_session *s)
{
	kvm.timer_expired(s->arch.vcpu->arch.apic, true);
}

/* Would KVM wake the halted vCPU? */
bool kvm_ft_kvm_runnable(struct kvm_ft_session *s)
{
	return kvm.runnable(s->arch.vcpu);
}

/*
 * With shadow paging the guest's accessed bits are set when KVM looks at its page
 * tables, and KVM does not look again at what it has shadowed.  Both sides begin
 * with nothing shadowed, whatever a guest did that was running before.  Under the
 * vCPU's mutex.
 */
void kvm_ft_kvm_forget_shadow(struct kvm_ft_session *s)
{
	struct srcu_struct *slots = &s->arch.vcpu->kvm->srcu;
	int index = srcu_read_lock(slots);

	kvm.flush_shadow(s->arch.vcpu->kvm);
	srcu_read_unlock(slots, index);
	/* The guest's last access to a device. */
	s->arch.vcpu->arch.mmio_gva = 0;
}
