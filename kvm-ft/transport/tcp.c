// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log from one host to another, over a TCP connection that user space has made.
 *
 * Each end has a ring between its session and the socket, a thread that sends and
 * one that receives.  The source's sender empties the ring into the socket; the sink's
 * receiver fills its own from it and has each block acknowledged at once: the source
 * knows then that the other host has it.  What a full ring stops is the receiver, so
 * the window of TCP, so the source's sender and ring, so the guest that is recorded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/kvm_ft.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/vmalloc.h>
#include <net/sock.h>

#include "../commit.h"
#include "../replay/frame.h"
#include "../replay/log.h"
#include "ring.h"
#include "transport.h"

static_assert(KVM_FT_FRAME_MAX == KVM_FT_BLOCK_MAX);

static char log_interface[IFNAMSIZ];
module_param_string(log_interface, log_interface, sizeof(log_interface), 0644);
MODULE_PARM_DESC(log_interface, "The network interface that logs go over: sockets must be bound to it (there is no default)");

static uint failure_timeout_ms = 1000;
module_param(failure_timeout_ms, uint, 0644);
MODULE_PARM_DESC(failure_timeout_ms, "Silence of the other host after which it is taken for lost, in milliseconds (20 to 600000, default 1000); for links that are opened afterwards");

static uint heartbeat_ms = 100;
module_param(heartbeat_ms, uint, 0644);
MODULE_PARM_DESC(heartbeat_ms, "How often something is sent at least, in milliseconds (1 to a quarter of failure_timeout_ms, default 100)");

static uint max_lag_ms = 500;
module_param(max_lag_ms, uint, 0644);
MODULE_PARM_DESC(max_lag_ms, "By how much a secondary may be behind before the primary's guest is slowed, in milliseconds (default 500, 0 for any)");

static uint ring_kib = 8192;
module_param(ring_kib, uint, 0644);
MODULE_PARM_DESC(ring_kib, "How much of a log each side can keep that the other one, or the replay, has not taken yet, in KiB (256 to 1048576, default 8192); for links that are opened afterwards");

/* The guest is held for so long at most, each time that a block is stored. */
#define LONGEST_HOLD_MS	20

/**
 * struct tcp_end - one end of a connection
 * @end: its public part
 * @sock: the connection; holds its file
 * @ring: between the session and the socket
 * @generation: that all frames must have
 * @source: it is the recording one
 * @opened: the threads run
 * @stop: they are to end
 * @urgent: the sender has something to say: an ACK or a BYE
 * @closing: source: the log is complete, say so when all was sent
 * @bye: the other side has said it
 * @said_bye: sink: so has this one
 * @sender: thread
 * @receiver: thread
 * @out: sender's: a frame
 * @in: receiver's: what follows a head
 */
struct tcp_end {
	struct kvm_ft_end end;
	struct socket *sock;
	struct kvm_ft_ring *ring;
	u64 generation;
	bool source;
	bool opened;
	bool stop;
	bool urgent;
	bool closing;
	bool bye;
	bool said_bye;
	struct task_struct *sender;
	struct task_struct *receiver;
	u8 *out;
	u8 *in;
};

static struct tcp_end *tcp_end_of(struct kvm_ft_end *end)
{
	return container_of(end, struct tcp_end, end);
}

static unsigned int timeout_ms(void)
{
	return clamp(READ_ONCE(failure_timeout_ms), 20U, 600000U);
}

static long heartbeat(void)
{
	unsigned int ms = clamp(READ_ONCE(heartbeat_ms), 1U, timeout_ms() / 4);

	return max(msecs_to_jiffies(ms), 1UL);
}

/* Neither side waits for the other one any more. */
static void give_up(struct tcp_end *t, int error)
{
	if (!READ_ONCE(t->stop) && !kvm_ft_link_has_ended(t->end.link))
		pr_info("%s: the link is lost (%d)\n", t->source ? "primary" : "secondary", error);
	kvm_ft_link_ended(t->end.link, error);
	if (t->source)
		kvm_ft_ring_close_load(t->ring);
	else
		kvm_ft_ring_close_store(t->ring);
	kernel_sock_shutdown(t->sock, SHUT_RDWR);
}

