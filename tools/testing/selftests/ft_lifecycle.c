// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions and the module come and go in every order, ended in the middle of
 * whatever they do, and leave nothing behind.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 * lab-timeout: 600
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "environment.h"
#include "kselftest_harness.h"
#include "replay.h"
#include "session.h"

#define MODULE_FILE	"/root/modules/kvm-ft.ko"
#define MEM		(4 << 20)

/* Until the word in memory is set. */
GUEST_CODE(until_told, "1: rdtsc; cmpl $0, 0x100000; je 1b; out %al, $0x10\n");
/* RBX values, all kept. */
GUEST_CODE(counted,
	   "mov $0x100000, %edi\n"
	   "1: rdtsc; stosl; dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");

static void load_counted(struct guest *g, uint64_t n)
{
	struct kvm_regs regs;

	guest_load_code(g, counted);
	regs = guest_regs(g);
	regs.rbx = n;
	guest_set_regs(g, &regs);
}

static void start_counted(struct guest *g, uint64_t n)
{
	guest_create_irqchip(g, MEM);
	load_counted(g, n);
}

static void start_endless(struct guest *g)
{
	guest_create_irqchip(g, MEM);
	guest_load_code(g, until_told);
}

static void tell(struct guest *g)
{
	__atomic_store_n((uint32_t *)(g->mem + GUEST_DATA), 1, __ATOMIC_RELAXED);
}

/* KVM_FT_RUN until it returns to the VMM; the exit, or a negative errno. */
static int run(int session)
{
	struct kvm_ft_run result;
	int r;

	do {
		r = ioctl(session, KVM_FT_RUN, &result);
	} while (r && errno == EINTR);
	return r ? -errno : (int)result.exit;
}

static int start_recording(const struct guest *g, int log)
{
	int session = session_create(g, "test");

	session_start(session, KVM_FT_RECORD, log);
	return session;
}

static struct kvm_ft_status status(int session)
{
	struct kvm_ft_status st;

	if (ioctl(session, KVM_FT_STATUS, &st))
		err(1, "KVM_FT_STATUS");
	return st;
}

static int file_number(const char *path)
{
	FILE *f = fopen(path, "r");
	int n;

	if (!f || fscanf(f, "%d", &n) != 1)
		err(1, "%s", path);
	fclose(f);
	return n;
}

static int uses(void)
{
	return file_number("/sys/module/kvm_ft/refcnt");
}

static int unload(void)
{
	return syscall(SYS_delete_module, "kvm_ft", O_NONBLOCK);
}

static int load(void)
{
	int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		err(1, MODULE_FILE);
	r = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return r;
}

FIXTURE(life) {
	int kvm_uses;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, uses());
	self->kvm_uses = file_number("/sys/module/kvm_amd/refcnt");
}

/* Whatever happened, nothing is left, and the module can go and come again. */
FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(0, sessions_in_sysfs());
	EXPECT_EQ(0, uses());
	EXPECT_EQ(self->kvm_uses, file_number("/sys/module/kvm_amd/refcnt"));
	EXPECT_EQ(0, unload());
	EXPECT_EQ(0, load());
}

TEST_F(life, module_in_use_stays)
{
	struct guest g;
	int session, dev;

	start_counted(&g, 10);
	session = session_create(&g, "test");
	EXPECT_EQ(-1, unload());
	EXPECT_EQ(EWOULDBLOCK, errno);
	close(session);
	guest_destroy(&g);
	dev = open("/dev/kvm-ft", O_RDWR);
	EXPECT_EQ(-1, unload());
	EXPECT_EQ(EWOULDBLOCK, errno);
	close(dev);
}

