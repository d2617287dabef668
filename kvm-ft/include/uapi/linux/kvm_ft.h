/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * kvm-ft: record and replay of KVM guests
 * =======================================
 *
 * A session records or replays one VM with one vCPU.  The VMM goes on using
 * KVM as before, with one difference: where it called KVM_RUN on the vCPU it
 * calls KVM_FT_RUN on the session.
 *
 *   fd = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC);
 *   ioctl(fd, KVM_FT_GET_API_VERSION) == KVM_FT_API_VERSION
 *   s = ioctl(fd, KVM_FT_CREATE, &create);     a session, one per VM
 *   ioctl(s, KVM_FT_SET_LOG, &log);            where the log goes or comes from
 *   ioctl(s, KVM_FT_START, &start);            record or replay
 *   while (!ioctl(s, KVM_FT_RUN, &run)) ...    in the vCPU's thread
 *   ioctl(s, KVM_FT_STOP);                     completes the log
 *
 * While recording, everything that is not a consequence of the guest's own
 * instructions is logged.  While replaying, the same VM, set up with the same
 * registers and memory, is driven by the log to the same states.
 *
 * What comes from outside reaches the guest as an event, at a landmark: a
 * guest position between two instructions.  KVM_FT_KICK makes the vCPU's
 * thread return from KVM_FT_RUN at one (KVM_FT_EXIT_LANDMARK); there the VMM
 * calls KVM_FT_EVENT with what it needs to repeat the event later (say, the
 * bytes of a packet), changes guest memory, raises its interrupt, and runs on.
 * On replay KVM_FT_RUN returns at the same landmark (KVM_FT_EXIT_EVENT) and
 * the VMM does the same with the payload that KVM_FT_EVENT hands back.
 *
 * The ioctls are for the owner of the VM: KVM_FT_RUN, KVM_FT_EVENT,
 * KVM_FT_VALUE, KVM_FT_START and KVM_FT_STOP exclude one another and fail with
 * -EBUSY when two threads call them at once; KVM_FT_KICK and KVM_FT_STATUS may
 * be called at any time from any thread.
 *
 * Unknown flags and non-zero padding are refused with -EINVAL.
 */
#ifndef _UAPI_LINUX_KVM_FT_H
#define _UAPI_LINUX_KVM_FT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KVM_FT_API_VERSION	1
#define KVM_FT_NAME_SIZE	64

#define KVM_FT_IOC		0xfb

/*
 * KVM_FT_GET_API_VERSION (on /dev/kvm-ft; no argument)
 *
 * Returns KVM_FT_API_VERSION of the module.
 */
#define KVM_FT_GET_API_VERSION	_IO(KVM_FT_IOC, 0x00)

/**
 * struct kvm_ft_create - argument of KVM_FT_CREATE
 * @vm_fd: the VM
 * @vcpu_fd: its only vCPU
 * @name: of the guest, for logs and sysfs; printable, terminated, not empty
 * @flags: 0
 * @lab_pmu: 0 to use the CPU's own counter; else the perf type of the lab PMU
 *	(/sys/bus/event_source/devices/kvm_ft_lab/type), on emulated hosts
 * @pad: 0
 */
struct kvm_ft_create {
	__s32 vm_fd;
	__s32 vcpu_fd;
	char name[KVM_FT_NAME_SIZE];
	__u32 flags;
	__u32 lab_pmu;
	__u64 pad[4];
};

/*
 * KVM_FT_CREATE (on /dev/kvm-ft; struct kvm_ft_create)
 *
 * Returns the descriptor of a new session.  It keeps the VM and the vCPU open.
 *
 * Errors: EBADF (no such descriptors), EINVAL (not a VM and a vCPU of it, bad
 * name), ENODEV (the host's CPU is not supported), ENOMEM, EMFILE.
 */
#define KVM_FT_CREATE		_IOW(KVM_FT_IOC, 0x01, struct kvm_ft_create)

/* kvm_ft_log.type */
#define KVM_FT_LOG_FILE		0
#define KVM_FT_LOG_LOOPBACK	1
#define KVM_FT_LOG_TCP		2
#define KVM_FT_LOG_TYPES	3

