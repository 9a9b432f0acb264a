/* SPDX-License-Identifier: MIT */
/* The list of steps that builds a crash: that it is in order, and that each step keeps to what it says. */
#include "tests/unit/core_builder.h"

#include "analyzer/assemble/assemble_steps.h"

static void fails(struct error *err, const char *expected)
{
	assert_non_null(err);
	if (!strstr(err->message, expected))
		fail_msg("'%s' does not say '%s'", err->message, expected);
	error_destroy(err);
}

/* ---- the list ---- */

static void the_list_is_in_order(void **state)
{
	(void)state;
	assert_null(assemble_check_steps(assemble_steps, assemble_step_count));
}

static void no_step_can_be_left_out_or_come_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < assemble_step_count; i++) {
		struct assemble_step steps[ASSEMBLE_STEPS_MAX + 1];

		memcpy(steps, assemble_steps, assemble_step_count * sizeof(*steps));
		memmove(&steps[i], &steps[i + 1], (assemble_step_count - i - 1) * sizeof(*steps));
		fails(assemble_check_steps(steps, assemble_step_count - 1), "no step");
		memcpy(steps, assemble_steps, assemble_step_count * sizeof(*steps));
		steps[assemble_step_count] = assemble_steps[i];
		fails(assemble_check_steps(steps, assemble_step_count + 1), assemble_steps[i].name);
	}
}

static void what_a_step_needs_comes_before_it(void **state)
{
	const struct assemble_step late = {.name = "late", .makes = PART(COUNT) - 1};
	const struct assemble_step early = {.name = "early", .takes = PART(FAULT)};
	const struct assemble_step user = {.name = "user", .takes = PART(UNWOUND), .uses_up = PART(UNWOUND)};
	const struct assemble_step taker = {.name = "taker", .takes = PART(UNWOUND)};
	const struct assemble_step waster = {.name = "waster", .takes = PART(CORE), .uses_up = PART(UNWOUND)};

	(void)state;
	fails(assemble_check_steps((struct assemble_step[]){early, late}, 2),
	      "early takes fault, which no step before it makes");
	assert_null(assemble_check_steps((struct assemble_step[]){late, early}, 2));
	assert_null(assemble_check_steps((struct assemble_step[]){late, taker, user}, 3));
	fails(assemble_check_steps((struct assemble_step[]){late, user, taker}, 3), "taker takes unwound");
	fails(assemble_check_steps((struct assemble_step[]){late, waster}, 2), "waster uses unwound up");
}

/* Every byte of a crash but its notes belongs to one part. */
static void the_parts_are_all_of_a_crash(void **state)
{
	static uint8_t owners[sizeof(struct assembly)];
	size_t free_bytes = 0;

	(void)state;
	memset(owners, 0, sizeof(owners));
	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct assemble_part_range *range = &assemble_parts[i];

		assert_non_null(range->name);
		assert_true(range->offset + range->bytes <= sizeof(owners));
		for (size_t j = 0; j < range->bytes; j++)
			assert_int_equal(owners[range->offset + j]++, 0);
	}
	for (size_t i = 0; i < sizeof(owners); i++) {
		bool in_notes = i >= offsetof(struct assembly, crash.notes) &&
				i < offsetof(struct assembly, crash.notes) + sizeof(struct crash_notes);

		/* Padding is shorter than a pointer. */
		free_bytes = owners[i] || in_notes ? 0 : free_bytes + 1;
		assert_true(free_bytes < sizeof(void *));
	}
}

/* ---- the loop ---- */

static struct error *make_process(const struct assemble_request *request, struct assembly *assembly)
{
	(void)request;
	assembly->crash.facts.pid = 7;
	return NULL;
}

static struct error *make_signal_of_pid(const struct assemble_request *request, struct assembly *assembly)
{
	(void)request;
	assembly->crash.facts.signal.number = (int32_t)assembly->crash.facts.pid;
	return NULL;
}

static struct error *refuse(const struct assemble_request *request, struct assembly *assembly)
{
	(void)request;
	(void)assembly;
	return error_format(ERROR_INVALID, "refused");
}

