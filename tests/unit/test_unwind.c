/* SPDX-License-Identifier: MIT */
/*
 * Modules and stacks of real cores. A victim (unwind_victim.c) is compiled in several ways and run under GDB, which
 * writes the core, so that neither privilege nor core_pattern matters. Without GDB or a compiler these tests skip.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/unwind.h"

static char directory[] = "/tmp/test_unwind.XXXXXX";
static char victim[64], core_path[64], notes_path[64];

static void __attribute__((format(printf, 1, 2))) command(const char *format, ...)
{
	char *line = NULL;
	va_list args;

	va_start(args, format);
	assert_true(vasprintf(&line, format, args) > 0);
	va_end(args);
	assert_int_equal(system(line), 0);
	free(line);
}

/* Compiles the victim with `flags` and has it die as `how` says. */
static struct core *make_core(const char *flags, const char *how)
{
	struct core *core = NULL;
	struct error *err;
	char *source = strdup(__FILE__);

	unlink(core_path);
	if (system("command -v gdb >/dev/null && command -v cc >/dev/null") != 0)
		skip();
	strcpy(strrchr(source, '/') + 1, "");
	command("cc -g -O1 -fno-optimize-sibling-calls %s -pthread -o %s '%sunwind_victim.c'", flags, victim, source);
	free(source);
	command("gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'handle SIGUSR1 nostop noprint pass' "
		"-ex 'run %s %s' -ex 'gcore %s' %s >%s.log 2>&1",
		how, notes_path, core_path, victim, victim);
	if (access(core_path, R_OK) != 0)
		skip(); /* tracing is not allowed here */
	err = core_open(core_path, &core);
	assert_null(err);
	err = core_find_modules(core, NULL);
	assert_null(err);
	return core;
}

static uint64_t read_note(const char *name)
{
	FILE *file = fopen(notes_path, "re");
	unsigned long long value;
	char key[32];

	assert_non_null(file);
	while (fscanf(file, "%31s %llx", key, &value) == 2) {
		if (strcmp(key, name) == 0) {
			fclose(file);
			return value;
		}
	}
	fclose(file);
	fail_msg("no note %s", name);
	return 0;
}

static const struct core_module *victim_module(const struct core *core)
{
	for (size_t i = 0; i < core->module_count; i++) {
		if (strncmp(core->modules[i].path, victim, strlen(victim)) == 0)
			return &core->modules[i];
	}
	return NULL;
}

static struct unwind_result unwind(const struct core *core, const struct unwind_request *request)
{
	static const struct unwind_request plain = {0};
	struct unwind_result result;
	struct error *err = unwind_core(core, request ? request : &plain, &result);

	assert_null(err);
	if (result.failure)
		print_error("%s\n", result.failure);
	assert_null(result.failure);
	return result;
}

static bool is_named(const struct frame *frame, const char *name)
{
	return frame->symbol.function && strcmp(frame->symbol.function, name) == 0;
}

/* Index of the first frame of that name, from `from` on. */
static size_t find_frame(const struct thread_stack *stack, size_t from, const char *name)
{
	for (size_t i = from; i < stack->frame_count; i++) {
		if (is_named(&stack->frames[i], name))
			return i;
	}
	for (size_t i = 0; i < stack->frame_count; i++)
		print_error("  %s %s\n", stack->frames[i].symbol.function, frame_trust_name(stack->frames[i].trust));
	fail_msg("no frame %s", name);
	return 0;
}

/* From `at`, the frames of these functions follow each other. */
static void expect_chain(const struct thread_stack *stack, size_t at, const char *const *names, enum frame_trust trust)
{
	for (size_t i = 0; names[i]; i++) {
		assert_true(at + i < stack->frame_count);
		assert_true(is_named(&stack->frames[at + i], names[i]));
		if (at + i > 0)
			assert_int_equal(stack->frames[at + i].trust, trust);
	}
}

static const char *const whole_chain[] = {"inner", "middle", "outer", "main", NULL};
static const char *const caller_chain[] = {"middle", "outer", "main", NULL};

