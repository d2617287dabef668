// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "inputs.h"
#include "rtc.h"

#define PORT	0x70
#define PORTS	2

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8, YEAR = 9,
	REG_A = 10, REG_B = 11, REG_C = 12, REG_D = 13,
};

#define A_NORMAL	0x26	/* 32768 Hz; never in the middle of an update */
#define B_24H		0x02
#define B_SET		0x80
#define D_VALID		0x80

/* Seconds since 1970, in UTC, of the guest's clock.  A value: it is recorded. */
static int64_t now(const struct rtc_state *s)
{
	int64_t seconds = time(NULL);

	inputs_value(INPUT_TAG(INPUT_TIME, 0), &seconds, sizeof(seconds));
	return seconds + s->ahead;
}

static uint8_t to_bcd(int value)
{
	return value / 10 % 10 << 4 | value % 10;
}

static int from_bcd(uint8_t value)
{
	return (value >> 4) * 10 + (value & 0xf);
}

static void show_date(struct rtc_state *s)
{
	time_t seconds = now(s);
	struct tm date = { 0 };

	gmtime_r(&seconds, &date);
	s->ram[SECONDS] = to_bcd(date.tm_sec);
	s->ram[MINUTES] = to_bcd(date.tm_min);
	s->ram[HOURS] = to_bcd(date.tm_hour);
	s->ram[WEEKDAY] = to_bcd(date.tm_wday + 1);
	s->ram[DAY] = to_bcd(date.tm_mday);
	s->ram[MONTH] = to_bcd(date.tm_mon + 1);
	s->ram[YEAR] = to_bcd(date.tm_year % 100);
}

static void take_date(struct rtc_state *s)
{
	struct tm date = {
		.tm_sec = from_bcd(s->ram[SECONDS]),
		.tm_min = from_bcd(s->ram[MINUTES]),
		.tm_hour = from_bcd(s->ram[HOURS]),
		.tm_mday = from_bcd(s->ram[DAY]),
		.tm_mon = from_bcd(s->ram[MONTH]) - 1,
		.tm_year = 100 + from_bcd(s->ram[YEAR]),
	};

	s->ahead += timegm(&date) - now(s);
}

static bool is_date(uint8_t index)
{
	return index <= YEAR && index != 1 && index != 3 && index != 5;
}

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
	struct rtc_state *s = device;

	(void)size;
	if (!offset)
		return s->index;
	if (is_date(s->index) && !s->set)
		show_date(s);
	return s->ram[s->index];
}

static void write_b(struct rtc_state *s, uint8_t value)
{
	if ((value & B_SET) && !s->set)
		show_date(s);
	if (!(value & B_SET) && s->set)
		take_date(s);
	s->set = !!(value & B_SET);
	/* BCD and 24 hours are all that there is, and no interrupts. */
	s->ram[REG_B] = B_24H | (value & B_SET);
}

static void write_port(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct rtc_state *s = device;

	(void)size;
	if (!offset)
		s->index = value & 0x7f;
	else if (s->index == REG_B)
		write_b(s, value);
	else if (s->index < REG_A || s->index > REG_D)
		s->ram[s->index] = value;
}

static bool valid(const void *data)
{
	const struct rtc_state *s = data;

	return s->index < sizeof(s->ram);
}

void rtc_open(struct rtc *rtc, struct vm *vm)
{
	*rtc = (struct rtc){
		.range = {
			.start = PORT,
			.size = PORTS,
			.enabled = true,
			.device = &rtc->state,
			.read = read_port,
			.write = write_port,
		},
		.state.ram = {
			[REG_A] = A_NORMAL,
			[REG_B] = B_24H,
			[REG_D] = D_VALID,
		},
		.saved = {
			.name = "rtc",
			.data = &rtc->state,
			.size = sizeof(rtc->state),
			.valid = valid,
		},
	};
	bus_add(&vm->ports, &rtc->range);
	state_add(&rtc->saved);
}