/**
 * struct kvm_ft_log - argument of KVM_FT_SET_LOG
 * @fd: FILE: a regular file, open for writing (record) or reading (replay); the
 *	log begins at its beginning.  LOOPBACK: -1 to record; the recording
 *	session's descriptor to replay.  TCP: a connected socket
 * @flags: 0
 * @type: KVM_FT_LOG_*
 * @pad1: 0
 * @generation: TCP: number of this protection of the guest, the same on both
 *	sides; what comes from another one is not accepted.  Otherwise 0
 */
struct kvm_ft_log {
	__s32 fd;
	__u32 flags;
	__u32 type;
	__u32 pad1;
	__u64 generation;
};

/*
 * KVM_FT_SET_LOG (on a session; struct kvm_ft_log)
 *
 * A LOOPBACK log goes from one session to another of the same host while it is
 * recorded, through a ring of 512 KiB.  The recording session is told first, the
 * replaying one before the former runs; each starts and runs in its own thread.
 * The recorder hands over what there is when its guest halts, when it returns
 * from KVM_FT_RUN, and at each mark (kvm_ft_start.mark_interval).  The replay
 * runs as far as the log says what happens, and waits there for more.
 *
 * Either side's KVM_FT_RUN (and the replay's KVM_FT_START, for the header) waits
 * for the other; a signal or kvm_run's immediate_exit ends the wait with EINTR.
 * When the recording session ends, the replay comes to the end of what was
 * handed over, KVM_FT_EXIT_END; kvm_ft_status.log_end says whether that was all.
 * When the replaying session ends, the recording fails with EPIPE.
 *
 * A TCP log goes from a primary to a secondary on another host while it is
 * recorded.  User space has connected the socket, nothing of it may be left to
 * read but what the other session sends; from here on it is the kernel's, and
 * the descriptor may be closed.  It has to be bound (SO_BINDTODEVICE) to the
 * interface that the parameter log_interface of kvm-ft-tcp names.  Both sides
 * send heartbeats from START on.  The link is lost when the other side closes,
 * says something that makes no sense, or is silent for failure_timeout_ms: then
 * the recording fails with EPIPE when it next stores something, and the replay
 * comes to the end of what was received, KVM_FT_EXIT_END.  See struct
 * kvm_ft_link_page for how to learn of it at once, and Documentation/wire-protocol.rst
 * for what goes over the wire.
 *
 * Errors: EBADF, EINVAL (not a regular file, or not a session that records to a
 * loop-back), ENOTSOCK, ENOTCONN, EPROTOTYPE (not a connected TCP socket), ENODEV
 * (it is not bound to the interface for logs), EPROTONOSUPPORT (kvm-ft-tcp is not
 * loaded), EBUSY (the session is started; the other one is in an ioctl, or
 * already has somebody who replays it), ENOMEM.
 */
#define KVM_FT_SET_LOG		_IOW(KVM_FT_IOC, 0x10, struct kvm_ft_log)

#define KVM_FT_RECORD		1
#define KVM_FT_REPLAY		2

/* kvm_ft_start.flags */
/* Checking mode: log the registers with each entry, and compare them on replay. */
#define KVM_FT_START_CHECKING	(1U << 0)

/*
 * Why a guest cannot be recorded: kvm_ft_start.reason.  Never renumbered.
 */
