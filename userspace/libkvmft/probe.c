// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

#define FLAGS_RESERVED	0x2
#define RANDOM_START	0x12345679u	/* where the random numbers begin */
#define CR0_PE_ET	0x11

/* Interruptions of one run after which they become fewer. */
#define GREAT_MANY	32
#define LEAST_OFTEN_US	400000

/*
 * In 32-bit mode without paging.  EAX runs through random numbers; one branch
 * depends on them, so that it is often predicted wrongly, and EBX counts how
 * often it was not taken.  ECX rounds; in each another page is written to with
 * a locked instruction, which some CPUs execute speculatively and count twice
 * when that fails.
 */
asm(".pushsection .rodata\n"
	".code32\n"
	"kvmft_probe_code:\n"
	"1:	mov %eax, %edx\n"
	"	shl $13, %edx\n"
	"	xor %edx, %eax\n"
	"	mov %eax, %edx\n"
	"	shr $17, %edx\n"
	"	xor %edx, %eax\n"
	"	mov %ecx, %edi\n"
	"	and $0x3f, %edi\n"
	"	shl $12, %edi\n"
	"	lock add %eax, 0x10000(%edi)\n"
	"	test $4, %al\n"
	"	jz 2f\n"
	"	inc %ebx\n"
	"2:	dec %ecx\n"
	"	jnz 1b\n"
	"	out %al, $0x10\n"
	"	.org kvmft_probe_code + 64\n"
	".code64\n"
	".popsection\n");

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static int set_mode(struct probe *p)
{
	struct kvm_segment data = flat(16, 3);
	struct kvm_sregs sregs;

	if (ioctl(p->vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs = flat(8, 11);
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.cr0 = CR0_PE_ET;
	return ioctl(p->vcpu, KVM_SET_SREGS, &sregs);
}

static int add_ram(struct probe *p)
{
	struct kvm_userspace_memory_region region = { .memory_size = PROBE_RAM };

	p->ram = mmap(NULL, PROBE_RAM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->ram == MAP_FAILED)
		return -1;
	memcpy(p->ram + PROBE_CODE, kvmft_probe_code, PROBE_CODE_SIZE);
	region.userspace_addr = (uintptr_t)p->ram;
	return ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* While the guest runs, and only then, the signal is not blocked: no handler is needed. */
static int let_signal_in(struct probe *p, int interrupt)
{
	/* The set follows the length without a gap. */
	struct {
		struct kvm_signal_mask head;
		uint64_t blocked;
	} __attribute__((packed)) mask = {
		.head.len = sizeof(mask.blocked),
		.blocked = ~(1ull << (interrupt - 1)),
	};

	return ioctl(p->vcpu, KVM_SET_SIGNAL_MASK, &mask);
}

static int create(struct probe *p, int kvm, int interrupt)
{
	p->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (p->vm < 0 || add_ram(p))
		return -1;
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
	p->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (p->vcpu < 0 || p->run_size < 0)
		return -1;
	p->run = mmap(NULL, p->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (p->run == MAP_FAILED)
		return -1;
	return set_mode(p) || let_signal_in(p, interrupt) ? -1 : 0;
}

int kvmft_probe_open(struct probe *p, int seconds, int interrupt, timer_t timer)
{
	int kvm, err;

	*p = (struct probe){
		.vm = -1,
		.vcpu = -1,
		.ram = MAP_FAILED,
		.run = MAP_FAILED,
		.timer = timer,
	};
	if (clock_gettime(CLOCK_MONOTONIC, &p->deadline))
		return -1;
	p->deadline.tv_sec += seconds;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return -1;
	err = create(p, kvm, interrupt);
	close(kvm);
	return err;
}

void kvmft_probe_close(struct probe *p)
{
	if (p->run != MAP_FAILED)
		munmap(p->run, p->run_size);
	if (p->vcpu >= 0)
		close(p->vcpu);
	if (p->vm >= 0)
		close(p->vm);
	if (p->ram != MAP_FAILED)
		munmap(p->ram, PROBE_RAM);
}

int kvmft_probe_interrupt_every(struct probe *p, unsigned int us)
{
	struct itimerspec when = {
		.it_value.tv_nsec = 1000L * us,
		.it_interval.tv_nsec = 1000L * us,
	};

	p->interrupt_us = us;
	return timer_settime(p->timer, 0, &when, NULL);
}

int kvmft_probe_chill(struct probe *p)
{
	return madvise(p->ram + PROBE_DATA, PROBE_DATA_SIZE, MADV_DONTNEED);
}

static int time_is_over(const struct probe *p)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) || now.tv_sec > p->deadline.tv_sec;
}

/* The thread also sleeps a moment, so that the counter leaves the CPU as well. */
static void take_signal(struct probe *p, int interrupt)
{
	const struct timespec moment = { .tv_nsec = 1000 }, none = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, interrupt);
	if (sigtimedwait(&set, NULL, &none) == interrupt)
		p->interruptions++;
	nanosleep(&moment, NULL);
}

/* The guest has hardly any time in between: see kvmft_probe_interrupt_every(). */
static int interrupt_less(struct probe *p)
{
	if (p->interrupt_us > LEAST_OFTEN_US)
		return 0;
	return kvmft_probe_interrupt_every(p, 2 * p->interrupt_us);
}

static int run_to_out(struct probe *p, int interrupt)
{
	unsigned int before = p->interruptions;

	while (ioctl(p->vcpu, KVM_RUN, 0)) {
		if (errno != EINTR && errno != EAGAIN)
			return -1;
		if (time_is_over(p)) {
			errno = ETIME;
			return -1;
		}
		take_signal(p, interrupt);
		if (p->interruptions - before < GREAT_MANY)
			continue;
		if (interrupt_less(p))
			return -1;
		before = p->interruptions;
	}
	if (p->run->exit_reason == KVM_EXIT_IO)
		return 0;
	errno = EPROTO;
	return -1;
}

int kvmft_probe_run(struct probe *p, uint32_t rounds, int interrupt, uint64_t *instructions)
{
	struct kvm_regs regs = {
		.rax = RANDOM_START,
		.rcx = rounds,
		.rip = PROBE_CODE,
		.rflags = FLAGS_RESERVED,
	};

	if (time_is_over(p)) {
		errno = ETIME;
		return -1;
	}
	if (ioctl(p->vcpu, KVM_SET_REGS, &regs) || run_to_out(p, interrupt) ||
	    ioctl(p->vcpu, KVM_GET_REGS, &regs))
		return -1;
	*instructions = (uint64_t)rounds * PROBE_FEWEST + regs.rbx;
	return 0;
}
