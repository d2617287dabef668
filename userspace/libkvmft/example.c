// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that records its guest to a file, replays the log in another VM, and compares.
 *
 *   cc example.c $(pkg-config --cflags --libs kvmft) -o example
 *   ./example LOG
 *
 * The guest asks what time it is, which takes a value, and counts until it finds a letter in
 * its memory, which takes an event.  How far it comes by then is different in each recording,
 * but not in a recording's replay.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <kvmft/qualify.h>
#include <kvmft/session.h>
#include <linux/kvm.h>

#define RAM_SIZE	0x10000
#define CODE		0x1000
#define LETTER		0x2000
#define PORT_DONE	0x10
#define PORT_TIME	0x20

/* The VMM's own numbers of what is in the log. */
#define TAG_LETTER	1
#define TAG_TIME	2

/* 16-bit code. */
static const uint8_t guest_code[] = {
	0x66, 0xe5, 0x20,		/*	in $0x20, %eax */
	0x66, 0x89, 0xc3,		/*	mov %eax, %ebx */
	0x66, 0x41,			/* 1:	inc %ecx */
	0x80, 0x3e, 0x00, 0x20, 0x00,	/*	cmpb $0, 0x2000 */
	0x74, 0xf7,			/*	je 1b */
	0x0f, 0x31,			/*	rdtsc */
	0xe6, 0x10,			/*	out %al, $0x10 */
};

/**
 * struct machine - a VM with one vCPU
 * @vm: its descriptor
 * @vcpu: the vCPU's
 * @ram: its memory
 * @run: the vCPU's kvm_run
 * @end: the registers at the end
 */
struct machine {
	int vm;
	int vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	struct kvm_regs end;
};

static int call(int fd, unsigned long request, const void *argument, const char *name)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		err(1, "%s", name);
	return result;
}

#define CALL(fd, request, argument)	call(fd, request, (const void *)(argument), #request)

static void *map(size_t size, int flags, int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

/* Real mode, and a CPUID that has no more than a TSC. */
static void set_cpu(const struct machine *m)
{
	const struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;
	const struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 leaves[2];
	} cpuid = { { .nent = 2 }, { { .eax = 1 }, { .function = 1, .edx = 1 << 4 } } };

	CALL(m->vcpu, KVM_SET_CPUID2, &cpuid);
	CALL(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	CALL(m->vcpu, KVM_SET_SREGS, &sregs);
	CALL(m->vcpu, KVM_SET_REGS, &regs);
}

static void create(struct machine *m)
{
	struct kvm_userspace_memory_region region = { .memory_size = RAM_SIZE };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		err(1, "/dev/kvm (load the module kvm-amd, be in the group that owns it)");
	m->vm = CALL(kvm, KVM_CREATE_VM, 0);
	m->ram = map(RAM_SIZE, MAP_ANONYMOUS, -1);
	if (mlock(m->ram, RAM_SIZE))
		err(1, "cannot lock the guest's memory (be root, or raise ulimit -l)");
	memcpy(m->ram + CODE, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)m->ram;
	CALL(m->vm, KVM_SET_USER_MEMORY_REGION, &region);
	CALL(m->vm, KVM_CREATE_IRQCHIP, 0);
	m->vcpu = CALL(m->vm, KVM_CREATE_VCPU, 0);
	m->run = map(CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), 0, m->vcpu);
	close(kvm);
	set_cpu(m);
}

/* An event: on both sides the guest stands at the same instruction. */
static int deliver(struct machine *m, struct kvmft_session *s, const struct kvm_ft_run *run)
{
	uint8_t letter = 'x';
	uint32_t tag = TAG_LETTER, size = sizeof(letter);
	int error = run->exit == KVM_FT_EXIT_LANDMARK ?
		    kvmft_put_event(s, tag, &letter, size) :
		    kvmft_get_event(s, &tag, &letter, &size);

	if (error)
		return error;
	m->ram[LETTER] = letter;
	printf("  event %u at progress %llu: the letter %c\n", tag, run->progress, letter);
	return 0;
}

