/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a log gets from the recorder to the replayer: through a file, or while it
 * is recorded.
 *
 * A transport moves bytes.  What they mean is the log's business (log.c): the
 * header first, then whole blocks.  Positions are offsets in the log.
 *
 * Calls on one end come from its session's thread, one at a time, with no lock
 * of KVM's held; they may sleep.
 */
#ifndef KVM_FT_TRANSPORT_H
#define KVM_FT_TRANSPORT_H

#include <linux/types.h>

struct file;
struct kvm_ft_end;
struct kvm_ft_link;
struct module;

/**
 * struct kvm_ft_transport_ops - one sort of transport
 * @name: for people
 * @owner: the module that an end holds; NULL for those that are part of kvm-ft
 * @live: blocks are waited for: the recorder hands them over before they are
 *	full, and says how far it has come (progress marks)
 * @open: at KVM_FT_START; @write: to record; returns 0, or -EBADF if the end
 *	is not one for that
 * @store: takes over @len bytes at @offset, all or nothing.  Without room it
 *	waits, or returns -EAGAIN unless @wait.  -EINTR for a signal, -EPIPE if
 *	nobody will read them, or an error of the medium
 * @load: fills @buf with up to @size bytes from @offset, of which there is at
 *	least a whole header or block, if there is one; what comes before
 *	@offset will not be asked for again.  Returns how many; 0 if there will
 *	be no more.  Waits for them, or returns -EAGAIN unless @wait; -EINTR for
 *	a signal, or an error of the medium
 * @tail: reads the last bytes that there are, up to @size, to @buf, and returns
 *	how many, or an error of the medium.  NULL if the log has no end yet:
 *	whatever is wrong with it is damage then
 * @sync: the log is complete: make it last, or, at the end that loads from a live one,
 *	have the other end know that it is here.  -EINTR for a signal, or an error of
 *	the medium.  May be NULL
 * @release: undoes what made the end, and frees it; the other end, if there is
 *	one, is told
 */
struct kvm_ft_transport_ops {
	const char *name;
	struct module *owner;
	bool live;
	int (*open)(struct kvm_ft_end *end, bool write);
	int (*store)(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len, bool wait);
	ssize_t (*load)(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size, bool wait);
	ssize_t (*tail)(struct kvm_ft_end *end, u8 *buf, size_t size);
	int (*sync)(struct kvm_ft_end *end);
	void (*release)(struct kvm_ft_end *end);
};

/**
 * struct kvm_ft_end - a session's end of a transport; embedded in its own
 * @ops: what it can do
 * @link: what a transport between hosts tells the session, and asks it (commit.h);
 *	set by the session before @ops->open, NULL on other transports
 */
struct kvm_ft_end {
	const struct kvm_ft_transport_ops *ops;
	struct kvm_ft_link *link;
};

/**
 * struct kvm_ft_transport - a transport between hosts, a module of its own
 * @type: KVM_FT_LOG_*
 * @owner: the module
 * @connect: makes an end of a descriptor that user space has connected; the
 *	generation is that of KVM_FT_SET_LOG.  Process context, may sleep
 */
struct kvm_ft_transport {
	u32 type;
	struct module *owner;
	struct kvm_ft_end *(*connect)(int fd, u64 generation);
};

/**
 * kvm_ft_transport_register() - offer a transport to KVM_FT_SET_LOG
 * @transport: must stay until it is unregistered, which its ends prevent: each
 *	holds a reference of the module
 *
 * Process context.
 *
 * Return: 0; -EBUSY if there is one already, -EINVAL for an unknown type.
 */
int kvm_ft_transport_register(const struct kvm_ft_transport *transport);
void kvm_ft_transport_unregister(const struct kvm_ft_transport *transport);

/**
 * kvm_ft_transport_connect() - make an end of a registered transport
 * @type: below KVM_FT_LOG_TYPES
 * @fd: the descriptor
 * @generation: of the protection
 *
 * Process context.  Has the transport's module loaded, if it can be found.
 *
 * Return: the end, or an ERR_PTR(): -EPROTONOSUPPORT if there is no such transport,
 * or its own error.
 */
struct kvm_ft_end *kvm_ft_transport_connect(u32 type, int fd, u64 generation);

/* Releases the end, and the module of its transport. */
void kvm_ft_transport_release(struct kvm_ft_end *end);

/**
 * kvm_ft_file_end() - a log in a regular file
 * @file: the file; its reference is taken over if there is no error
 *
 * Return: the end, or an ERR_PTR(): -EINVAL if it is not a regular file, -ENOMEM.
 */
struct kvm_ft_end *kvm_ft_file_end(struct file *file);

/**
 * kvm_ft_loopback_source() - the recording end of a loop-back
 *
 * Return: the end, or ERR_PTR(-ENOMEM).
 */
struct kvm_ft_end *kvm_ft_loopback_source(void);

/**
 * kvm_ft_loopback_sink() - the replaying end of a loop-back
 * @source: the recording end, which has to stay during the call
 *
 * Return: the end, or an ERR_PTR(): -EINVAL if @source is not the recording end
 * of a loop-back, -EBUSY if it has, or had, another, -ENOMEM.
 */
struct kvm_ft_end *kvm_ft_loopback_sink(struct kvm_ft_end *source);

#endif
