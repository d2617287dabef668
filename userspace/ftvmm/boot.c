// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where things are loaded, from below:
 *
 *   0x0500    GDT
 *   0x7000    boot_params, the "zero page"
 *   0x8000    setup_data: a seed for random numbers
 *   0x9000    page tables: the first 4 GiB, each address to itself
 *   0x20000   command line
 *   0xe0000   ACPI tables
 *   0xffff0   the reset vector
 *   1 MiB on  the kernel, where it likes to be
 *   top       initrd, at the end of RAM below 4 GiB
 */
#include <asm/bootparam.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "message.h"

#define GDT		0x500
#define ZERO_PAGE	0x7000
#define SETUP_DATA	0x8000
#define PAGE_TABLES	0x9000
#define COMMAND_LINE	0x20000
#define COMMAND_LINE_MAX	0x10000
#define RESET_VECTOR	0xffff0
#define LOW_END		0xa0000		/* of RAM below the first MiB */
#define HIGH_START	0x100000

#define HEADER_AT	0x1f1		/* of setup_header, in a bzImage */
#define HEADER_END	0x202		/* its length is in the byte before */
#define ENTRY_64	0x200		/* from the start of the loaded kernel */
#define LOADER_UNDEFINED	0xff
#define SEED_TYPE	9		/* SETUP_RNG_SEED, newer than the headers */

#define PAGE		0x1000ull
#define HUGE_PAGE	0x200000ull
#define PTE_PRESENT	0x1
#define PTE_WRITABLE	0x2
#define PTE_HUGE	0x80

#define CR0_PE		0x1
#define CR0_ET		0x10
#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define EFER_LME	0x100
#define EFER_LMA	0x400
#define FLAGS_RESERVED	0x2