#define KVM_FT_REFUSED_NOT		0	/* it can */
#define KVM_FT_REFUSED_VCPUS		1	/* more than one vCPU */
#define KVM_FT_REFUSED_PIT		2	/* KVM's own PIT: use one in the VMM */
#define KVM_FT_REFUSED_PV		3	/* CPUID offers KVM's paravirtual features */
#define KVM_FT_REFUSED_RDRAND		4	/* CPUID offers RDRAND, which cannot be trapped */
#define KVM_FT_REFUSED_RDSEED		5	/* CPUID offers RDSEED, which cannot be trapped */
#define KVM_FT_REFUSED_PMU		6	/* CPUID offers performance counters */
#define KVM_FT_REFUSED_NESTED		7	/* CPUID offers SVM or VMX */
#define KVM_FT_REFUSED_XSAVE		8	/* CPUID offers XSAVEOPT, XSAVEC or XSAVES */
#define KVM_FT_REFUSED_RDPRU		9	/* CPUID offers RDPRU */
#define KVM_FT_REFUSED_TSX		10	/* CPUID offers RTM or HLE */
#define KVM_FT_REFUSED_DEBUG		11	/* KVM_SET_GUEST_DEBUG is in use */
#define KVM_FT_REFUSED_AVIC		12	/* AVIC is on: load kvm_amd with avic=0 */
#define KVM_FT_REFUSED_COUNTER		13	/* no usable performance counter */
#define KVM_FT_REFUSED_LOG		14	/* the log is from another setting: @differs */
#define KVM_FT_REFUSED_MEMORY		15	/* too many memory slots, or misaligned ones */
#define KVM_FT_REFUSED_NO_CPUID		16	/* KVM_SET_CPUID2 was not called */
#define KVM_FT_REFUSED_IRQCHIP		17	/* no in-kernel local APIC */

/**
 * struct kvm_ft_start - argument of KVM_FT_START
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY
 * @flags: KVM_FT_START_*; on replay the log decides, and it must be 0
 * @reason: out: KVM_FT_REFUSED_*
 * @differs: out: with KVM_FT_REFUSED_LOG, KVM_FT_DIFFERS_* bits
 * @ram_hash_interval: record, with KVM_FT_START_CHECKING: guest progress between
 *	two hashes of RAM; 0 for none
 * @mark_interval: record: guest progress without a log entry after which a mark
 *	is logged, which says that nothing happened; 0 for the module parameter
 *	of that name
 * @until: replay: how many of the log's entries to replay at most, marks included;
 *	0 for all.  The replay ends behind the last one
 * @pad: 0
 *
 * Intervals are at least KVM_FT_INTERVAL_MIN and at most KVM_FT_INTERVAL_MAX; on
 * replay both must be 0.
 *
 * Each hash covers up to 16 MiB, which bounds the pause of the guest; the next
 * one covers the memory that follows.  KVM_FT_STOP hashes all of it (unless the
 * guest is just reading from a device).  A replay stops at each of them and
 * compares; if they differ it has diverged, "RAM hash", and
 * kvm_ft_status.logged has the range.
 */
struct kvm_ft_start {
	__u32 role;
	__u32 flags;
	__u32 reason;
	__u32 differs;
	__u64 ram_hash_interval;
	__u64 mark_interval;
	__u64 until;
	__u64 pad;
};

#define KVM_FT_INTERVAL_MIN	100000ULL
#define KVM_FT_INTERVAL_MAX	(1ULL << 60)

/* kvm_ft_start.differs */
#define KVM_FT_DIFFERS_VERSION		(1U << 0)
#define KVM_FT_DIFFERS_PAGING		(1U << 1)
#define KVM_FT_DIFFERS_COUNTER		(1U << 2)
#define KVM_FT_DIFFERS_CPU_VENDOR	(1U << 3)
#define KVM_FT_DIFFERS_CPU_MODEL	(1U << 4)
#define KVM_FT_DIFFERS_CPU_FEATURES	(1U << 5)
#define KVM_FT_DIFFERS_CPUID		(1U << 6)
#define KVM_FT_DIFFERS_TSC		(1U << 7)
#define KVM_FT_DIFFERS_MEMORY		(1U << 8)
#define KVM_FT_DIFFERS_KERNEL		(1U << 9)
#define KVM_FT_DIFFERS_BUILD		(1U << 10)

/*
 * KVM_FT_START (on a session; struct kvm_ft_start)
 *
 * The VM must be set up and the vCPU not running.
 *
 * Errors: EPERM (the guest or the log is refused, see @reason), EINVAL (no
 * log, unknown role or flags), EBADF (the log is not open for writing or
 * reading), EINTR (killed while another ioctl of the vCPU ran, or a signal while
 * it waited for the log), EBUSY (started already, or another session of this
 * vCPU is), EBADMSG or EPROTONOSUPPORT (replay: no log, or one of another
 * version), ENODEV (a function of KVM cannot be hooked; the kernel log names
 * it), and those of writing or reading the log.
 */