static int send_all(struct tcp_end *t, u8 *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	size_t done = 0;

	while (done < len) {
		struct kvec vec = { .iov_base = buf + done, .iov_len = len - done };
		int n = kernel_sendmsg(t->sock, &msg, &vec, 1, vec.iov_len);

		if (n <= 0)
			return n ?: -ECONNRESET;
		done += n;
	}
	return 0;
}

/* The bytes behind the head are in t->out already. */
static int send_frame(struct tcp_end *t, u32 type, u32 length, u64 position, u64 value)
{
	const struct kvm_ft_frame frame = {
		.type = type, .length = length, .generation = t->generation,
		.position = position, .value = value,
	};

	kvm_ft_frame_encode(&frame, t->out);
	return send_all(t, t->out, KVM_FT_FRAME_HEAD + length);
}

static int send_hello(struct tcp_end *t)
{
	return send_frame(t, KVM_FT_FRAME_HELLO, 0, t->source ? KVM_FT_RECORD : KVM_FT_REPLAY,
			  KVM_FT_WIRE_VERSION);
}

static u64 clock(struct tcp_end *t)
{
	return kvm_ft_link_guest_clock(t->end.link);
}

/* Returns 1 if there was something to send, 0 if not. */
static int send_block(struct tcp_end *t, u64 *sent)
{
	ssize_t len = kvm_ft_ring_load(t->ring, *sent, t->out + KVM_FT_FRAME_HEAD,
				       KVM_FT_FRAME_MAX, false);
	int err;

	if (len == -EAGAIN || !len)
		return 0;
	if (len < 0)
		return len;
	err = send_frame(t, KVM_FT_FRAME_DATA, len, *sent, clock(t));
	*sent += len;
	return err ?: 1;
}

/* The log as it comes; when it does not, that we are there. */
static int source_sends(struct tcp_end *t)
{
	u64 sent = 0;
	int r = send_hello(t);

	while (r >= 0 && !READ_ONCE(t->stop)) {
		r = send_block(t, &sent);
		if (r)
			continue;
		if (READ_ONCE(t->closing))
			return send_frame(t, KVM_FT_FRAME_BYE, 0, sent, clock(t));
		kvm_ft_ring_wait(t->ring, sent, heartbeat(), &t->urgent);
		if (READ_ONCE(t->ring->stored) == sent && !READ_ONCE(t->closing))
			r = send_frame(t, KVM_FT_FRAME_BEAT, 0, sent, clock(t));
	}
	return r;
}

/* Sink: bytes of the log that are in the ring, or were. */
static u64 received_by(const struct tcp_end *t)
{
	return READ_ONCE(t->ring->stored);
}

/* All is here, and the source is told: it waits for that, see tcp_sync(). */
static int say_bye(struct tcp_end *t, u64 received)
{
	int err = send_frame(t, KVM_FT_FRAME_BYE, 0, received, 0);

	WRITE_ONCE(t->said_bye, true);
	wake_up_all(&t->end.link->wait);
	return err;
}

/* How much is here; at once when that has changed, and now and then. */
static int sink_sends(struct tcp_end *t)
{
	u64 received = 0;
	int err = send_hello(t);

	while (!err && !READ_ONCE(t->stop)) {
		kvm_ft_ring_wait(t->ring, received, heartbeat(), &t->urgent);
		received = received_by(t);
		if (READ_ONCE(t->bye))
			return say_bye(t, received);
		err = send_frame(t, KVM_FT_FRAME_ACK, 0, received, READ_ONCE(t->ring->freed));
	}
	return err;
}