/* Records, and replays what was recorded; the entries on each side. */
static uint64_t round_trip(uint64_t n)
{
	int log = temporary_file();
	uint64_t entries = 0;
	uint32_t role;

	for (role = KVM_FT_RECORD; role <= KVM_FT_REPLAY; role++) {
		int last = role == KVM_FT_RECORD ? KVM_FT_EXIT_KVM : KVM_FT_EXIT_END;
		struct guest g;
		int session;

		start_counted(&g, n);
		session = session_create(&g, "test");
		session_start(session, role, log);
		if (run(session) != last)
			errx(1, "role %u: state %u, %s", role, status(session).state,
			     status(session).what);
		if (ioctl(session, KVM_FT_STOP))
			err(1, "KVM_FT_STOP");
		entries = status(session).entries;
		close(session);
		guest_destroy(&g);
	}
	close(log);
	return entries;
}

/* In KiB; what the kernel itself has allocated. */
static long kernel_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long total = 0, kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld", &kib) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &kib) == 1)
			total += kib;
	if (f)
		fclose(f);
	return total;
}

/* KASAN keeps what was freed for a while; a kernel that has it looks for leaks itself. */
static void expect_no_growth(struct __test_metadata *_metadata, long before, int times)
{
	long more = kernel_memory() - before;
	bool judged = environment_slower() == 1;

	TH_LOG("%ld KiB more after %d times%s", more, times,
	       judged ? "" : "; not judged here: see memory_leaks");
	if (judged)
		EXPECT_GT(2048, more);
}

TEST_F_TIMEOUT(life, reloaded_100_times, 300)
{
	int tenth = environment_amount(10), times = 10 * tenth, i;
	long before = 0;

	for (i = 0; i < times; i++) {
		if (i == tenth)
			before = kernel_memory();
		ASSERT_EQ(0, unload());
		ASSERT_EQ(0, load());
		/* The last entry is STOP. */
		if (i % tenth == 0)
			ASSERT_EQ(10 + 1, round_trip(10));
	}
	/* A block of one session, left behind each time, would be 6 MiB. */
	expect_no_growth(_metadata, before, times - tenth);
}

TEST_F(life, sessions_leave_no_memory)
{
	int times = environment_amount(200), i;
	struct guest g;
	long before = 0;

	start_counted(&g, 10);
	for (i = 0; i < times + 20; i++) {
		if (i == 20)
			before = kernel_memory();
		close(session_create(&g, "test"));
	}
	expect_no_growth(_metadata, before, times);
	guest_destroy(&g);
}

/* Kills it once it has come some way; it must not have ended by itself. */
static void kill_midway(struct __test_metadata *_metadata, pid_t child, unsigned int id)
{
	int how;

	while (session_number(id, "entries/rdtsc") < 100)
		;
	EXPECT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &how, 0));
	EXPECT_TRUE(WIFSIGNALED(how));
	EXPECT_EQ(NULL, session_sysfs(id, "state"));
}

/* A VMM of its own; it tells through the pipe which session is its. */
static pid_t spawn(void (*start)(struct guest *g), uint32_t role, int log, unsigned int *id)
{
	int fds[2];
	pid_t child;

	if (pipe(fds))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		struct guest g;
		unsigned int own;
		int session;

		start(&g);
		session = session_create(&g, "child");
		own = session_id(session);
		session_start(session, role, log);
		if (write(fds[1], &own, sizeof(own)) != sizeof(own))
			err(1, "pipe");
		exit(run(session) == KVM_FT_EXIT_KVM ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], id, sizeof(*id)) != sizeof(*id))
		errx(1, "the child did not start its session");
	close(fds[0]);
	return child;
}

TEST_F(life, killed_while_recording)
{
	int log = temporary_file(), session;
	unsigned int id;
	struct guest g;
	pid_t child;

	child = spawn(start_endless, KVM_FT_RECORD, log, &id);
	kill_midway(_metadata, child, id);

	/* What it left behind replays up to its end. */
	start_endless(&g);
	session = session_create(&g, "test");
	session_start(session, KVM_FT_REPLAY, log);
	EXPECT_EQ(KVM_FT_EXIT_END, run(session));
	EXPECT_LE(100, status(session).entries);
	EXPECT_EQ(KVM_FT_STATE_REPLAYING, status(session).state);
	close(session);
	guest_destroy(&g);
	close(log);
}