static int read_file(struct boot_file *file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	ssize_t got = 0;
	size_t done;

	if (fd < 0 || fstat(fd, &info))
		goto fail;
	file->size = info.st_size;
	file->data = malloc(file->size + 1);
	for (done = 0; file->data && done < file->size; done += got) {
		got = read(fd, file->data + done, file->size - done);
		if (got <= 0)
			break;
	}
	if (!file->data || got < 0)
		goto fail;
	file->size = done;
	close(fd);
	return 0;
fail:
	complain("cannot read %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static const struct setup_header *header_of(const struct boot *boot)
{
	return (const struct setup_header *)(boot->kernel.data + HEADER_AT);
}

static int check_kernel(const struct boot *boot, const char *path)
{
	const struct setup_header *h = header_of(boot);

	if (boot->kernel.size < HEADER_AT + sizeof(*h) || memcmp(&h->header, "HdrS", 4))
		return complain_with_remedy("give --kernel a /boot/vmlinuz-* file",
					    "%s is no bzImage", path);
	if (h->version < 0x20c || !(h->xloadflags & XLF_KERNEL_64) || !h->relocatable_kernel)
		return complain("%s is not a relocatable 64-bit Linux, from 3.8 on", path);
	return 0;
}

int boot_open(struct boot *boot, const char *kernel, const char *initrd)
{
	if (read_file(&boot->kernel, kernel) || check_kernel(boot, kernel))
		return -1;
	if (initrd && read_file(&boot->initrd, initrd))
		return -1;
	if (getrandom(boot->rng_seed, sizeof(boot->rng_seed), 0) != sizeof(boot->rng_seed))
		return complain("the host has no random numbers: %s", strerror(errno));
	return 0;
}

void boot_close(struct boot *boot)
{
	free(boot->kernel.data);
	free(boot->initrd.data);
	free(boot->command_line);
}

/*
 * There is no clock that the guest could measure its TSC with: it is told.  And it
 * must not doubt it, for want of a clock to compare it with.
 */
int boot_set_command_line(struct boot *boot, const char *append, const char *console)
{
	unsigned int khz = vcpu_tsc_khz(boot->vcpu);
	const char *separator = *append ? " " : "";
	char words[128] = "";

	if (!khz)
		return complain("KVM does not know the frequency of this host's TSC");
	if (console && !strstr(append, "console="))
		snprintf(words, sizeof(words), "console=%s ", console);
	if (asprintf(&boot->command_line, "%s%s%stsc_early_khz=%u tsc=reliable", append, separator,
		     words, khz) < 0) {
		boot->command_line = NULL;
		return complain("no memory");
	}
	if (strlen(boot->command_line) >= header_of(boot)->cmdline_size ||
	    strlen(boot->command_line) >= COMMAND_LINE_MAX)
		return complain_with_remedy("shorten --append",
					    "the command line is longer than %u bytes",
					    header_of(boot)->cmdline_size);
	return 0;
}

static void add_e820(struct boot_params *params, uint64_t start, uint64_t end, uint32_t type)
{
	if (start < end)
		params->e820_table[params->e820_entries++] =
			(struct boot_e820_entry){ start, end - start, type };
}

static void describe_memory(struct boot_params *params, const struct memory *m)
{
	add_e820(params, 0, LOW_END, 1);
	add_e820(params, ACPI_TABLES, HIGH_START, 2);
	add_e820(params, HIGH_START, m->low, 1);
	add_e820(params, MEMORY_HIGH, MEMORY_HIGH + m->size - m->low, 1);
}

/* Where it was linked for, or from 1 MiB on if there is too little RAM for that. */
static int place_kernel(const struct boot *boot, uint64_t end, uint64_t *at)
{
	const struct setup_header *h = header_of(boot);
	size_t setup = ((h->setup_sects ?: 4) + 1) * 512;
	uint64_t align = h->kernel_alignment ?: HUGE_PAGE;
	uint64_t size = boot->kernel.size - setup;
	struct vm *vm = boot->vcpu->vm;
	void *to;

	if (setup >= boot->kernel.size)
		return complain("the kernel's file is damaged: it ends within its header");
	if (size < h->init_size)
		size = h->init_size;
	*at = h->pref_address;
	if (*at < HIGH_START || *at + size > end)
		*at = (HIGH_START + align - 1) / align * align;
	to = memory_at(&vm->memory, *at, size);
	if (!to || *at + size > end)
		return complain_with_remedy("raise --memory",
					    "kernel and initrd do not fit into the guest's RAM");
	memcpy(to, boot->kernel.data + setup, boot->kernel.size - setup);
	return 0;
}

static int place_initrd(const struct boot *boot, uint64_t *at)
{
	uint64_t top = boot->vcpu->vm->memory.low;
	size_t size = boot->initrd.size;

	if (top > (uint64_t)header_of(boot)->initrd_addr_max + 1)
		top = (uint64_t)header_of(boot)->initrd_addr_max + 1;
	if (top < HIGH_START || size > top - HIGH_START)
		return complain_with_remedy("raise --memory",
					    "the initrd does not fit into the guest's memory");
	*at = (top - size) & ~(PAGE - 1);
	if (size)
		memcpy(memory_at(&boot->vcpu->vm->memory, *at, size), boot->initrd.data, size);
	return 0;
}

static void place_seed(const struct boot *boot)
{
	struct setup_data *data = memory_at(&boot->vcpu->vm->memory, SETUP_DATA, PAGE);

	*data = (struct setup_data){ .type = SEED_TYPE, .len = sizeof(boot->rng_seed) };
	memcpy(data->data, boot->rng_seed, sizeof(boot->rng_seed));
}

static void place_params(const struct boot *boot, uint64_t initrd)
{
	const struct memory *m = &boot->vcpu->vm->memory;
	struct boot_params *params = memory_at(m, ZERO_PAGE, PAGE);
	size_t header = HEADER_END + boot->kernel.data[HEADER_END - 1] - HEADER_AT;

	memset(params, 0, sizeof(*params));
	if (header > sizeof(params->hdr))
		header = sizeof(params->hdr);
	memcpy(&params->hdr, header_of(boot), header);
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = COMMAND_LINE;
	params->hdr.setup_data = SETUP_DATA;
	params->hdr.ramdisk_image = boot->initrd.size ? initrd : 0;
	params->hdr.ramdisk_size = boot->initrd.size;
	params->acpi_rsdp_addr = ACPI_TABLES;
	describe_memory(params, m);
	memcpy(memory_at(m, COMMAND_LINE, COMMAND_LINE_MAX), boot->command_line,
	       strlen(boot->command_line) + 1);
}

/* One table of 4 pages of 1 GiB each would do, but not all CPUs have such pages. */
static void place_page_tables(const struct memory *m)
{
	uint64_t *tables = memory_at(m, PAGE_TABLES, 6 * PAGE);
	uint64_t i;

	memset(tables, 0, 2 * PAGE);
	tables[0] = (PAGE_TABLES + PAGE) | PTE_PRESENT | PTE_WRITABLE;
	for (i = 0; i < 4; i++)
		tables[512 + i] = (PAGE_TABLES + (2 + i) * PAGE) | PTE_PRESENT | PTE_WRITABLE;
	for (i = 0; i < 4 * 512; i++)
		tables[1024 + i] = i * HUGE_PAGE | PTE_PRESENT | PTE_WRITABLE | PTE_HUGE;
}

/*
 * On machines with hardware-reduced ACPI Linux does not use ACPI's reset register.  It
 * asks EFI, then the BIOS: by a jump to the reset vector, in real mode.
 */
static void place_reset_vector(const struct memory *m)
{
	static const uint8_t code[] = {
		0xba, ACPI_RESET & 0xff, ACPI_RESET >> 8,	/* mov $ACPI_RESET, %dx */
		0xb0, ACPI_RESET_VALUE,				/* mov $1, %al */
		0xee,						/* out %al, %dx */
		0xf4,						/* hlt */
	};

	memcpy(memory_at(m, RESET_VECTOR, sizeof(code)), code, sizeof(code));
}

static struct kvm_segment segment(uint16_t selector, int is_code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = is_code ? 11 : 3,
		.present = 1,
		.s = 1,
		.l = is_code,
		.db = !is_code,
		.g = 1,
	};
}

static int set_registers(const struct boot *boot, uint64_t kernel)
{
	uint64_t *gdt = memory_at(&boot->vcpu->vm->memory, GDT, 4 * sizeof(*gdt));
	struct kvm_segment data = segment(0x18, 0);
	int vcpu = boot->vcpu->fd;
	struct kvm_regs regs = {
		.rip = kernel + ENTRY_64,
		.rsi = ZERO_PAGE,
		.rflags = FLAGS_RESERVED,
	};
	struct kvm_sregs sregs;

	gdt[0] = 0;
	gdt[1] = 0;
	gdt[2] = 0x00af9b000000ffff;	/* code */
	gdt[3] = 0x00cf93000000ffff;	/* data */
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return complain("cannot read the vCPU's segments: %s", strerror(errno));
	sregs.gdt = (struct kvm_dtable){ .base = GDT, .limit = 4 * sizeof(*gdt) - 1 };
	sregs.cs = segment(0x10, 1);
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.cr3 = PAGE_TABLES;
	sregs.cr4 = CR4_PAE;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_PG;
	sregs.efer = EFER_LME | EFER_LMA;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		return complain("cannot set the vCPU's registers: %s", strerror(errno));
	return 0;
}

int boot_load(void *data)
{
	const struct boot *boot = data;
	const struct memory *m = &boot->vcpu->vm->memory;
	uint64_t kernel, initrd;

	if (place_initrd(boot, &initrd) || place_kernel(boot, initrd, &kernel))
		return -1;
	place_seed(boot);
	place_params(boot, initrd);
	place_page_tables(m);
	place_reset_vector(m);
	acpi_place(m);
	return set_registers(boot, kernel);
}

/* Sections of a snapshot. */
#define KERNEL_SECTION		"boot.kernel"
#define INITRD_SECTION		"boot.initrd"
#define COMMAND_LINE_SECTION	"boot.command_line"
#define SEED_SECTION		"boot.seed"
#define SECTION_VERSION		1
#define FILE_MAX		0x80000000

int boot_save(const struct boot *boot, struct snapshot_writer *to)
{
	const struct boot_file *kernel = &boot->kernel, *initrd = &boot->initrd;

	if (snapshot_write(to, KERNEL_SECTION, SECTION_VERSION, 0, kernel->data, kernel->size) ||
	    snapshot_write(to, INITRD_SECTION, SECTION_VERSION, 0, initrd->data, initrd->size) ||
	    snapshot_write(to, COMMAND_LINE_SECTION, SECTION_VERSION, 0, boot->command_line,
			   strlen(boot->command_line)))
		return -1;
	return snapshot_write(to, SEED_SECTION, SECTION_VERSION, 0, boot->rng_seed,
			      sizeof(boot->rng_seed));
}

/* Each comes once. */
static int take_file(struct boot_file *file, uint64_t max, struct snapshot_reader *from)
{
	if (file->data || from->section.version != SECTION_VERSION || from->section.size > max)
		return complain("%s: section %s makes no sense", from->name, from->section.name);
	file->data = calloc(1, from->section.size + 1);
	if (!file->data)
		return complain("no memory for section %s of %s", from->section.name, from->name);
	file->size = from->section.size;
	return snapshot_read(from, file->data) ? -1 : 1;
}

static int take_command_line(struct boot *boot, struct snapshot_reader *from)
{
	struct boot_file line = { .data = (uint8_t *)boot->command_line };
	int taken = take_file(&line, COMMAND_LINE_MAX - 1, from);

	boot->command_line = (char *)line.data;
	return taken;
}

static int take_seed(struct boot *boot, struct snapshot_reader *from)
{
	if (from->section.version != SECTION_VERSION ||
	    from->section.size != sizeof(boot->rng_seed))
		return complain("%s: section %s makes no sense", from->name, from->section.name);
	return snapshot_read(from, boot->rng_seed) ? -1 : 1;
}

int boot_take(struct boot *boot, struct snapshot_reader *from)
{
	const char *name = from->section.name;

	if (!strcmp(name, KERNEL_SECTION))
		return take_file(&boot->kernel, FILE_MAX, from);
	if (!strcmp(name, INITRD_SECTION))
		return take_file(&boot->initrd, FILE_MAX, from);
	if (!strcmp(name, COMMAND_LINE_SECTION))
		return take_command_line(boot, from);
	if (!strcmp(name, SEED_SECTION))
		return take_seed(boot, from);
	return 0;
}

int boot_loaded(const struct boot *boot)
{
	if (!boot->kernel.data || !boot->initrd.data || !boot->command_line)
		return complain("the snapshot lacks the kernel, the initrd or the command line");
	return check_kernel(boot, "the snapshot's kernel");
}