#define KVM_FT_START		_IOWR(KVM_FT_IOC, 0x11, struct kvm_ft_start)

#define KVM_FT_EXIT_KVM		1	/* look at kvm_run as after KVM_RUN */
#define KVM_FT_EXIT_LANDMARK	2	/* record: KVM_FT_EVENT may be called now */
#define KVM_FT_EXIT_EVENT	3	/* replay: call KVM_FT_EVENT for the payload */
#define KVM_FT_EXIT_END		4	/* replay: the guest stands where the recording ended */
#define KVM_FT_EXIT_DIVERGED	5	/* replay: see KVM_FT_STATUS; the session has ended */

/**
 * struct kvm_ft_run - result of KVM_FT_RUN
 * @exit: KVM_FT_EXIT_*
 * @event_tag: with KVM_FT_EXIT_EVENT, its tag
 * @event_size: with KVM_FT_EXIT_EVENT, bytes of its payload
 * @pad: 0
 * @progress: guest progress at the exit
 */
struct kvm_ft_run {
	__u32 exit;
	__u32 event_tag;
	__u32 event_size;
	__u32 pad;
	__u64 progress;
};

/*
 * KVM_FT_RUN (on a session; struct kvm_ft_run, written)
 *
 * Runs the vCPU as KVM_RUN does, kvm_run's immediate_exit and signal mask
 * included.  Before START and after STOP it is KVM_RUN.
 *
 * Errors: those of KVM_RUN (EINTR in particular); EBUSY (another thread is in
 * it); EIO (the session has failed; KVM_FT_STATUS says why).
 */
#define KVM_FT_RUN		_IOR(KVM_FT_IOC, 0x12, struct kvm_ft_run)

/* Longest payload of one event or value, in bytes. */
#define KVM_FT_DATA_MAX		65536

/**
 * struct kvm_ft_data - argument of KVM_FT_EVENT and KVM_FT_VALUE
 * @tag: the VMM's own numbering; out on replay of an event
 * @size: of @data; in: room (replay) or bytes (record); out: bytes (replay)
 * @data: user address
 * @pad: 0
 */
struct kvm_ft_data {
	__u32 tag;
	__u32 size;
	__u64 data;
	__u64 pad[2];
};

/*
 * KVM_FT_EVENT (on a session; struct kvm_ft_data)
 *
 * After KVM_FT_EXIT_LANDMARK (record; several times if there are several
 * events) or KVM_FT_EXIT_EVENT (replay; once, then run on).
 *
 * Errors: EBUSY (not at a landmark), EINVAL (too long, or no session), EMSGSIZE
 * (replay: @size is too small; it is set to what is needed), EILSEQ (replay:
 * diverged), EFAULT, EIO.
 */
#define KVM_FT_EVENT		_IOWR(KVM_FT_IOC, 0x13, struct kvm_ft_data)

/*
 * KVM_FT_VALUE (on a session; struct kvm_ft_data)
 *
 * Something that the VMM needs in order to answer the guest but cannot derive
 * from its state, such as the time of day.  Called after KVM_FT_EXIT_KVM, by
 * both sides at the same point.  Record: logs @data.  Replay: @data is replaced
 * with what was logged; a different tag or size is a divergence.
 *
 * Errors: EINVAL (too long, or no session), EFAULT, EIO; EILSEQ (replay:
 * diverged); ENODATA (replay: the log ends here, the recording's VMM did not come
 * to ask for this value; KVM_FT_RUN returns KVM_FT_EXIT_END).  After EINVAL,
 * EFAULT and ENODATA everything is as it was before the call.
 */
#define KVM_FT_VALUE		_IOWR(KVM_FT_IOC, 0x14, struct kvm_ft_data)

/*
 * KVM_FT_KICK (on a session; no argument)
 *
 * Record: makes KVM_FT_RUN, the running one or the next, return with
 * KVM_FT_EXIT_LANDMARK as soon as the guest stands at one; a halted guest does.
 * Replay: nothing.
 */
