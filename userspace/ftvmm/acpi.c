// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "acpi.h"
#include "dsdt.h"

#define packed __attribute__((packed))

#define SPACE_IO	1
#define ACCESS_BYTE	1

/* FADT: boot architecture flags. */
#define NO_VGA		0x04
#define NO_ASPM		0x10

/* FADT: fixed feature flags. */
#define RESET_SUPPORTED		0x000400
#define HARDWARE_REDUCED	0x100000

#define FADT_VERSION	6

struct address {
	uint8_t space;
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} packed;

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} packed;

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all;
	uint8_t reserved[3];
} packed;

struct xsdt {
	struct header header;
	uint64_t table[2];
} packed;

/* What hardware-reduced ACPI does not use is left out, up to the offsets given. */
struct fadt {
	struct header header;
	uint8_t unused1[109 - 36];
	uint16_t boot_flags;		/* 109 */
	uint8_t unused2;
	uint32_t flags;			/* 112 */
	struct address reset;		/* 116 */
	uint8_t reset_value;		/* 128 */
	uint16_t arm_flags;
	uint8_t minor;			/* 131 */
	uint64_t facs;
	uint64_t dsdt;			/* 140 */
	uint8_t unused3[244 - 148];
	struct address sleep_control;	/* 244 */
	struct address sleep_status;	/* 256 */
	uint64_t hypervisor;		/* 268 */
} packed;

static_assert(sizeof(struct fadt) == 276, "as ACPI 6 has it");

struct madt {
	struct header header;
	uint32_t lapic_address;
	uint32_t flags;
	struct {
		uint8_t type;
		uint8_t length;
		uint8_t processor;
		uint8_t id;
		uint32_t flags;
	} packed lapic;
	struct {
		uint8_t type;
		uint8_t length;
		uint8_t id;
		uint8_t reserved;
		uint32_t address;
		uint32_t first;
	} packed ioapic;
} packed;

/* Where each is, from ACPI_TABLES on. */
#define XSDT_AT		0x40
#define FADT_AT		0x100
#define MADT_AT		0x280
#define DSDT_AT		0x400

static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *byte = data;
	uint8_t sum = 0;

	while (size--)
		sum -= *byte++;
	return sum;
}

static struct header header(const char *signature, uint8_t revision, uint32_t length)
{
	struct header h = { .length = length, .revision = revision, .oem_revision = 1 };

	memcpy(h.signature, signature, 4);
	memcpy(h.oem, "KVMFT ", 6);
	memcpy(h.oem_table, "FTVMM   ", 8);
	memcpy(h.creator, "KVFT", 4);
	return h;
}

static struct address port(uint16_t number)
{
	return (struct address){
		.space = SPACE_IO,
		.bits = 8,
		.access = ACCESS_BYTE,
		.address = number,
	};
}

static void place(uint8_t *to, void *table)
{
	struct header *h = table;

	h->checksum = 0;
	h->checksum = checksum(table, h->length);
	memcpy(to, table, h->length);
}

static void place_rsdp(uint8_t *to)
{
	struct rsdp rsdp = {
		.revision = 2,
		.length = sizeof(rsdp),
		.xsdt = ACPI_TABLES + XSDT_AT,
	};

	memcpy(rsdp.signature, "RSD PTR ", 8);
	memcpy(rsdp.oem, "KVMFT ", 6);
	rsdp.checksum = checksum(&rsdp, offsetof(struct rsdp, length));
	rsdp.checksum_all = checksum(&rsdp, sizeof(rsdp));
	memcpy(to, &rsdp, sizeof(rsdp));
}

void acpi_place(const struct memory *m)
{
	uint8_t *at = memory_at(m, ACPI_TABLES, 0x20000);
	struct xsdt xsdt = {
		.header = header("XSDT", 1, sizeof(xsdt)),
		.table = { ACPI_TABLES + FADT_AT, ACPI_TABLES + MADT_AT },
	};
	struct fadt fadt = {
		.header = header("FACP", FADT_VERSION, sizeof(fadt)),
		.boot_flags = NO_VGA | NO_ASPM,
		.flags = RESET_SUPPORTED | HARDWARE_REDUCED,
		.reset = port(ACPI_RESET),
		.reset_value = ACPI_RESET_VALUE,
		.dsdt = ACPI_TABLES + DSDT_AT,
		.sleep_control = port(ACPI_SLEEP_CONTROL),
		.sleep_status = port(ACPI_SLEEP_STATUS),
	};
	struct madt madt = {
		.header = header("APIC", 4, sizeof(madt)),
		.lapic_address = LAPIC_ADDRESS,
		.lapic = { .type = 0, .length = sizeof(madt.lapic), .flags = 1 },
		.ioapic = {
			.type = 1,
			.length = sizeof(madt.ioapic),
			.address = IOAPIC_ADDRESS,
		},
	};

	place_rsdp(at);
	place(at + XSDT_AT, &xsdt);
	place(at + FADT_AT, &fadt);
	place(at + MADT_AT, &madt);
	memcpy(at + DSDT_AT, dsdt_aml_code, sizeof(dsdt_aml_code));
}
