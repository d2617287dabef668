// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sysfs, debugfs and the tracepoints show of sessions, while they record
 * and replay, together and one after the other.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "environment.h"
#include "kselftest_harness.h"
#include "replay.h"
#include "session.h"

#define PORT_LOOK	0x11
#define TRACING		"/sys/kernel/tracing/"

/* Entries of the guest below. */
#define RDTSCS		1000
#define RDMSRS		300
#define LOOKS		3

/*
 * RDTSCS is in memory, and shows in no register before it is reached.  The test
 * looks three times from the same instruction.
 */
GUEST_CODE(program,
	   "xor %ebx, %ebx\n"
	   "1: rdtsc; lea 1(%rbx), %ebx; cmp 0x100000, %ebx; je 2f; xor %edx, %edx; jmp 1b\n"
	   "2:\n"
	   "mov $3, %ebx\n"
	   "1: mov $50, %ecx\n"
	   "3: dec %ecx; jnz 3b\n"
	   "out %al, $0x11\n"
	   "nop\n"
	   "dec %ebx; jnz 1b\n"
	   "mov $300, %ebx\n"
	   "1: mov $0x10, %ecx; rdmsr; dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");

/**
 * struct watch - a guest under observation
 * @replay: what runs it
 * @rdtscs: how many the guest executes
 * @looks: times that the guest has let us look, on this side
 * @kept: another descriptor of the session, so that it outlives the run
 * @id: the session's number
 * @problem: the first thing that was not as it should be
 * @progress: at the last look
 * @at_look: called at each look; may be NULL
 */
struct watch {
	struct replay replay;
	unsigned int rdtscs;
	int looks;
	int kept;
	unsigned int id;
	char problem[256];
	uint64_t progress;
	void (*at_look)(struct watch *w);
};

static void problem(struct watch *w, const char *file, const char *is, const char *expected)
{
	if (!w->problem[0])
		snprintf(w->problem, sizeof(w->problem),
			 "look %d: %s is '%.100s', expected '%.60s'", w->looks, file,
			 is ?: "(missing)", expected);
}

static void expect(struct watch *w, const char *file, const char *expected)
{
	const char *is = session_sysfs(w->id, file);

	if (!is || strcmp(is, expected))
		problem(w, file, is, expected);
}

static void expect_number(struct watch *w, const char *file, uint64_t expected)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)expected);
	expect(w, file, text);
}

static void set_up(struct replay *r)
{
	struct watch *w = r->context;

	guest_load_code(&r->guest, program);
	guest_load(&r->guest, GUEST_DATA, &w->rdtscs, sizeof(w->rdtscs));
	w->looks = 0;
	w->progress = 0;
}

static void on_exit_(struct replay *r)
{
	struct watch *w = r->context;

	w->looks++;
	if (w->looks == 1) {
		w->kept = dup(r->session);
		w->id = session_id(r->session);
	}
	if (w->at_look)
		w->at_look(w);
	/* The next landmark is behind the OUT: the third time that the guest is there. */
	if (w->looks == LOOKS)
		ioctl(r->session, KVM_FT_KICK);
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 7, "payload", 8);
}

static void watch_init(struct watch *w, void (*at_look)(struct watch *w))
{
	*w = (struct watch){
		.replay = {
			.mem_size = 4 << 20, .set_up = set_up, .on_exit = on_exit_,
			.on_landmark = on_landmark, .context = w,
		},
		.rdtscs = RDTSCS, .kept = -1, .at_look = at_look,
	};
}

/* Ends the session; its files must go with it. */
static void forget(struct watch *w)
{
	close(w->kept);
	w->kept = -1;
	if (session_sysfs(w->id, "state"))
		problem(w, "the session in sysfs", "still there", "gone");
	if (session_debugfs(w->id, "log"))
		problem(w, "the session in debugfs", "still there", "gone");
}

static uint64_t sum(struct watch *w, const char *folder)
{
	char path[300];
	uint64_t total = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/kvm-ft/session%u/%s", w->id, folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		total += session_number(w->id, path);
	}
	if (!dir)
		problem(w, folder, NULL, "a folder");
	else
		closedir(dir);
	return total;
}