#define KVM_FT_KICK		_IO(KVM_FT_IOC, 0x15)

/*
 * KVM_FT_STOP (on a session; no argument)
 *
 * Ends recording or replaying.  A recording's log is complete after it.  Its replay
 * ends here, too, if the guest stands at a landmark, has halted, or has just left for
 * the VMM (KVM_FT_EXIT_KVM).  After a KVM_FT_RUN that a signal has ended it may
 * stand where no replay can be stopped; then the replay ends behind the log's entry
 * before.  The VM can be run on, with KVM_RUN too.
 *
 * Errors: EINVAL (not started), EBUSY (running), EINTR (a signal came while RAM
 * was hashed or the log waited for room: call it again, nothing else is
 * possible), those of writing the log.
 */
#define KVM_FT_STOP		_IO(KVM_FT_IOC, 0x16)

#define KVM_FT_STATE_NEW	0	/* not started */
#define KVM_FT_STATE_RECORDING	1
#define KVM_FT_STATE_REPLAYING	2
#define KVM_FT_STATE_STOPPED	3
#define KVM_FT_STATE_DIVERGED	4
#define KVM_FT_STATE_FAILED	5

/* Registers in kvm_ft_position: RAX..R15 in the order of struct kvm_regs, RIP, RFLAGS. */
#define KVM_FT_REGS		18

/**
 * struct kvm_ft_position - a guest position and what is expected or found there
 * @kind: of log entry
 * @has_regs: @regs is known: always of the guest, of the log in checking mode
 * @progress: guest progress
 * @rip: linear address of the next instruction
 * @value: of the entry
 * @gfn: with a hash of RAM, the first guest frame of its range
 * @npages: and the number of pages in it
 * @regs: the registers; RFLAGS without RF
 */
struct kvm_ft_position {
	__u32 kind;
	__u32 has_regs;
	__u64 progress;
	__u64 rip;
	__u64 value;
	__u64 gfn;
	__u64 npages;
	__u64 regs[KVM_FT_REGS];
};

/* kvm_ft_status.log_end */
#define KVM_FT_END_NONE		0	/* not reached */
#define KVM_FT_END_COMPLETE	1	/* stopped with KVM_FT_STOP, log whole */
#define KVM_FT_END_TORN		2	/* it ended otherwise; all before is good */
#define KVM_FT_END_UNTIL	3	/* kvm_ft_start.until entries were replayed */

/**
 * struct kvm_ft_status - result of KVM_FT_STATUS
 * @state: KVM_FT_STATE_*
 * @error: errno that made it fail, positive; 0 unless @state is FAILED
 * @entries: log entries written or consumed
 * @bytes: of the log, written or consumed
 * @progress: guest progress at the last VM exit that kvm-ft looked at
 * @what: what differed, as text; empty unless @state is DIVERGED or FAILED
 * @differs: with DIVERGED, bit i is set if regs[i] of @logged and @found are
 *	known and differ; they may do so where @what is something else, too
 * @log_end: replay: KVM_FT_END_*
 * @logged: with DIVERGED, what the log has
 * @found: with DIVERGED, what the guest did
 */
struct kvm_ft_status {
	__u32 state;
	__u32 error;
	__u64 entries;
	__u64 bytes;
	__u64 progress;
	char what[64];
	__u32 differs;
	__u32 log_end;
	struct kvm_ft_position logged;
	struct kvm_ft_position found;
};

/* KVM_FT_STATUS (on a session; struct kvm_ft_status, written) */
#define KVM_FT_STATUS		_IOR(KVM_FT_IOC, 0x17, struct kvm_ft_status)

/**
 * struct kvm_ft_output - argument of KVM_FT_OUTPUT
 * @tag: the VMM's own numbering
 * @pad1: 0
 * @position: out: bytes of the log up to and with the output's entry
 * @pad: 0
 */
struct kvm_ft_output {
	__u32 tag;
	__u32 pad1;
	__u64 position;
	__u64 pad[2];
};

