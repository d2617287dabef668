// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "finding.h"
#include "object.h"

int findings_add(struct findings *f, const char *name, const char *remedy,
		 const char *format, ...)
{
	struct finding *one;
	va_list arguments;

	if (f->count == FINDINGS_MAX)
		return -1;
	one = &f->list[f->count++];
	snprintf(one->name, sizeof(one->name), "%s", name);
	snprintf(one->remedy, sizeof(one->remedy), "%s", remedy);
	va_start(arguments, format);
	vsnprintf(one->text, sizeof(one->text), format, arguments);
	va_end(arguments);
	return -1;
}

struct json_object *findings_save(const struct findings *f)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; list && i < f->count; i++) {
		struct json_object *one = json_object_new_object();

		if (!one)
			break;
		object_add_text(one, "name", f->list[i].name);
		object_add_text(one, "text", f->list[i].text);
		object_add_text(one, "remedy", f->list[i].remedy);
		json_object_array_add(list, one);
	}
	return list;
}

int findings_load(struct findings *f, struct json_object *list)
{
	size_t i, count;

	if (!json_object_is_type(list, json_type_array))
		return -1;
	count = json_object_array_length(list);
	for (i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = object_text(one, "name");
		const char *text = object_text(one, "text");
		const char *remedy = object_text(one, "remedy");

		if (!name || !text || !remedy)
			return -1;
		findings_add(f, name, remedy, "%s", text);
	}
	return 0;
}