/* A thread must stay until kthread_stop(). */
static void rest(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int sender(void *data)
{
	struct tcp_end *t = data;
	int err = t->source ? source_sends(t) : sink_sends(t);

	if (err)
		give_up(t, err);
	rest();
	return 0;
}

/* Silence for the failure timeout is -ETIMEDOUT, the other side's end -ECONNRESET. */
static int receive_all(struct tcp_end *t, u8 *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct kvec vec = { .iov_base = buf + done, .iov_len = len - done };
		struct msghdr msg = {};
		int n = kernel_recvmsg(t->sock, &msg, &vec, 1, vec.iov_len, 0);

		if (n == -EAGAIN)
			return -ETIMEDOUT;
		if (n <= 0)
			return n ?: -ECONNRESET;
		done += n;
	}
	return 0;
}

static int receive_frame(struct tcp_end *t, struct kvm_ft_frame *frame)
{
	u8 head[KVM_FT_FRAME_HEAD];
	int err = receive_all(t, head, sizeof(head));

	if (!err)
		err = kvm_ft_frame_decode(frame, head);
	if (!err && frame->generation != t->generation)
		err = -ESTALE;
	if (!err && frame->length)
		err = receive_all(t, t->in, frame->length);
	if (!err)
		kvm_ft_link_heard(t->end.link);
	return err;
}

static int receive_hello(struct tcp_end *t)
{
	struct kvm_ft_frame frame;
	int err = receive_frame(t, &frame);

	if (err)
		return err;
	if (frame.type != KVM_FT_FRAME_HELLO ||
	    frame.position != (t->source ? KVM_FT_REPLAY : KVM_FT_RECORD))
		return -EPROTO;
	return frame.value == KVM_FT_WIRE_VERSION ? 0 : -EPROTONOSUPPORT;
}

/* Source: the sink may not know more of the log than there is. */
static int take_ack(struct tcp_end *t, const struct kvm_ft_frame *frame)
{
	if (frame->position > READ_ONCE(t->ring->stored) || frame->value > frame->position)
		return -EPROTO;
	if (frame->type == KVM_FT_FRAME_BYE) {
		WRITE_ONCE(t->bye, true);
		kvm_ft_link_committed(t->end.link, frame->position, t->end.link->page->replayed);
		kvm_ft_link_ended(t->end.link, 0);
		return 0;
	}
	if (frame->type != KVM_FT_FRAME_ACK)
		return -EPROTO;
	kvm_ft_link_committed(t->end.link, frame->position, frame->value);
	return 0;
}

/* The log's header first, then whole blocks. */
static int take_block(struct tcp_end *t, const struct kvm_ft_frame *frame)
{
	int err;

	if (frame->position != received_by(t))
		return -EPROTO;
	if (frame->position && !kvm_ft_ring_is_block(t->in, frame->length))
		return -EPROTO;
	/* Wakes the sender, too, which acknowledges it. */
	err = kvm_ft_ring_store(t->ring, frame->position, t->in, frame->length, true);
	if (!err)
		kvm_ft_link_committed(t->end.link, received_by(t), READ_ONCE(t->ring->freed));
	return err;
}

/* The sender says the same. */
static int take_bye(struct tcp_end *t, const struct kvm_ft_frame *frame)
{
	if (frame->position != received_by(t))
		return -EPROTO;
	WRITE_ONCE(t->bye, true);
	WRITE_ONCE(t->urgent, true);
	kvm_ft_link_ended(t->end.link, 0);
	kvm_ft_ring_close_store(t->ring);
	return 0;
}

static int take_frame(struct tcp_end *t, const struct kvm_ft_frame *frame)
{
	if (t->source)
		return take_ack(t, frame);
	kvm_ft_link_told_clock(t->end.link, frame->value);
	switch (frame->type) {
	case KVM_FT_FRAME_DATA:
		return take_block(t, frame);
	case KVM_FT_FRAME_BEAT:
		return frame->position == received_by(t) ? 0 : -EPROTO;
	case KVM_FT_FRAME_BYE:
		return take_bye(t, frame);
	default:
		return -EPROTO;
	}
}