static void start_long(struct guest *g)
{
	start_counted(g, 30000);
}

TEST_F(life, killed_while_replaying)
{
	int log = temporary_file(), session;
	unsigned int id;
	struct guest g;
	pid_t child;

	start_long(&g);
	session = start_recording(&g, log);
	ASSERT_EQ(KVM_FT_EXIT_KVM, run(session));
	ASSERT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	guest_destroy(&g);

	child = spawn(start_long, KVM_FT_REPLAY, log, &id);
	kill_midway(_metadata, child, id);
	close(log);
}

/* The session keeps the VM: it runs on, and what it recorded replays. */
TEST_F(life, vm_and_vcpu_closed_first)
{
	int log = temporary_file(), session;
	struct guest g;

	start_counted(&g, 500);
	session = start_recording(&g, log);
	close(g.vcpu);
	close(g.vm);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(session));
	EXPECT_EQ(KVM_EXIT_IO, g.run->exit_reason);
	EXPECT_EQ(500, status(session).entries);
	munmap(g.run, g.run_size);
	EXPECT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	munmap(g.mem, g.mem_size);
	close(log);
}

/* The same when the session goes while it records, with nothing else open. */
TEST_F(life, session_closed_last_while_recording)
{
	int log = temporary_file(), session;
	struct guest g;

	start_counted(&g, 500);
	session = start_recording(&g, log);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(session));
	guest_destroy(&g);
	close(log);
	close(session);
}

#define SIDE_BY_SIDE	4

/* Nothing happened, and it replays. */
TEST_F(life, stopped_before_the_first_run)
{
	int log = temporary_file();
	struct guest g;
	int session;

	guest_create_irqchip(&g, MEM);
	session = start_recording(&g, log);
	EXPECT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	session = session_create(&g, "test");
	session_start(session, KVM_FT_REPLAY, log);
	EXPECT_EQ(KVM_FT_EXIT_END, run(session));
	EXPECT_EQ(KVM_FT_END_COMPLETE, status(session).log_end);
	close(session);
	close(log);
	guest_destroy(&g);
}

TEST_F(life, several_processes_at_once)
{
	pid_t children[SIDE_BY_SIDE];
	int i, how;

	for (i = 0; i < SIDE_BY_SIDE; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (!children[i])
			exit(round_trip(3000 + 100 * i) == 3001 + 100ULL * i ? 0 : 1);
	}
	for (i = 0; i < SIDE_BY_SIDE; i++) {
		ASSERT_EQ(children[i], waitpid(children[i], &how, 0));
		EXPECT_EQ(0, how);
	}
}

static void *run_thread(void *arg)
{
	return (void *)(intptr_t)run(*(int *)arg);
}

TEST_F(life, run_excludes_other_threads)
{
	struct kvm_ft_data data = { .size = 0 };
	struct kvm_ft_start start = { .role = KVM_FT_RECORD };
	struct kvm_ft_log set;
	int log = temporary_file(), session;
	pthread_t thread;
	struct guest g;
	unsigned int id;
	void *exit;

	start_endless(&g);
	session = session_create(&g, "test");
	id = session_id(session);
	session_start(session, KVM_FT_RECORD, log);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, &session));
	while (!session_number(id, "entries/rdtsc"))
		;
	set.fd = log;
	EXPECT_EQ(-EBUSY, run(session));
	EXPECT_EQ(-1, ioctl(session, KVM_FT_STOP));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(session, KVM_FT_START, &start));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(session, KVM_FT_SET_LOG, &set));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(session, KVM_FT_EVENT, &data));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ioctl(session, KVM_FT_VALUE, &data));
	EXPECT_EQ(EBUSY, errno);

	/* These two are for everyone. */
	EXPECT_EQ(KVM_FT_STATE_RECORDING, status(session).state);
	EXPECT_EQ(0, ioctl(session, KVM_FT_KICK));
	ASSERT_EQ(0, pthread_join(thread, &exit));
	EXPECT_EQ(KVM_FT_EXIT_LANDMARK, (intptr_t)exit);

	tell(&g);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(session));
	EXPECT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	guest_destroy(&g);
	close(log);
}

