/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands in the way of something: by name, with the remedy. */
#ifndef KVMFT_FINDING_H
#define KVMFT_FINDING_H

#include <json-c/json.h>

#define FINDINGS_MAX	64

/**
 * struct finding - something in the way
 * @name: of the reason, such as "DISK_NOT_SHARED"
 * @text: what it is
 * @remedy: what to do about it; empty if @text says so
 */
struct finding {
	char name[32];
	char text[512];
	char remedy[256];
};

/**
 * struct findings - all that was found
 * @list: the first FINDINGS_MAX
 * @count: of these
 */
struct findings {
	struct finding list[FINDINGS_MAX];
	unsigned int count;
};

/**
 * findings_add() - add one
 * @f: the list
 * @name: see struct finding
 * @remedy: likewise
 * @format: of the text
 *
 * Return: -1, so that a function can say what is wrong and fail at once.
 */
__attribute__((format(printf, 4, 5)))
int findings_add(struct findings *f, const char *name, const char *remedy,
		 const char *format, ...);

/* An array of objects with "name", "text" and "remedy".  NULL: no memory. */
struct json_object *findings_save(const struct findings *f);

/**
 * findings_load() - read what findings_save() has made
 * @f: gets them in addition
 * @list: not trusted
 *
 * Return: 0, or -1 if it is something else.
 */
int findings_load(struct findings *f, struct json_object *list);

#endif