static void test_builds(void **state)
{
	static const struct {
		const char *flags;
		enum frame_trust trust;
	} builds[] = {
		{"-fno-omit-frame-pointer", FRAME_CFI},
		{"-fomit-frame-pointer", FRAME_CFI},
		{"-fomit-frame-pointer -no-pie", FRAME_CFI},
		{"-fomit-frame-pointer -static", FRAME_CFI},
		{"-fomit-frame-pointer -static-pie", FRAME_CFI},
		{"-fno-omit-frame-pointer -g0 -fno-asynchronous-unwind-tables -fno-unwind-tables", FRAME_POINTER},
		{"-fomit-frame-pointer -Wl,-z,noseparate-code -Wl,-z,max-page-size=0x200000", FRAME_CFI},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct core *core = make_core(builds[i].flags, "crash");
		const struct core_module *module = victim_module(core);
		struct unwind_result result = unwind(core, NULL);
		const struct frame *frame = &result.threads[0].frames[1];

		assert_non_null(module);
		assert_int_equal(module->state, CORE_MODULE_FOUND);
		assert_int_equal(module->build_id_bytes, 20);
		assert_int_equal(result.thread_count, 1);
		assert_true(result.threads[0].crashed);
		assert_int_equal(result.threads[0].frames[0].trust, FRAME_REGISTERS);
		assert_int_equal(result.threads[0].frames[0].pc, core->threads[0].registers[CORE_RIP]);
		expect_chain(&result.threads[0], 0, whole_chain, builds[i].trust);
		assert_string_equal(frame->symbol.module, module->path);
		assert_int_equal(strlen(frame->symbol.build_id), 40);
		assert_int_equal(frame->symbol.module_offset, frame->pc - module->load_bias);
		assert_true(frame->sp > result.threads[0].frames[0].sp);
		if (builds[i].trust == FRAME_CFI) {
			assert_non_null(strstr(frame->symbol.file, "unwind_victim.c"));
			assert_true(frame->symbol.line > 0);
			assert_null(result.threads[0].end_reason);
			find_frame(&result.threads[0], 4, "_start");
		}
		unwind_result_deinit(&result);
		core_destroy(core);
	}
}

static void test_threads_and_limit(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "thread");
	struct unwind_result result = unwind(core, NULL);
	const struct unwind_request limited = {.frame_limit = 2};
	const struct unwind_request single = {.frame_limit = 1};

	(void)state;
	assert_int_equal(result.thread_count, 2);
	assert_int_equal(result.threads[1].tid, core->threads[1].tid);
	assert_false(result.threads[1].crashed);
	find_frame(&result.threads[1], 1, "worker");
	expect_chain(&result.threads[0], 0, whole_chain, FRAME_CFI);
	unwind_result_deinit(&result);
	result = unwind(core, &limited);
	assert_int_equal(result.threads[0].frame_count, 2);
	assert_string_equal(result.threads[0].end_reason, "limit reached");
	unwind_result_deinit(&result);
	result = unwind(core, &single);
	assert_int_equal(result.threads[0].frame_count, 1);
	assert_string_equal(result.threads[0].end_reason, "limit reached");
	unwind_result_deinit(&result);
	core_destroy(core);
}

static void test_overlay(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "clobber");
	struct unwind_overlay overlay = {.slot = read_note("slot"), .return_address = read_note("return")};
	const struct unwind_request request = {.overlay = &overlay, .overlay_count = 1};
	struct unwind_result result = unwind(core, NULL);
	const struct thread_stack *stack = &result.threads[0];
	size_t at;

	(void)state;
	/* Without help the stack ends at the bad word, and says so. */
	at = find_frame(stack, 0, "inner_clobber");
	assert_int_equal(stack->frame_count, at + 2);
	assert_int_equal(stack->frames[at + 1].pc, 0x4141414141414141);
	assert_int_equal(stack->frames[at + 1].trust, FRAME_LOST);
	assert_non_null(strstr(stack->end_reason, "0x4141414141414141"));
	unwind_result_deinit(&result);

	overlay.trust = FRAME_RESTORED;
	result = unwind(core, &request);
	stack = &result.threads[0];
	at = find_frame(stack, 0, "inner");
	assert_int_equal(stack->frames[at].trust, FRAME_RESTORED);
	assert_int_equal(stack->frames[at].pc, overlay.return_address);
	expect_chain(stack, at + 1, caller_chain, FRAME_CFI);
	assert_null(stack->end_reason);
	unwind_result_deinit(&result);
	core_destroy(core);
}

/* Returned into a page without a file, as from a uretprobe. */
static void test_trampoline(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "trampoline");
	struct unwind_overlay overlay = {
		.slot = read_note("slot"), .return_address = read_note("return"), .trust = FRAME_INFERRED};
	const struct unwind_request request = {.overlay = &overlay, .overlay_count = 1};
	struct unwind_result result = unwind(core, &request);
	const struct thread_stack *stack = &result.threads[0];

	(void)state;
	assert_null(stack->frames[0].symbol.module);
	assert_true(is_named(&stack->frames[1], "inner"));
	assert_int_equal(stack->frames[1].trust, FRAME_INFERRED);
	expect_chain(stack, 2, caller_chain, FRAME_CFI);
	unwind_result_deinit(&result);
	core_destroy(core);
}

static void test_null_call(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "call");
	struct unwind_result result = unwind(core, NULL);
	const struct thread_stack *stack = &result.threads[0];

	(void)state;
	assert_int_equal(stack->frames[0].pc, 0);
	assert_true(is_named(&stack->frames[1], "inner"));
	assert_int_equal(stack->frames[1].trust, FRAME_SCAN);
	expect_chain(stack, 2, caller_chain, FRAME_CFI);
	assert_null(stack->end_reason);
	unwind_result_deinit(&result);
	core_destroy(core);
}

