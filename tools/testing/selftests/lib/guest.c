// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "guest.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define APIC_TDCR		0x3e0

#define PTE_PRESENT_WRITABLE	0x03
#define PDPTE_1G		0x80
#define CR0_PE_MP_ET_NE_WP_PG	0x80010033
#define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620
#define EFER_LME_LMA_NXE	0xd00

static int checked_ioctl(int fd, unsigned long cmd, unsigned long arg, const char *what)
{
	int r = ioctl(fd, cmd, arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

#define checked(fd, cmd, arg) checked_ioctl(fd, cmd, (unsigned long)(arg), #cmd)

static void add_memory(struct guest *g)
{
	struct kvm_userspace_memory_region region = { .memory_size = g->mem_size };

	g->mem = mmap(NULL, g->mem_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->mem == MAP_FAILED)
		err(1, "guest RAM of %zu bytes", g->mem_size);
	region.userspace_addr = (unsigned long)g->mem;
	checked(g->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

/* What cannot be recorded: see KVM_FT_REFUSED_* in linux/kvm_ft.h. */
static const struct {
	uint32_t function;
	uint32_t index;
	char reg;
	uint32_t bits;
} hidden[] = {
	{ 0x00000001, 0, 'c', 1u << 5 | 1u << 30 },		/* VMX, RDRAND */
	{ 0x00000007, 0, 'b', 1u << 4 | 1u << 11 | 1u << 18 },	/* HLE, RTM, RDSEED */
	{ 0x0000000a, 0, 'a', 0xff },				/* counters */
	{ 0x0000000d, 1, 'a', 1u << 0 | 1u << 1 | 1u << 3 },	/* XSAVEOPT, C, S */
	{ 0x80000001, 0, 'c', 1u << 2 | 1u << 23 | 1u << 24 },	/* SVM, counters */
	{ 0x80000008, 0, 'b', 1u << 4 },			/* RDPRU */
	{ 0x80000022, 0, 'a', 1u << 0 },			/* counters */
};

static void hide(struct kvm_cpuid_entry2 *e)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (e->function != hidden[i].function || e->index != hidden[i].index)
			continue;
		if (hidden[i].reg == 'a')
			e->eax &= ~hidden[i].bits;
		else if (hidden[i].reg == 'b')
			e->ebx &= ~hidden[i].bits;
		else
			e->ecx &= ~hidden[i].bits;
	}
}

/* Emulated hosts execute one instruction a nanosecond; each calibrates a bit off. */
#define LAB_TSC_KHZ	1000000

/* Leaf 1, ECX; KVM leaves it to the VMM. */
#define TSC_DEADLINE_TIMER	0x1000000

/* The guest sees the CPU that KVM supports, without what cannot be recorded. */
static void set_cpuid(int kvm, struct guest *g)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[128];
	} cpuid = { .head.nent = 128 };
	unsigned int i, kept = 0;

	checked(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	for (i = 0; i < cpuid.head.nent; i++) {
		hide(&cpuid.entries[i]);
		if (cpuid.entries[i].function == 1)
			cpuid.entries[i].ecx |= TSC_DEADLINE_TIMER;
		if (cpuid.entries[i].function >> 16 != 0x4000)
			cpuid.entries[kept++] = cpuid.entries[i];
	}
	cpuid.head.nent = kept;
	checked(g->vcpu, KVM_SET_CPUID2, &cpuid);
}

/* The timer's ticks: between two of them a guest comes as far as on other hosts. */
static void set_timer_divider(struct guest *g)
{
	static const uint8_t by_power_of_two[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };
	struct kvm_lapic_state lapic;
	unsigned int power = 0;

	while (1U << power < environment_slower() && power < ARRAY_SIZE(by_power_of_two) - 1)
		power++;
	checked(g->vcpu, KVM_GET_LAPIC, &lapic);
	lapic.regs[APIC_TDCR] = by_power_of_two[power];
	checked(g->vcpu, KVM_SET_LAPIC, &lapic);
}

static void create(struct guest *g, size_t mem_size, int irqchip)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		err(1, "/dev/kvm");
	memset(g, 0, sizeof(*g));
	g->mem_size = mem_size;
	g->vm = checked(kvm, KVM_CREATE_VM, 0);
	add_memory(g);
	if (irqchip)
		checked(g->vm, KVM_CREATE_IRQCHIP, 0);
	g->vcpu = checked(g->vm, KVM_CREATE_VCPU, 0);
	set_cpuid(kvm, g);
	checked(g->vcpu, KVM_SET_TSC_KHZ, LAB_TSC_KHZ);
	g->run_size = checked(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	if (g->run == MAP_FAILED)
		err(1, "kvm_run");
	close(kvm);
	if (irqchip)
		set_timer_divider(g);
	guest_reset(g);
}

void guest_create(struct guest *g, size_t mem_size)
{
	create(g, mem_size, 0);
}

void guest_create_irqchip(struct guest *g, size_t mem_size)
{
	create(g, mem_size, 1);
}

void guest_destroy(struct guest *g)
{
	munmap(g->run, g->run_size);
	close(g->vcpu);
	close(g->vm);
	munmap(g->mem, g->mem_size);
}

void guest_load(struct guest *g, uint64_t gpa, const void *data, size_t size)
{
	if (gpa > g->mem_size || size > g->mem_size - gpa)
		errx(1, "%zu bytes at %#lx do not fit into guest RAM", size, gpa);
	memcpy(g->mem + gpa, data, size);
}

uint64_t guest_put(struct guest *g, uint64_t gpa, struct guest_code code)
{
	guest_load(g, gpa, code.begin, code.end - code.begin);
	return gpa + (code.end - code.begin);
}

static void write_tables(struct guest *g)
{
	uint64_t *pml4 = (uint64_t *)(g->mem + GUEST_PAGE_TABLES);
	uint64_t *pdpt = pml4 + 512;
	uint64_t *gdt = (uint64_t *)(g->mem + GUEST_GDT);
	unsigned int i;

	memset(pml4, 0, 4096);
	pml4[0] = (GUEST_PAGE_TABLES + 0x1000) | PTE_PRESENT_WRITABLE;
	for (i = 0; i < 512; i++)
		pdpt[i] = ((uint64_t)i << 30) | PDPTE_1G | PTE_PRESENT_WRITABLE;
	gdt[0] = 0;
	gdt[GUEST_CS / 8] = 0x00af9b000000ffff;
	gdt[GUEST_DS / 8] = 0x00cf93000000ffff;
	memset(g->mem + GUEST_IDT, 0, 0x1000);
}

static void set_special_registers(struct guest *g)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = GUEST_CS, .type = 11, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = 0xffffffff, .selector = GUEST_DS, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	checked(g->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = code;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.gdt.base = GUEST_GDT;
	sregs.gdt.limit = 23;
	sregs.idt.base = GUEST_IDT;
	sregs.idt.limit = 0xfff;
	sregs.cr0 = CR0_PE_MP_ET_NE_WP_PG;
	sregs.cr2 = 0;
	sregs.cr3 = GUEST_PAGE_TABLES;
	sregs.cr4 = CR4_PAE_OSFXSR_OSXMMEXCPT;
	sregs.efer = EFER_LME_LMA_NXE;
	checked(g->vcpu, KVM_SET_SREGS, &sregs);
}

void guest_reset(struct guest *g)
{
	struct kvm_regs regs = { .rip = GUEST_ENTRY, .rsp = GUEST_STACK, .rflags = 2 };

	write_tables(g);
	set_special_registers(g);
	guest_set_regs(g, &regs);
}

void guest_set_handler(struct guest *g, int vector, uint64_t handler)
{
	uint64_t *gate = (uint64_t *)(g->mem + GUEST_IDT + 16 * vector);

	/* Interrupt gate, present, DPL 0 (APM vol. 2, "Long-Mode Gate Descriptors"). */
	gate[0] = (handler & 0xffff) | (GUEST_CS << 16) | 0x8e0000000000 |
		  (handler & 0xffff0000) << 32;
	gate[1] = handler >> 32;
}

uint32_t guest_run(struct guest *g)
{
	while (ioctl(g->vcpu, KVM_RUN, 0) < 0)
		if (errno != EINTR)
			err(1, "KVM_RUN");
	return g->run->exit_reason;
}

void guest_run_to_out(struct guest *g, uint16_t port)
{
	uint32_t reason = guest_run(g);

	if (reason == KVM_EXIT_IO && g->run->io.direction == KVM_EXIT_IO_OUT &&
	    g->run->io.port == port)
		return;
	errx(1, "the guest left with exit reason %u at rip %#llx instead of an OUT to port %#x",
	     reason, guest_regs(g).rip, port);
}

void guest_interrupt(struct guest *g, int vector)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = vector };

	checked(g->vm, KVM_SIGNAL_MSI, &msi);
}

