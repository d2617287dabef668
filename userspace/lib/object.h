/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON objects that come from others, and go to others, in a line each. */
#ifndef KVMFT_OBJECT_H
#define KVMFT_OBJECT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * object_parse() - read JSON
 * @text: one value and nothing else
 * @size: its bytes
 * @depth: how deep arrays and objects may be nested
 *
 * Return: the value, or NULL.
 */
struct json_object *object_parse(const char *text, size_t size, int depth);

/* As one line; stays as long as the object is not changed.  NULL: no memory. */
const char *object_line(struct json_object *object);

/* A member; NULL if there is none, or one of another type.  @object may be anything. */
const char *object_text(struct json_object *object, const char *name);
struct json_object *object_list(struct json_object *object, const char *name);
struct json_object *object_object(struct json_object *object, const char *name);

/* Is there a member that is true? */
bool object_flag(struct json_object *object, const char *name);

/* A member that is a number from 0 to 2^63 - 1.  Returns false if there is none. */
bool object_number(struct json_object *object, const char *name, uint64_t *number);

/* Copies a text that fits.  Returns false if there is none, or a longer one. */
bool object_copy_text(struct json_object *object, const char *name, char *to, size_t size);

/* All members of another object. */
void object_add_all(struct json_object *object, struct json_object *from);

void object_add_text(struct json_object *object, const char *name, const char *text);
void object_add_number(struct json_object *object, const char *name, uint64_t number);
void object_add_flag(struct json_object *object, const char *name, bool flag);

#endif
