/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/probe/probe_type.h"
#include "common/array.h"
#include "common/cleanup.h"

static const char *const c_registers[] = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"};
static const char *const go_registers[] = {"rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11"};

/* What has been given away. */
struct frame {
	enum probe_convention convention;
	size_t registers;
	unsigned stack; /* bytes, behind the return address */
};

/* The places of one value, a word each. */
struct places {
	char source[3][64];
};

static unsigned align(unsigned value, unsigned to)
{
	return to ? (value + to - 1) / to * to : value;
}

static void place_on_stack(struct frame *frame, const struct probe_type *type, struct places *ret)
{
	for (unsigned i = 0; i < type->words; i++) {
		/* C gives every argument eight bytes. */
		unsigned bytes = frame->convention == PROBE_CALL_C ? 8 : type->bytes;

		frame->stack = align(frame->stack, bytes);
		snprintf(ret->source[i], sizeof(ret->source[i]), "mem:rsp+0x%x", 8 + frame->stack);
		frame->stack += bytes;
	}
}

/* All words of a value are in registers, or none. */
static void place(struct frame *frame, const struct probe_type *type, struct places *ret)
{
	const char *const *registers = frame->convention == PROBE_CALL_C ? c_registers : go_registers;
	size_t count = frame->convention == PROBE_CALL_C    ? array_size(c_registers)
		       : frame->convention == PROBE_CALL_GO ? array_size(go_registers)
							    : 0;

	if (frame->registers + type->words > count) {
		place_on_stack(frame, type, ret);
		return;
	}
	for (unsigned i = 0; i < type->words; i++)
		snprintf(ret->source[i], sizeof(ret->source[i]), "reg:%s", registers[frame->registers++]);
}

static struct error *read_type(const char *text, enum probe_convention convention, struct probe_type *ret)
{
	if (convention == PROBE_CALL_C)
		return probe_type_read_c(text, ret);
	/* On the stack a number of any kind takes its place. */
	if (convention == PROBE_CALL_GO_STACK && (strcmp(text, "float64") == 0 || strcmp(text, "float32") == 0)) {
		*ret = (struct probe_type){
			.shape = PROBE_TYPE_SKIPPED, .words = 1, .bytes = strcmp(text, "float64") == 0 ? 8 : 4};
		return NULL;
	}
	return probe_type_read_go(text, ret);
}

static struct error *record_word(struct probe_function *function, const char *source, const char *kind)
{
	if (probe_function_add_argument(function, source, kind))
		return NULL;
	return error_format(ERROR_INVALID,
			    "at most %d words of arguments are recorded (a string or slice of Go is two); "
			    "write _ for those that are not needed",
			    PROBE_ARGUMENTS_MAX);
}

static struct error *record_argument(struct probe_function *function, const struct probe_type *type,
				     const struct places *places)
{
	char kind[24];
	struct error *err;

	switch (type->shape) {
	case PROBE_TYPE_SKIPPED:
		return NULL;
	case PROBE_TYPE_COUNTED:
		snprintf(kind, sizeof(kind), "buffer:%zu", function->argument_count + 1);
		err = record_word(function, places->source[0], kind);
		return err ? err : record_word(function, places->source[1], "i64");
	case PROBE_TYPE_PAIR:
		err = record_word(function, places->source[0], "ptr");
		return err ? err : record_word(function, places->source[1], type->words == 3 ? "i64" : "ptr");
	default:
		return record_word(function, places->source[0], type->kind);
	}
}

/* A Go name as the linker has it: path/to/package.(*Type).Method, package.Function[go.shape.int_0]. */
static void place_hidden(struct probe_function *function, const char *name, struct frame *frame)
{
	struct probe_type word = {.bytes = 8, .words = 1};
	struct places places;

	if (frame->convention == PROBE_CALL_C || !name)
		return;
	if (strstr(name, ".(*")) {
		place(frame, &word, &places);
		probe_function_add_argument(function, places.source[0], "ptr");
	}
	if (strstr(name, "[go.shape.") || strstr(name, "[...]"))
		place(frame, &word, &places);
}

/* Buffers whose length another argument tells: by now it is known where that one is. */
static struct error *link_buffers(struct probe_function *function, const struct probe_spec *spec,
				  const struct probe_type *types, const size_t *positions)
{
	for (size_t i = 0; i < spec->argument_count; i++) {
		unsigned length = types[i].length_argument;

		if (types[i].shape != PROBE_TYPE_BUFFER)
			continue;
		if (length >= spec->argument_count || types[length].shape != PROBE_TYPE_PLAIN ||
		    strchr("ui", types[length].kind[0]) == NULL)
			return error_format(ERROR_INVALID,
					    "'%s': argument %u (the first is 0) is not a number that is "
					    "recorded",
					    spec->arguments[i], length);
		snprintf(function->arguments[positions[i]].kind, sizeof(function->arguments[positions[i]].kind),
			 "buffer:%zu", positions[length]);
	}
	return NULL;
}

static struct error *assign_result(struct probe_function *function, const struct probe_spec *spec, struct frame *frame)
{
	cleanup_free char *first = strdup(spec->result);
	struct places places;
	struct probe_type type;
	char *text = first;
	struct error *err;

	if (!first)
		return &error_no_memory;
	/* Of several results of Go the first. */
	if (frame->convention != PROBE_CALL_C && *text == '(') {
		text++;
		text[strcspn(text, ",)")] = 0;
	}
	err = read_type(text, frame->convention, &type);
	if (err)
		return error_prefix(err, "result");
	if (type.shape == PROBE_TYPE_SKIPPED)
		return NULL;
	if (strchr(type.kind, ':') || type.shape == PROBE_TYPE_BUFFER)
		return error_format(ERROR_INVALID, "result: '%s' cannot be returned", spec->result);
	snprintf(places.source[0], sizeof(places.source[0]), "reg:rax");
	frame->stack = align(frame->stack, 8);
	if (frame->convention == PROBE_CALL_GO_STACK)
		place_on_stack(frame, &type, &places);
	/* What it points to may be freed already by who gets it; the address is what is kept. */
	probe_function_set_result(function, places.source[0], strcmp(type.kind, "string") == 0 ? "ptr" : type.kind);
	return NULL;
}

struct error *probe_call_assign(struct probe_function *function, const struct probe_spec *spec,
				enum probe_convention convention)
{
	struct probe_type types[PROBE_SPEC_ARGUMENTS_MAX];
	size_t positions[PROBE_SPEC_ARGUMENTS_MAX];
	struct frame frame = {.convention = convention};
	struct error *err = NULL;

	place_hidden(function, spec->function, &frame);
	for (size_t i = 0; i < spec->argument_count && !err; i++) {
		struct places places;

		err = read_type(spec->arguments[i], convention, &types[i]);
		if (err)
			return err;
		place(&frame, &types[i], &places);
		positions[i] = function->argument_count;
		err = record_argument(function, &types[i], &places);
	}
	if (!err)
		err = link_buffers(function, spec, types, positions);
	if (!err && spec->result)
		err = assign_result(function, spec, &frame);
	return err;
}
