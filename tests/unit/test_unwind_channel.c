/* SPDX-License-Identifier: MIT */
/* The pipe between the unwinding child and its parent: what is written comes out, and nothing else gets through. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analyzer/unwind/unwind_internal.h"

static void receive_garbage(const uint8_t *bytes, size_t size, size_t cut)
{
	struct unwind_reader reader;
	struct error *err = unwind_reader_init(&reader, 2, 2, 100);

	assert_null(err);
	for (size_t at = 0; at < size; at += cut) {
		if (!unwind_reader_receive(&reader, bytes + at, size - at < cut ? size - at : cut))
			break;
	}
	unwind_reader_deinit(&reader);
}

/* The parent's reader, on what no honest child would write. */
static void test_channel(void **state)
{
	const struct unwind_frame frames[3] = {
		{.pc = 1, .sp = 2, .trust = FRAME_CFI, .exact = true}, {.pc = 3}, {.pc = 4}};
	struct unwind_name name = {.address = 7, .function = (char *)"f", .inlined = (char *)"g", .file = (char *)"f.c", .line = 9};
	const struct accessed_member member = {.expression = "a->b", .type = "struct a", .offset = 8};
	struct unwind_writer writer = {.fd = -1};
	struct unwind_reader reader;
	struct error *err;
	uint8_t *copy;
	size_t size;

	(void)state;
	unwind_write_stack(&writer, 1, frames, 3, "why");
	unwind_write_name(&writer, &name);
	unwind_write_slot(&writer, 0, 24);
	unwind_write_member(&writer, &member);
	size = writer.size;
	copy = malloc(size);
	memcpy(copy, writer.bytes, size);
	for (size_t cut = 1; cut < 40; cut += 13) {
		err = unwind_reader_init(&reader, 2, 2, 100);
		assert_null(err);
		reader.member_wanted = true;
		for (size_t at = 0; at < size; at += cut)
			assert_true(unwind_reader_receive(&reader, copy + at, size - at < cut ? size - at : cut));
		assert_false(reader.done);
		assert_false(reader.stacks[0].known);
		assert_int_equal(reader.stacks[1].frame_count, 3);
		assert_true(reader.stacks[1].frames[0].exact);
		assert_string_equal(reader.stacks[1].end_reason, "why");
		assert_string_equal(reader.names[0].file, "f.c");
		assert_string_equal(reader.names[0].inlined, "g");
		assert_int_equal(reader.slots[0], 24);
		assert_string_equal(reader.member.expression, "a->b");
		assert_string_equal(reader.member.type, "struct a");
		assert_int_equal(reader.member.offset, 8);
		assert_int_equal(reader.slots[1], -1);
		/* The same stack a second time. */
		assert_false(unwind_reader_receive(&reader, copy, size));
		unwind_reader_deinit(&reader);
	}
	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		memcpy(copy, writer.bytes, size);
		for (unsigned i = 0; i < 3; i++)
			copy[(size_t)random() % size] = (uint8_t)random();
		receive_garbage(copy, size, round % 2 ? size : 5);
	}
	free(copy);
	free(writer.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
