// SPDX-License-Identifier: GPL-2.0-only
/* How a session has ended, for people. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

#define LINE	256

static const char *const registers[KVM_FT_REGS] = {
	"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RSP", "RBP", "R8", "R9", "R10", "R11", "R12",
	"R13", "R14", "R15", "RIP", "RFLAGS",
};

/**
 * struct sink - where lines go
 * @line: takes one
 * @data: for it
 */
struct sink {
	void (*line)(void *data, const char *text);
	void *data;
};

__attribute__((format(printf, 2, 3)))
static void say(const struct sink *sink, const char *format, ...)
{
	char text[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sink->line(sink->data, text);
}

static void say_position(const struct sink *sink, const char *side,
			 const struct kvm_ft_position *p)
{
	say(sink, "%s: entry of kind %u at progress %llu, linear RIP %#llx, value %#llx", side,
	    p->kind, p->progress, p->rip, p->value);
	if (p->npages)
		say(sink, "%s: hash of %llu pages from guest frame %#llx", side,
		    p->npages, p->gfn);
}

static void say_registers(const struct sink *sink, const struct kvm_ft_status *st)
{
	const struct kvm_ft_position *logged = &st->logged, *found = &st->found;
	int i;

	for (i = 0; i < KVM_FT_REGS; i++) {
		char log[24] = "not logged";

		if (logged->has_regs)
			snprintf(log, sizeof(log), "%016llx", logged->regs[i]);
		if (found->has_regs)
			say(sink, "%-6s log %s guest %016llx%s", registers[i], log,
			    found->regs[i], st->differs & 1u << i ? "  differs" : "");
	}
}

void kvmft_report(const struct kvm_ft_status *status, void (*line)(void *data, const char *text),
		  void *data)
{
	const struct sink sink = { line, data };

	if (status->state == KVM_FT_STATE_FAILED) {
		say(&sink, "the session has failed: %.*s (%s)", (int)sizeof(status->what),
		    status->what, strerror(status->error));
		return;
	}
	if (status->state != KVM_FT_STATE_DIVERGED)
		return;
	say(&sink, "the replay has diverged behind %llu entries: %.*s",
	    status->entries, (int)sizeof(status->what), status->what);
	say_position(&sink, "log", &status->logged);
	say_position(&sink, "guest", &status->found);
	say_registers(&sink, status);
}