/* The vCPU's owner may change its thread: nothing is lost. */
TEST_F(life, run_moves_between_threads)
{
	int log = temporary_file(), session, i;
	struct guest g;
	unsigned int id;

	start_endless(&g);
	session = session_create(&g, "test");
	id = session_id(session);
	session_start(session, KVM_FT_RECORD, log);
	for (i = 0; i < 4; i++) {
		uint64_t before = status(session).progress;
		uint64_t entries = session_number(id, "entries/rdtsc");
		pthread_t thread;
		void *exit;

		ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, &session));
		while (session_number(id, "entries/rdtsc") == entries)
			;
		EXPECT_EQ(0, ioctl(session, KVM_FT_KICK));
		ASSERT_EQ(0, pthread_join(thread, &exit));
		EXPECT_EQ(KVM_FT_EXIT_LANDMARK, (intptr_t)exit);
		EXPECT_LT(before, status(session).progress);
	}
	tell(&g);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(session));
	EXPECT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	guest_destroy(&g);
	close(log);
}

/* Only the VM's own process can run it; another one may hold and watch it. */
TEST_F(life, session_in_another_process)
{
	int log = temporary_file(), session, how;
	int fds[2], done[2];
	unsigned int id;
	struct guest g;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(0, pipe(done));
	start_counted(&g, 500);
	session = session_create(&g, "test");
	id = session_id(session);
	session_start(session, KVM_FT_RECORD, log);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(fds[1]);
		close(done[0]);
		if (run(session) != -EIO || status(session).state != KVM_FT_STATE_RECORDING)
			exit(1);
		if (write(done[1], "x", 1) != 1)
			exit(1);
		/* Until the parent has closed everything of its own. */
		exit(read(fds[0], &byte, 1) == 1 && session_sysfs(id, "state") ? 0 : 2);
	}
	close(fds[0]);
	close(done[1]);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	close(done[0]);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(session));
	EXPECT_EQ(500, status(session).entries);
	EXPECT_EQ(0, ioctl(session, KVM_FT_STOP));
	close(session);
	guest_destroy(&g);
	EXPECT_EQ(1, write(fds[1], "x", 1));
	ASSERT_EQ(child, waitpid(child, &how, 0));
	EXPECT_EQ(0, how);
	close(fds[1]);
	close(log);
}

TEST_F(life, one_started_session_per_vcpu)
{
	struct kvm_ft_start start = { .role = KVM_FT_RECORD };
	int logs[2] = { temporary_file(), temporary_file() };
	struct kvm_ft_log set = { .fd = logs[1] };
	int first, second;
	struct guest g;

	start_counted(&g, 500);
	first = session_create(&g, "first");
	second = session_create(&g, "second");
	session_start(first, KVM_FT_RECORD, logs[0]);
	ASSERT_EQ(0, ioctl(second, KVM_FT_SET_LOG, &set));
	EXPECT_EQ(-1, ioctl(second, KVM_FT_START, &start));
	EXPECT_EQ(EBUSY, errno);
	/* Nothing was written for it. */
	EXPECT_EQ(0, lseek(logs[1], 0, SEEK_END));
	close(second);
	EXPECT_EQ(KVM_FT_EXIT_KVM, run(first));
	EXPECT_EQ(500, status(first).entries);
	EXPECT_EQ(0, ioctl(first, KVM_FT_STOP));
	close(first);
	guest_destroy(&g);
	close(logs[0]);
	close(logs[1]);
}

TEST_HARNESS_MAIN