static int receiver(void *data)
{
	struct tcp_end *t = data;
	struct kvm_ft_frame frame;
	int err = receive_hello(t);

	while (!err && !READ_ONCE(t->bye)) {
		err = receive_frame(t, &frame);
		if (!err)
			err = take_frame(t, &frame);
	}
	if (err)
		give_up(t, err);
	rest();
	return 0;
}

static void stop_threads(struct tcp_end *t)
{
	WRITE_ONCE(t->stop, true);
	WRITE_ONCE(t->urgent, true);
	kvm_ft_ring_close_store(t->ring);
	kvm_ft_ring_close_load(t->ring);
	kernel_sock_shutdown(t->sock, SHUT_RDWR);
	if (t->receiver)
		kthread_stop(t->receiver);
	if (t->sender)
		kthread_stop(t->sender);
	t->receiver = NULL;
	t->sender = NULL;
}

/*
 * They do little at a time, and the guest's outputs wait for it: not for a turn among the
 * host's vCPUs as well.
 */
static struct task_struct *start(int (*what)(void *data), struct tcp_end *t, const char *name)
{
	struct task_struct *thread = kthread_run(what, t, "kvm-ft-%s", name);

	if (IS_ERR(thread))
		return NULL;
	sched_set_fifo_low(thread);
	return thread;
}

static int tcp_open(struct kvm_ft_end *end, bool write)
{
	struct tcp_end *t = tcp_end_of(end);

	if (t->opened)
		return -EBUSY;
	t->opened = true;
	t->source = write;
	WRITE_ONCE(end->link->page->state, KVM_FT_LINK_OPENING);
	lock_sock(t->sock->sk);
	t->sock->sk->sk_rcvtimeo = msecs_to_jiffies(timeout_ms());
	t->sock->sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	release_sock(t->sock->sk);
	/* It would also end a link whose other end has no room for a while, but is there. */
	tcp_sock_set_user_timeout(t->sock->sk, 0);
	t->receiver = start(receiver, t, "receive");
	t->sender = start(sender, t, "send");
	if (t->receiver && t->sender)
		return 0;
	stop_threads(t);
	return -ENOMEM;
}

/* The more it lags the longer, so that a guest is slowed rather than stopped. */
static void hold_for_lag(struct tcp_end *t)
{
	u64 lag_ms = div_u64(READ_ONCE(t->end.link->page->lag_ns), NSEC_PER_MSEC);
	unsigned int most = READ_ONCE(max_lag_ms);
	u64 began = ktime_get_ns();
	unsigned int ms;

	if (!most || lag_ms <= most)
		return;
	ms = clamp_t(u64, (lag_ms - most) / 8, 1, LONGEST_HOLD_MS);
	schedule_timeout_interruptible(msecs_to_jiffies(ms));
	kvm_ft_link_held(t->end.link, ktime_get_ns() - began);
}

static int tcp_store(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len, bool wait)
{
	struct tcp_end *t = tcp_end_of(end);
	int err = kvm_ft_ring_store(t->ring, offset, buf, len, false);
	u64 began;

	if (err == -EAGAIN && wait) {
		began = ktime_get_ns();
		err = kvm_ft_ring_store(t->ring, offset, buf, len, true);
		kvm_ft_link_held(end->link, ktime_get_ns() - began);
	}
	if (err)
		return err;
	kvm_ft_link_stored(end->link, offset + len);
	if (wait)
		hold_for_lag(t);
	return 0;
}

static ssize_t tcp_load(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size, bool wait)
{
	ssize_t len = kvm_ft_ring_load(tcp_end_of(end)->ring, offset, buf, size, wait);

	/* Without even a header the link's end is the error. */
	if (!len && !offset)
		return -(int)READ_ONCE(end->link->page->error) ?: -ECONNRESET;
	return len;
}

/* Nothing more is to be said, or can be. */
static bool is_over(const struct tcp_end *t)
{
	return kvm_ft_link_has_ended(t->end.link) &&
	       (t->source || !READ_ONCE(t->bye) || READ_ONCE(t->said_bye));
}