static void look_while_recording(struct watch *w)
{
	uint64_t progress = session_number(w->id, "progress");

	expect(w, "name", "test");
	expect(w, "state", "recording");
	expect(w, "role", "record");
	expect(w, "error", "0");
	expect(w, "reason", "");
	expect_number(w, "entries/rdtsc", RDTSCS);
	expect_number(w, "entries/msr_tsc", 0);
	expect_number(w, "entries/event", 0);
	expect_number(w, "bytes/msr_tsc", 0);
	if (session_number(w->id, "bytes/rdtsc") < RDTSCS)
		problem(w, "bytes/rdtsc", session_sysfs(w->id, "bytes/rdtsc"), "a byte each");
	/* 64 KiB and more are not stored yet: only the log's header is. */
	if (session_number(w->id, "lag_bytes") <= session_number(w->id, "bytes/rdtsc"))
		problem(w, "lag_bytes", session_sysfs(w->id, "lag_bytes"), "all entries");
	if (!session_number(w->id, "log_bytes"))
		problem(w, "log_bytes", "0", "the header's");
	if (progress <= w->progress)
		problem(w, "progress", session_sysfs(w->id, "progress"), "more than before");
	w->progress = progress;
}

static void check_stopped(struct watch *w, const char *role)
{
	expect(w, "state", "stopped");
	expect(w, "role", role);
	expect(w, "lag_bytes", "0");
	expect_number(w, "entries/rdtsc", RDTSCS);
	expect_number(w, "entries/msr_tsc", RDMSRS);
	expect_number(w, "entries/event", 1);
	expect_number(w, "entries/stop", 1);
	expect_number(w, "log_bytes", w->replay.status.bytes);
	expect_number(w, "progress", w->replay.status.progress);
	if (sum(w, "entries") != w->replay.status.entries)
		problem(w, "sum of entries/*", "another one", "that of KVM_FT_STATUS");
	/* What is not an entry are the header and a block's head. */
	if (sum(w, "bytes") >= w->replay.status.bytes)
		problem(w, "sum of bytes/*", "too large", "less than log_bytes");
}

TEST(values_while_recording)
{
	struct watch w;

	watch_init(&w, look_while_recording);
	replay_record(&w.replay);
	EXPECT_EQ(LOOKS, w.looks);
	check_stopped(&w, "record");
	forget(&w);
	EXPECT_STREQ("", w.problem);
	free(w.replay.ram);
	close(w.replay.log);
}

static void look_while_replaying(struct watch *w)
{
	expect(w, "name", "test");
	expect(w, "state", "replaying");
	expect(w, "role", "replay");
	expect_number(w, "entries/rdtsc", RDTSCS);
	expect_number(w, "entries/msr_tsc", 0);
	if (session_number(w->id, "lag_bytes") < RDMSRS)
		problem(w, "lag_bytes", session_sysfs(w->id, "lag_bytes"), "what is to come");
}

TEST(values_while_replaying)
{
	uint64_t bytes;
	struct watch w;

	watch_init(&w, NULL);
	replay_record(&w.replay);
	bytes = sum(&w, "bytes");
	forget(&w);
	w.at_look = look_while_replaying;
	EXPECT_EQ(KVM_FT_EXIT_END, replay_replay(&w.replay));
	check_stopped(&w, "replay");
	EXPECT_EQ(bytes, sum(&w, "bytes"));
	forget(&w);
	EXPECT_STREQ("", w.problem);
	replay_release(&w.replay);
}

static int state_file(struct watch *w)
{
	char path[64], text[32];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/kvm-ft/session%u/state", w->id);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text)) < 0)
		problem(w, "state", strerror(errno), "readable");
	return fd;
}

static int polled_state;

static void open_state(struct watch *w)
{
	if (w->looks == 1)
		polled_state = state_file(w);
}

TEST(state_can_be_polled)
{
	struct pollfd poll_state = { .events = POLLPRI };
	struct watch w;
	char text[32];

	watch_init(&w, open_state);
	replay_record(&w.replay);
	poll_state.fd = polled_state;
	EXPECT_EQ(1, poll(&poll_state, 1, 10000));
	EXPECT_EQ(8, pread(polled_state, text, sizeof(text), 0));
	EXPECT_EQ(0, memcmp(text, "stopped\n", 8));
	/* Nothing more to come. */
	EXPECT_EQ(0, poll(&poll_state, 1, 0));
	forget(&w);
	EXPECT_EQ(-1, pread(polled_state, text, sizeof(text), 0));
	EXPECT_EQ(ENODEV, errno);
	close(polled_state);
	EXPECT_STREQ("", w.problem);
	free(w.replay.ram);
	close(w.replay.log);
}

/* Another guest is recorded and replayed while the first one stands still. */
static void run_another(struct watch *w)
{
	unsigned int first = w->id;
	struct watch other;

	look_while_recording(w);
	if (w->looks != 2)
		return;
	watch_init(&other, look_while_recording);
	replay_record(&other.replay);
	if (other.id == first)
		problem(w, "the second session's number", "the first's", "another one");
	if (sessions_in_sysfs() != 2)
		problem(w, "/sys/class/kvm-ft", "something else", "two sessions");
	forget(&other);
	other.at_look = look_while_replaying;
	if (replay_replay(&other.replay) != KVM_FT_EXIT_END)
		problem(w, "the second guest's replay", "ended early", "complete");
	forget(&other);
	replay_release(&other.replay);
	if (other.problem[0])
		problem(w, "the second session", other.problem, "as alone");
	w->progress--;		/* the guest stands where it stood */
	look_while_recording(w);
}