/*
 * KVM_FT_OUTPUT (on a session; struct kvm_ft_output)
 *
 * The guest sends something to the world: a packet, a write to a disk that
 * both hosts use.  Called after KVM_FT_EXIT_KVM, by both sides at the same point.
 *
 * Record: logs an entry, and hands the log over up to it.  The VMM keeps the output
 * back until kvm_ft_link_page.committed has come to @position: then the
 * secondary, should it take over, comes to this output by itself.  The guest may run
 * on meanwhile.  Waits for room in the log.
 *
 * Replay: the entry has to be there, with the same tag; @position is that of the
 * block that has it.  Nobody must see the output.
 *
 * Errors: EINVAL, EFAULT, EIO, EILSEQ and ENODATA as with KVM_FT_VALUE; EINTR (a signal
 * came while it waited, the entry may have been logged: the next KVM_FT_OUTPUT's
 * position covers it); EPIPE (record: the link is lost, and the session has failed).
 */
#define KVM_FT_OUTPUT		_IOWR(KVM_FT_IOC, 0x18, struct kvm_ft_output)

/* kvm_ft_link_page.state */
#define KVM_FT_LINK_NONE	0	/* a log that does not go to another host */
#define KVM_FT_LINK_OPENING	1	/* nothing was heard from the other side yet */
#define KVM_FT_LINK_UP		2
#define KVM_FT_LINK_LOST	3	/* see @error; it does not come back */
#define KVM_FT_LINK_CLOSED	4	/* the recording was stopped with KVM_FT_STOP */

/**
 * struct kvm_ft_link_page - what is known of the other host; mapped, read-only
 * @state: KVM_FT_LINK_*
 * @error: with LOST, why: ETIMEDOUT (silence), ECONNRESET (it closed), EPROTO (it
 *	sent what makes no sense), EPROTONOSUPPORT (another version), ESTALE
 *	(another generation), or an error of the network
 * @committed: record: bytes of the log that the other side has received; replay:
 *	that we have
 * @replayed: bytes of the log that were replayed, as far as this side knows
 * @lag_ns: record: how long ago that was recorded of which it is not known that it
 *	was replayed; nanoseconds, 0 if there is none
 * @held_ns: record: how long the guest was held, ever, because the log had no room
 *	or the lag was too great
 * @heard_ns: when the other side was heard last, CLOCK_MONOTONIC
 *
 * mmap() of a session's descriptor: one page at offset 0, PROT_READ, MAP_SHARED.
 * Each field is written at once, several are not.
 *
 * A session's descriptor can be polled: EPOLLIN when @committed has changed since it was
 * last read(), EPOLLHUP when the link is lost or closed.  read() gives
 * @committed, eight bytes, and never waits.
 */
struct kvm_ft_link_page {
	__u32 state;
	__u32 error;
	__u64 committed;
	__u64 replayed;
	__u64 lag_ns;
	__u64 held_ns;
	__u64 heard_ns;
};

/**
 * struct kvm_ft_promote - result of KVM_FT_PROMOTE
 * @guest_tsc: what the guest's TSC is to go on with
 * @pad: 0
 */
struct kvm_ft_promote {
	__u64 guest_tsc;
	__u64 pad[3];
};

/*
 * KVM_FT_PROMOTE (on a session; struct kvm_ft_promote, written)
 *
 * The replayed guest goes live: its session ends as with KVM_FT_STOP.  Only where
 * the log ends, KVM_FT_EXIT_END, and never after a divergence.  Whoever calls it
 * has made sure that the primary does not run any more.
 *
 * The guest's clocks are then the VMM's to set: the TSC to @guest_tsc, which is
 * where the primary's would be by now and never less than what the guest has read
 * (KVM_VCPU_TSC_OFFSET), and after it the MSR of the TSC deadline, if that is not 0, to
 * what it is, for KVM to start its timer by that.  The local APIC's other timers run
 * by the host's time, and go on.
 *
 * Errors: EINVAL (not replaying), EBUSY (the log has not ended, or not been replayed
 * to its end), EPERM (diverged or failed), EFAULT.
 */
#define KVM_FT_PROMOTE		_IOR(KVM_FT_IOC, 0x19, struct kvm_ft_promote)

#endif /* _UAPI_LINUX_KVM_FT_H */