static void a_step_gets_what_it_takes(void **state)
{
	const struct assemble_step steps[] = {
		{"process", 0, PART(PROCESS), 0, make_process},
		{"signal", PART(PROCESS), PART(SIGNAL), 0, make_signal_of_pid},
	};
	const struct assemble_step careless = {"signal", 0, PART(SIGNAL), 0, make_signal_of_pid};
	const struct assemble_request request = {0};
	struct assembly assembly = {0};

	(void)state;
	assert_null(assemble_run(steps, 2, &request, true, &assembly));
	assert_int_equal(assembly.crash.facts.signal.number, 7);
	/* What it does not say that it takes is rubbish. */
	assert_null(assemble_run(&careless, 1, &request, true, &assembly));
	assert_int_not_equal(assembly.crash.facts.signal.number, 7);
}

static void a_step_makes_nothing_else(void **state)
{
	const struct assemble_step wrong[] = {
		{"one", PART(PROCESS), PART(FAULT), 0, make_process},
		{"two", 0, PART(FAULT), 0, make_process},
	};
	const struct assemble_request request = {0};
	struct assembly assembly = {0};

	(void)state;
	fails(assemble_run(&wrong[0], 1, &request, true, &assembly), "one wrote process");
	fails(assemble_run(&wrong[1], 1, &request, true, &assembly), "two wrote process");
	assert_int_equal(assembly.crash.facts.pid, 0);
}

static void the_first_error_ends_it(void **state)
{
	const struct assemble_step steps[] = {
		{"refuse", 0, PART(CORE), 0, refuse},
		{"process", 0, PART(PROCESS), 0, make_process},
	};
	uint64_t times[ASSEMBLE_STEPS_MAX] = {0};
	const struct assemble_request request = {.step_ns = times};
	struct assembly assembly = {0};

	(void)state;
	fails(assemble_run(steps, 2, &request, false, &assembly), "refused");
	assert_int_equal(assembly.crash.facts.pid, 0);
	assert_int_not_equal(times[0], 0);
	assert_int_equal(times[1], 0);
}

/* The real steps on a core, each with nothing but what it says it takes. */
static void the_steps_keep_to_what_they_say(void **state)
{
	static const uint8_t load[] = {0x8b, 0x7b, 0x0c}; /* mov edi, [rbx+12] */
	struct assemble_request request = {0};
	struct assembly alone = {0}, together = {0};

	(void)state;
	begin();
	add_thread(100, SIGSEGV);
	add_segment(0x10000, PAGE, PAGE, PF_R | PF_X);
	add_segment(0x20000, PAGE, PAGE, PF_R | PF_W);
	memcpy(builder.data, load, sizeof(load));
	request.core = open_good(build());
	request.core->threads[0].registers[CORE_RIP] = 0x10000;
	request.core->threads[0].registers[CORE_RSP] = 0x20100;
	request.core->signal.has_siginfo = true;
	request.core->signal.number = SIGSEGV;
	request.core->signal.code = 1;
	request.core->signal.address = 12;
	assert_null(assemble_run(assemble_steps, assemble_step_count, &request, true, &alone));
	assert_null(assemble_run(assemble_steps, assemble_step_count, &request, false, &together));
	assert_true(alone.crash.facts.fault.is_fault);
	assert_int_equal(alone.crash.facts.fault.address, 12);
	assert_int_equal(alone.crash.facts.fault_place.kind, PLACE_NULL);
	assert_int_equal(alone.crash.facts.stacks.thread_count, 1);
	assert_string_equal(alone.crash.facts.id, together.crash.facts.id);
	assert_memory_equal(&alone.crash.facts.fault, &together.crash.facts.fault, sizeof(struct fault));
	crash_deinit(&alone.crash);
	crash_deinit(&together.crash);
	core_destroy(request.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_in_order),
		cmocka_unit_test(no_step_can_be_left_out_or_come_twice),
		cmocka_unit_test(what_a_step_needs_comes_before_it),
		cmocka_unit_test(the_parts_are_all_of_a_crash),
		cmocka_unit_test(a_step_gets_what_it_takes),
		cmocka_unit_test(a_step_makes_nothing_else),
		cmocka_unit_test(the_first_error_ends_it),
		cmocka_unit_test(the_steps_keep_to_what_they_say),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