TEST(two_sessions_at_once)
{
	struct watch w;

	ASSERT_EQ(0, sessions_in_sysfs());
	watch_init(&w, run_another);
	replay_record(&w.replay);
	check_stopped(&w, "record");
	forget(&w);
	EXPECT_STREQ("", w.problem);
	EXPECT_EQ(0, sessions_in_sysfs());
	free(w.replay.ram);
	close(w.replay.log);
}

/* Tracing */

static void trace_write(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void trace_begin(void)
{
	trace_write("buffer_size_kb", "4096");
	trace_write("trace", "");
	trace_write("events/kvm_ft/enable", "1");
	trace_write("tracing_on", "1");
}

static void trace_end(void)
{
	trace_write("events/kvm_ft/enable", "0");
}

/* Lines of the trace with all of the texts. */
static int traced(const char *event, unsigned int session, const char *text)
{
	char line[1024], head[64];
	FILE *f = fopen(TRACING "trace", "r");
	int n = 0;

	snprintf(head, sizeof(head), "%s: session=%u ", event, session);
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, head) && strstr(line, text);
	if (f)
		fclose(f);
	return n;
}

TEST(tracepoints)
{
	struct watch w;
	unsigned int recorded;
	uint64_t entries;

	watch_init(&w, NULL);
	trace_begin();
	replay_record(&w.replay);
	recorded = w.id;
	entries = w.replay.status.entries;
	EXPECT_EQ(1, session_internal(w.id, "vcpu", "kicks"));
	EXPECT_EQ(1, session_internal(w.id, "landmark", "landmarks"));
	EXPECT_EQ(entries, traced("kvm_ft_record", recorded, ""));
	EXPECT_EQ(RDTSCS, traced("kvm_ft_record", recorded, "kind=rdtsc "));
	EXPECT_EQ(RDMSRS, traced("kvm_ft_record", recorded, "kind=msr_tsc "));
	EXPECT_EQ(1, traced("kvm_ft_record", recorded, "kind=event "));
	EXPECT_EQ(1, traced("kvm_ft_record", recorded, "len=8"));
	EXPECT_EQ(1, traced("kvm_ft_record", recorded, "kind=stop "));
	EXPECT_EQ(1, traced("kvm_ft_state", recorded, "from=new to=recording"));
	EXPECT_EQ(1, traced("kvm_ft_state", recorded, "from=recording to=stopped"));
	EXPECT_EQ(0, traced("kvm_ft_landmark", recorded, ""));
	forget(&w);

	trace_write("trace", "");
	EXPECT_EQ(KVM_FT_EXIT_END, replay_replay(&w.replay));
	EXPECT_EQ(entries, traced("kvm_ft_replay", w.id, ""));
	EXPECT_EQ(1, traced("kvm_ft_replay", w.id, "kind=event "));
	EXPECT_EQ(0, traced("kvm_ft_divergence", w.id, ""));
	/* The event's landmark, where the guest came by three times; and the end. */
	EXPECT_EQ(2, traced("kvm_ft_landmark", w.id, "matched=1"));
	EXPECT_EQ(LOOKS - 1, traced("kvm_ft_landmark", w.id, "matched=0"));
	EXPECT_EQ(2, session_internal(w.id, "landmark", "breakpoint_hits"));
	EXPECT_EQ(LOOKS - 1, session_internal(w.id, "landmark", "breakpoint_misses"));
	trace_end();

	/* Off means off. */
	trace_write("trace", "");
	forget(&w);
	replay_record(&w.replay);
	EXPECT_EQ(0, traced("kvm_ft_record", w.id, ""));
	forget(&w);
	EXPECT_STREQ("", w.problem);
	replay_release(&w.replay);
}

/* One RDTSC less: at its next exit the guest is past where the log has that. */
TEST(divergence_is_shown)
{
	struct watch w;

	watch_init(&w, NULL);
	replay_record(&w.replay);
	forget(&w);
	w.rdtscs = RDTSCS - 1;
	trace_begin();
	EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay_replay(&w.replay));
	trace_end();
	expect(&w, "state", "diverged");
	expect(&w, "reason", "the guest passed the landmark");
	expect(&w, "error", "0");
	expect_number(&w, "entries/rdtsc", RDTSCS - 1);
	EXPECT_EQ(1, traced("kvm_ft_divergence", w.id, ""));
	EXPECT_EQ(1, traced("kvm_ft_divergence", w.id,
			    "ordinal=999 what=\"the guest passed the landmark\" log: kind=rdtsc "));
	EXPECT_EQ(1, traced("kvm_ft_state", w.id, "from=replaying to=diverged"));
	forget(&w);
	EXPECT_STREQ("", w.problem);
	replay_release(&w.replay);
}

