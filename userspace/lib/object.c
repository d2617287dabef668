// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "object.h"

struct json_object *object_parse(const char *text, size_t size, int depth)
{
	struct json_tokener *tokener = json_tokener_new_ex(depth);
	struct json_object *value;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text, size);
	json_tokener_free(tokener);
	return value;
}

const char *object_line(struct json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
}

static struct json_object *member(struct json_object *object, const char *name,
				  enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *object_text(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

struct json_object *object_list(struct json_object *object, const char *name)
{
	return member(object, name, json_type_array);
}

struct json_object *object_object(struct json_object *object, const char *name)
{
	return member(object, name, json_type_object);
}

bool object_flag(struct json_object *object, const char *name)
{
	return json_object_get_boolean(member(object, name, json_type_boolean));
}

bool object_number(struct json_object *object, const char *name, uint64_t *number)
{
	struct json_object *value = member(object, name, json_type_int);
	int64_t signed_value = value ? json_object_get_int64(value) : -1;

	if (signed_value < 0)
		return false;
	*number = signed_value;
	return true;
}

bool object_copy_text(struct json_object *object, const char *name, char *to, size_t size)
{
	const char *text = object_text(object, name);

	if (!text || strlen(text) >= size)
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

void object_add_all(struct json_object *object, struct json_object *from)
{
	json_object_object_foreach(from, name, value) {
		json_object_object_add(object, name, json_object_get(value));
	}
}

void object_add_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

void object_add_number(struct json_object *object, const char *name, uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

void object_add_flag(struct json_object *object, const char *name, bool flag)
{
	json_object_object_add(object, name, json_object_new_boolean(flag));
}