/* A value: on replay it becomes the recording's.  Returns 1 at the guest's end. */
static int take_exit(struct machine *m, struct kvmft_session *s)
{
	uint32_t now = time(NULL);
	int error;

	if (m->run->exit_reason == KVM_EXIT_IO && m->run->io.port == PORT_DONE)
		return 1;
	if (m->run->exit_reason != KVM_EXIT_IO || m->run->io.port != PORT_TIME)
		errx(1, "the guest left with exit reason %u", m->run->exit_reason);
	error = kvmft_value(s, TAG_TIME, &now, sizeof(now));
	if (error)
		return error;
	memcpy((char *)m->run + m->run->io.data_offset, &now, sizeof(now));
	printf("  value %d: the time %u\n", TAG_TIME, now);
	return 0;
}

/* Returns an error, or 1 at the end. */
static int step(struct machine *m, struct kvmft_session *s)
{
	struct kvm_ft_run run;
	int error = kvmft_run(s, &run);

	if (error)
		return error == -EINTR ? 0 : error;
	if (run.exit == KVM_FT_EXIT_KVM)
		return take_exit(m, s);
	if (run.exit == KVM_FT_EXIT_LANDMARK || run.exit == KVM_FT_EXIT_EVENT)
		return deliver(m, s, &run);
	return 1;
}

/* Something happens outside, nobody knows before when. */
static void *post_letter(void *session)
{
	nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (kvmft_kick(session))
		warnx("the letter cannot be posted");
	return NULL;
}

static void print_line(void *file, const char *text)
{
	fprintf(file, "%s\n", text);
}

static void play(struct machine *m, const char *path, bool recording)
{
	struct kvmft_guest guest = { .vm = m->vm, .vcpu = m->vcpu, .name = "example" };
	const struct kvmft_recording how = { .checking = true };
	struct kvmft_counter counter;
	struct kvm_ft_status status;
	struct kvmft_session s;
	pthread_t outside;
	int log, result;

	if (!kvmft_counter_of_lab(&counter))	/* the host is an emulated one */
		guest.lab_pmu = counter.type;
	if (kvmft_open(&s, &guest))
		errx(1, "%s", s.problem);
	log = open(path, recording ? O_RDWR | O_CREAT | O_EXCL : O_RDONLY, 0600);
	if (log < 0)
		err(1, "cannot %s the log %s", recording ? "make" : "read", path);
	if (recording ? kvmft_record(&s, log, &how) : kvmft_replay(&s, log, 0))
		errx(1, "%s", s.problem);
	close(log);
	if (recording && pthread_create(&outside, NULL, post_letter, &s))
		errx(1, "there can be no thread");
	do
		result = step(m, &s);
	while (!result);
	if (result < 0)
		errx(1, "%s", s.problem);
	if (recording)
		pthread_join(outside, NULL);
	if (kvmft_stop(&s) || kvmft_status(&s, &status))
		errx(1, "%s", s.problem);
	kvmft_report(&status, print_line, stderr);
	if (!recording && status.log_end != KVM_FT_END_COMPLETE)
		errx(1, "the replay did not come to the log's end");
	CALL(m->vcpu, KVM_GET_REGS, &m->end);
	printf("  the guest has counted to %llu\n", m->end.rcx);
	if (recording)
		printf("%llu entries in %llu bytes of log\n", status.entries, status.bytes);
	kvmft_close(&s);
}

int main(int argc, char **argv)
{
	struct machine first, second;

	if (argc != 2)
		errx(2, "usage: example LOG");
	create(&first);
	create(&second);
	printf("recording\n");
	play(&first, argv[1], true);
	printf("replaying\n");
	play(&second, argv[1], false);
	if (memcmp(&first.end, &second.end, sizeof(first.end)) ||
	    memcmp(first.ram, second.ram, RAM_SIZE))
		errx(1, "the replay differs from what was recorded");
	printf("the replay matches: registers and RAM are the same\n");
	return 0;
}