TEST(debugfs_files_have_versions)
{
	struct dirent *entry;
	struct watch w;
	char path[64];
	int files = 0;
	DIR *dir;

	watch_init(&w, NULL);
	replay_record(&w.replay);
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm-ft/session%u", w.id);
	dir = opendir(path);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		const char *text;

		if (entry->d_name[0] == '.')
			continue;
		files++;
		text = session_debugfs(w.id, entry->d_name);
		ASSERT_NE(NULL, text);
		EXPECT_EQ(0, strncmp(text, "version 1\n", 10))
			TH_LOG("%s: %s", entry->d_name, text);
	}
	closedir(dir);
	EXPECT_LE(4, files);
	/* 1304 entries fit into one block, and there is the closing one. */
	EXPECT_EQ(2, session_internal(w.id, "log", "blocks"));
	EXPECT_EQ(w.replay.status.entries, session_internal(w.id, "log", "ordinal"));
	EXPECT_EQ(w.replay.status.progress, session_internal(w.id, "counter", "progress"));
	forget(&w);
	EXPECT_STREQ("", w.problem);
	free(w.replay.ram);
	close(w.replay.log);
}

/* Reads everything that there is of any session, until it is told to end. */
static void *read_all(void *arg)
{
	static const char * const files[] = {
		"name", "state", "role", "error", "reason", "progress", "log_bytes",
		"lag_bytes", "entries/rdtsc", "bytes/rdtsc",
	};
	static const char * const internals[] = { "landmark", "counter", "log", "vcpu" };
	int *end = arg;
	uintptr_t reads = 0;

	while (!__atomic_load_n(end, __ATOMIC_RELAXED)) {
		unsigned int id, i;

		for (id = 0; id < 3; id++) {
			for (i = 0; i < ARRAY_SIZE(files); i++)
				reads += !!session_sysfs(id, files[i]);
			for (i = 0; i < ARRAY_SIZE(internals); i++)
				reads += !!session_debugfs(id, internals[i]);
		}
	}
	return (void *)reads;
}

/* Counts in RBX and in the log until the word in memory is set. */
GUEST_CODE(until_told, "1: rdtsc; cmpl $0, 0x100000; je 1b; out %al, $0x10\n");

static void *run_session(void *arg)
{
	struct kvm_ft_run run = {};
	int *session = arg;

	while (ioctl(*session, KVM_FT_RUN, &run) && errno == EINTR)
		;
	return (void *)(uintptr_t)run.exit;
}

/* The values change although another thread is in KVM_FT_RUN all the time. */
TEST(reading_does_not_wait_for_the_guest)
{
	int session, log = temporary_file();
	uint64_t before, changes = 0;
	unsigned int id;
	struct guest g;
	pthread_t thread;
	void *exit;

	guest_create_irqchip(&g, 4 << 20);
	guest_load_code(&g, until_told);
	session = session_create(&g, "runs");
	id = session_id(session);
	session_start(session, KVM_FT_RECORD, log);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_session, &session));
	before = session_number(id, "entries/rdtsc");
	while (changes < 3) {
		uint64_t now = session_number(id, "entries/rdtsc");

		changes += now != before;
		before = now;
		EXPECT_STREQ("recording", session_sysfs(id, "state"));
	}
	EXPECT_EQ(1, session_internal(id, "vcpu", "running"));
	__atomic_store_n((uint32_t *)(g.mem + GUEST_DATA), 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &exit));
	EXPECT_EQ(KVM_FT_EXIT_KVM, (uintptr_t)exit);
	close(session);
	guest_destroy(&g);
	close(log);
}

TEST(sessions_come_and_go_while_read)
{
	int sessions = environment_amount(300), end = 0, i;
	struct guest g;
	pthread_t thread;
	void *reads;

	guest_create_irqchip(&g, 4 << 20);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_all, &end));
	for (i = 0; i < sessions; i++) {
		int session = session_create(&g, "short");

		if (i % 8 == 0)
			sched_yield();
		close(session);
	}
	__atomic_store_n(&end, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &reads));
	TH_LOG("%lu reads succeeded", (unsigned long)reads);
	EXPECT_EQ(0, sessions_in_sysfs());
	guest_destroy(&g);
}

TEST_HARNESS_MAIN