void guest_pulse(struct guest *g, int pin)
{
	struct kvm_irq_level line = { .irq = pin, .level = 1 };

	checked(g->vm, KVM_IRQ_LINE, &line);
	line.level = 0;
	checked(g->vm, KVM_IRQ_LINE, &line);
}

struct kvm_regs guest_regs(struct guest *g)
{
	struct kvm_regs regs;

	checked(g->vcpu, KVM_GET_REGS, &regs);
	return regs;
}

void guest_set_regs(struct guest *g, const struct kvm_regs *regs)
{
	checked(g->vcpu, KVM_SET_REGS, regs);
}

static void read_at(int fd, void *buf, size_t size, off_t offset)
{
	if (pread(fd, buf, size, offset) != (ssize_t)size)
		err(1, "KVM statistics");
}

uint64_t guest_stat(struct guest *g, const char *name)
{
	int fd = checked(g->vcpu, KVM_GET_STATS_FD, 0);
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	uint64_t value;
	size_t size;
	uint32_t i;

	read_at(fd, &head, sizeof(head), 0);
	size = sizeof(*desc) + head.name_size;
	desc = malloc(size);
	if (!desc)
		err(1, "malloc");
	for (i = 0; i < head.num_desc; i++) {
		read_at(fd, desc, size, head.desc_offset + i * size);
		if (!strcmp(desc->name, name))
			break;
	}
	if (i == head.num_desc)
		errx(1, "KVM has no vCPU statistic \"%s\"", name);
	read_at(fd, &value, sizeof(value), head.data_offset + desc->offset);
	free(desc);
	close(fd);
	return value;
}