/*
 * The log is complete: until the other side has it all, and knows.  The sink may have
 * played the end of it before it hears that this was the end.
 */
static int tcp_sync(struct kvm_ft_end *end)
{
	struct tcp_end *t = tcp_end_of(end);

	if (t->source) {
		WRITE_ONCE(t->closing, true);
		WRITE_ONCE(t->urgent, true);
		kvm_ft_ring_wake(t->ring);
	}
	if (wait_event_interruptible(end->link->wait, is_over(t)))
		return -EINTR;
	return READ_ONCE(t->bye) ? 0 : -EPIPE;
}

static void tcp_free(struct tcp_end *t)
{
	kvm_ft_ring_free(t->ring);
	vfree(t->in);
	vfree(t->out);
	kfree(t);
}

static void tcp_release(struct kvm_ft_end *end)
{
	struct tcp_end *t = tcp_end_of(end);

	stop_threads(t);
	if (t->opened)
		kvm_ft_link_ended(end->link, -ECONNRESET);
	sockfd_put(t->sock);
	tcp_free(t);
}

static const struct kvm_ft_transport_ops tcp_ops = {
	.name = "TCP",
	.owner = THIS_MODULE,
	.live = true,
	.open = tcp_open,
	.store = tcp_store,
	.load = tcp_load,
	.sync = tcp_sync,
	.release = tcp_release,
};

/* Is this the interface that the parameter names? */
static bool is_log_interface(struct sock *sk)
{
	int index = READ_ONCE(sk->sk_bound_dev_if);
	struct net_device *dev = index ? dev_get_by_index(sock_net(sk), index) : NULL;
	bool is;

	if (!dev)
		return false;
	kernel_param_lock(THIS_MODULE);
	is = sysfs_streq(dev->name, log_interface);
	kernel_param_unlock(THIS_MODULE);
	dev_put(dev);
	return is;
}

static int check_socket(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (sock->type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return -EPROTOTYPE;
	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (is_log_interface(sk))
		return 0;
	pr_err("the socket of a log is not bound to the interface that the parameter log_interface names\n");
	return -ENODEV;
}

static struct tcp_end *tcp_alloc(void)
{
	struct tcp_end *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->ring = kvm_ft_ring_alloc(roundup_pow_of_two(clamp(READ_ONCE(ring_kib), 256U,
							     1048576U)) * 1024UL);
	t->in = __vmalloc(KVM_FT_FRAME_MAX, GFP_KERNEL_ACCOUNT);
	t->out = __vmalloc(KVM_FT_FRAME_HEAD + KVM_FT_FRAME_MAX, GFP_KERNEL_ACCOUNT);
	if (t->ring && t->in && t->out)
		return t;
	tcp_free(t);
	return NULL;
}

static struct kvm_ft_end *tcp_connect(int fd, u64 generation)
{
	struct socket *sock;
	struct tcp_end *t;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return ERR_PTR(err);
	err = check_socket(sock);
	if (err)
		goto put_socket;
	err = -ENOMEM;
	t = tcp_alloc();
	if (!t)
		goto put_socket;
	tcp_sock_set_nodelay(sock->sk);
	t->end.ops = &tcp_ops;
	t->sock = sock;
	t->generation = generation;
	return &t->end;

put_socket:
	sockfd_put(sock);
	return ERR_PTR(err);
}

static const struct kvm_ft_transport transport = {
	.type = KVM_FT_LOG_TCP,
	.owner = THIS_MODULE,
	.connect = tcp_connect,
};

static int __init kvm_ft_tcp_init(void)
{
	return kvm_ft_transport_register(&transport);
}

static void __exit kvm_ft_tcp_exit(void)
{
	kvm_ft_transport_unregister(&transport);
}

module_init(kvm_ft_tcp_init);
module_exit(kvm_ft_tcp_exit);
MODULE_ALIAS("kvm-ft-transport-2");
MODULE_DESCRIPTION("Logs of kvm-ft over TCP");
MODULE_VERSION("0.1");
MODULE_LICENSE("GPL");
