// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "message.h"
#include "snapshot.h"

#define BEGIN	"kvm-ft snapshot"
#define VERSION	1

/* At most so much goes to the kernel at once: a signal does not wait for more. */
#define PIECE	0x100000u

static int write_all(struct snapshot_writer *w, const void *data, uint64_t size)
{
	const char *from = data;

	while (size) {
		ssize_t done = write(w->fd, from, size < PIECE ? size : PIECE);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			w->error = errno;
			return complain("cannot write %s: %s", w->name, strerror(w->error));
		}
		from += done;
		size -= done;
		__atomic_store_n(&w->bytes, w->bytes + done, __ATOMIC_RELAXED);
	}
	return 0;
}

static int read_all(struct snapshot_reader *r, void *data, uint64_t size)
{
	char *to = data;

	while (size) {
		ssize_t done = read(r->fd, to, size < PIECE ? size : PIECE);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return complain("cannot read %s: %s", r->name, strerror(errno));
		if (!done)
			return complain("%s is cut off: it ends within a section", r->name);
		to += done;
		size -= done;
	}
	return 0;
}

static uint64_t hash_of(const struct snapshot_section *section, const void *data)
{
	struct snapshot_section head = *section;

	head.hash = 0;
	return XXH64(data, section->size, XXH64(&head, sizeof(head), 0));
}

int snapshot_write(struct snapshot_writer *w, const char *name, uint32_t version, uint64_t at,
		   const void *data, uint64_t size)
{
	struct snapshot_section section = { .version = version, .at = at, .size = size };

	if (strlen(name) >= sizeof(section.name))
		return complain("the name of section %s is too long", name);
	memcpy(section.name, name, strlen(name));
	section.hash = hash_of(&section, data);
	if (write_all(w, &section, sizeof(section)))
		return -1;
	return write_all(w, data, size);
}

int snapshot_begin(struct snapshot_writer *w)
{
	return snapshot_write(w, BEGIN, VERSION, 0, "", 0);
}

int snapshot_end(struct snapshot_writer *w)
{
	return snapshot_write(w, SNAPSHOT_END, VERSION, 0, "", 0);
}

int snapshot_next(struct snapshot_reader *r)
{
	struct snapshot_section *s = &r->section;

	if (read_all(r, s, sizeof(*s)))
		return -1;
	if (s->name[sizeof(s->name) - 1] || s->pad)
		return complain("%s is damaged: the head of a section makes no sense", r->name);
	return 0;
}

int snapshot_read(struct snapshot_reader *r, void *data)
{
	if (read_all(r, data, r->section.size))
		return -1;
	if (hash_of(&r->section, data) != r->section.hash)
		return complain("%s is damaged: section %s has another hash", r->name,
				r->section.name);
	return 0;
}

int snapshot_finish(struct snapshot_reader *r)
{
	if (r->section.size)
		return complain("%s is damaged: something follows its end", r->name);
	return snapshot_read(r, NULL);
}

int snapshot_open(struct snapshot_reader *r)
{
	if (snapshot_next(r))
		return -1;
	if (strcmp(r->section.name, BEGIN) || r->section.size)
		return complain("%s is no snapshot of ftvmm", r->name);
	if (r->section.version != VERSION)
		return complain("%s is a snapshot of version %u, this ftvmm reads version %u",
				r->name, r->section.version, VERSION);
	return snapshot_read(r, NULL);
}