static void test_signal_frame(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "signal");
	struct unwind_result result = unwind(core, NULL);
	const struct thread_stack *stack = &result.threads[0];
	size_t at;

	(void)state;
	assert_true(is_named(&stack->frames[0], "handler"));
	assert_string_equal(stack->frames[1].symbol.function, "__restore_rt");
	assert_int_equal(stack->frames[1].symbol.function_offset, 0);
	at = find_frame(stack, 2, "inner");
	/* The handler had a stack of its own. */
	assert_int_equal(stack->frames[at].trust, FRAME_CFI);
	expect_chain(stack, at + 1, caller_chain, FRAME_CFI);
	assert_null(stack->end_reason);
	unwind_result_deinit(&result);
	core_destroy(core);
}

static void test_addresses(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "crash");
	struct unwind_result result = unwind(core, NULL);
	uint64_t pc = result.threads[0].frames[2].pc;
	uint64_t addresses[3] = {pc - 1, 0x10, 0};
	const struct unwind_request request = {.addresses = addresses, .address_count = 3};
	uint64_t sp = result.threads[0].frames[2].sp, caller_sp = result.threads[0].frames[3].sp;

	(void)state;
	addresses[2] = pc - result.threads[0].frames[2].symbol.function_offset;
	unwind_result_deinit(&result);
	result = unwind(core, &request);
	assert_int_equal(result.symbol_count, 3);
	assert_string_equal(result.symbols[0].function, "outer");
	assert_int_equal(result.return_slot_offsets[0], caller_sp - 8 - sp);
	assert_null(result.symbols[1].function);
	assert_null(result.symbols[1].module);
	assert_int_equal(result.return_slot_offsets[1], -1);
	/* At a function's first instruction nothing has been pushed. */
	assert_string_equal(result.symbols[2].function, "outer");
	assert_int_equal(result.symbols[2].function_offset, 0);
	assert_int_equal(result.return_slot_offsets[2], 0);
	unwind_result_deinit(&result);
	core_destroy(core);
}

/* The file has gone, or holds another build, by the time that the core is read. */
static void test_file_states(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "crash");
	struct error *err;
	const char *debug_directories[] = {directory, NULL};
	char path[160], hex[41];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		snprintf(hex + 2 * i, 3, "%02x", victim_module(core)->build_id[i]);
	core_destroy(core);
	snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s", directory, hex, hex + 2);
	command("mkdir -p %s/.build-id/%.2s && cp %s %s && cp %s %s.debug", directory, hex, victim, path, victim, path);
	command("cc -o %s -x c - </dev/null -shared -fPIC", victim);
	err = core_open(core_path, &core);
	assert_null(err);
	err = core_find_modules(core, NULL);
	assert_null(err);
	assert_int_equal(victim_module(core)->state, CORE_MODULE_MISMATCH);
	assert_int_equal(victim_module(core)->elf_fd, -1);
	core_destroy(core);

	unlink(victim);
	err = core_open(core_path, &core);
	assert_null(err);
	err = core_find_modules(core, NULL);
	assert_null(err);
	assert_int_equal(victim_module(core)->state, CORE_MODULE_MISSING);
	core_destroy(core);

	err = core_open(core_path, &core);
	assert_null(err);
	err = core_find_modules(core, debug_directories);
	assert_null(err);
	assert_int_equal(victim_module(core)->state, CORE_MODULE_FOUND);
	assert_true(victim_module(core)->debug_fd >= 0);
	core_destroy(core);
	command("rm -r %s/.build-id", directory);
}

/* Without the bytes of its stack a thread has its registers and no more. */
static void test_stack_not_dumped(void **state)
{
	struct core *core = make_core("-fomit-frame-pointer", "crash");
	struct unwind_result result;

	(void)state;
	for (size_t i = 0; i < core->segment_count; i++)
		core->segments[i].dumped_bytes = 0;
	result = unwind(core, NULL);
	assert_int_equal(result.threads[0].frame_count, 1);
	assert_true(is_named(&result.threads[0].frames[0], "inner"));
	assert_non_null(result.threads[0].end_reason);
	unwind_result_deinit(&result);
	core_destroy(core);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(victim, sizeof(victim), "%s/victim", directory);
	snprintf(core_path, sizeof(core_path), "%s/core", directory);
	snprintf(notes_path, sizeof(notes_path), "%s/notes", directory);
	return 0;
}

static int tear_down(void **state)
{
	char log_path[80];

	(void)state;
	snprintf(log_path, sizeof(log_path), "%s.log", victim);
	unlink(log_path);
	unlink(victim);
	unlink(core_path);
	unlink(notes_path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builds),		 cmocka_unit_test(test_threads_and_limit),
		cmocka_unit_test(test_overlay),		 cmocka_unit_test(test_trampoline),
		cmocka_unit_test(test_null_call),	 cmocka_unit_test(test_signal_frame),
		cmocka_unit_test(test_addresses),	 cmocka_unit_test(test_file_states),
		cmocka_unit_test(test_stack_not_dumped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
