/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_blame.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/report/report_registers.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/words.h"

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *steps_json(const struct blame *blame)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < blame->step_count; i++) {
		const struct blame_step *step = &blame->steps[i];
		json_t *object = json_object();

		json_object_set_new(object, "frame",
				    step->frame == SIZE_MAX ? json_null() : json_integer((json_int_t)step->frame));
		json_object_set_new(object, "pc", hex(step->pc));
		json_object_set_new(object, "text", report_text_json(step->text));
		json_array_append_new(steps, object);
	}
	return steps;
}

json_t *report_blame_json(const struct crash *crash)
{
	const struct blame *blame = &crash->facts.blame;
	const struct symbol *symbol = &blame->symbol;
	struct words text;
	json_t *object;

	if (blame->how == BLAME_NOT_KNOWN)
		return json_null();
	object = json_object();
	json_object_set_new(object, "kind", json_string("code"));
	json_object_set_new(object, "module", report_text_json(symbol->module));
	json_object_set_new(object, "function", report_text_json(symbol->function));
	json_object_set_new(object, "file", report_text_json(symbol->file));
	json_object_set_new(object, "line", symbol->line ? json_integer(symbol->line) : json_null());
	json_object_set_new(object, "how", json_string(blame_how_name(blame->how)));
	json_object_set_new(object, "frame", json_integer((json_int_t)blame->frame));
	json_object_set_new(object, "pc", blame->pc ? hex(blame->pc) : json_null());
	json_object_set_new(object, "value", hex(blame->value));
	json_object_set_new(object, "exact", json_boolean(blame->is_exact));
	json_object_set_new(object, "text", report_text_json(words_blame(&text, crash)));
	json_object_set_new(object, "steps", steps_json(blame));
	return object;
}
