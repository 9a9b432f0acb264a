/* SPDX-License-Identifier: MIT */
/*
 * Recorded stacks: what a library's functions leave on the stack at a known moment (past_victim.c, built in several
 * ways), stored as a recorder would have, and unwound. Without a compiler these tests skip.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/crash.h"
#include "analyzer/facts/event_stack.h"
#include "schema/reader.h"
#include "schema/record_file.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"
#include "schema/record_stack.h"
#include "schema/writer.h"
#include "tests/unit/past_victim.h"

#define TRAMPOLINE 0x7fffffffe000ULL

static char directory[] = "/tmp/test_event_stack.XXXXXX";
static char library[64], database[64];

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

static void must(struct error *err)
{
	if (err)
		print_error("%s\n", err->message);
	assert_null(err);
}

/* ---- a record of this very process ---- */

struct record {
	void *handle; /* of the library */
	struct capture capture;
	struct store_writer *writer;
	struct store_reader *reader;
	struct crash crash;
	uint64_t now_ns; /* rises with each event */
};

static void build_library(const char *flags)
{
	static unsigned number;
	char *source = strdup(__FILE__);

	snprintf(library, sizeof(library), "%s/libpast%u.so", directory, number++);
	if (system("command -v cc >/dev/null") != 0)
		skip();
	strcpy(strrchr(source, '/') + 1, "");
	/* Under a new name each time: dlopen knows those that it has. */
	command("cc -g -O2 %s -fPIC -shared -pthread -o %s '%spast_victim.c'", flags, library, source);
	free(source);
}

/* Everything that is code in this process now, as the recorder's first look at a process tells it. */
static void record_mappings(struct record *record)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, offset, inode;
		unsigned major, minor;
		char flags[8], path[256] = "";
		struct memory_event event = {
			.space_id = record->crash.record.space.id,
			.tid = 1,
			.kind = MEMORY_SEEN,
			.enter_ns = record->now_ns,
			.exit_ns = record->now_ns,
		};
		int64_t id;

		if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %255[^\n]", &start, &end, flags, &offset, &major, &minor,
			   &inode, path) < 7 ||
		    flags[2] != 'x' || path[0] != '/')
			continue;
		must(store_writer_add_file(
			record->writer,
			&(struct file_identity){
				.device_major = major, .device_minor = minor, .inode = inode, .path = path},
			&event.file_id));
		event.args[0] = start;
		event.args[1] = end - start;
		event.args[2] = PROT_READ | PROT_EXEC;
		event.args[3] = MAP_PRIVATE;
		event.args[5] = offset;
		must(store_writer_add_memory_event(record->writer, &event, &id));
	}
	fclose(maps);
}

static void read_boot_id(char boot_id[37])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	assert_non_null(file);
	assert_non_null(fgets(boot_id, 37, file));
	fclose(file);
}

static uint64_t real_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void record_begin(struct record *record)
{
	struct recording recording = {.started_ns = 1, .kernel_release = "", .filter = "", .corelate_version = ""};
	struct process process = {.pid = 1, .namespace_pid = 1, .start_ns = 1, .first_seen_ns = 1};
	struct space space = {.origin = SPACE_SNAPSHOT, .from_ns = 1};

	unlink(database);
	record->now_ns = real_now_ns(); /* realtime_offset_ns is 0: times are dates */
	read_boot_id(recording.boot_id);
	must(store_writer_create(database, &record->writer));
	must(store_writer_add_recording(record->writer, &recording, &recording.id));
	process.recording_id = recording.id;
	must(store_writer_add_process(record->writer, &process, &process.id));
	space.process_id = process.id;
	space.auxv_sysinfo_ehdr = getauxval(AT_SYSINFO_EHDR);
	must(store_writer_add_space(record->writer, &space, &space.id));
	record->crash.record.known = true;
	record->crash.record.process = process;
	record->crash.record.space = space;
	record->crash.record.recording.id = recording.id;
	memcpy(record->crash.record.recording.boot_id, recording.boot_id, sizeof(recording.boot_id));
	record->crash.facts.repair.trampoline = TRAMPOLINE;
	record_mappings(record);
}

static uint64_t find_stack_end(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long long start, end, found = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx", &start, &end) == 2 && (uintptr_t)line >= start && (uintptr_t)line < end)
			found = end;
	}
	fclose(maps);
	assert_int_not_equal(found, 0);
	return found;
}

/* Builds the library with `flags`, loads it, has it call its way down, and records it. */
static struct record *make_record(const char *flags, const char *how, uint64_t asked_bytes)
{
	struct record *record = calloc(1, sizeof(*record));
	int (*run)(const char *, struct capture *);

	assert_non_null(record);
	build_library(flags);
	record->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!record->handle)
		print_error("%s\n", dlerror());
	assert_non_null(record->handle);
	record->capture.asked_bytes = asked_bytes;
	record->capture.stack_end = find_stack_end();
	run = (int (*)(const char *, struct capture *))(uintptr_t)dlsym(record->handle, "victim_run");
	assert_non_null(run);
	assert_int_not_equal(run(how, &record->capture), 0);
	record_begin(record);
	return record;
}

static int64_t add_stack(struct record *record, enum stack_state state)
{
	struct recorded_stack stack = {
		.state = state,
		.asked_bytes = (uint32_t)record->capture.asked_bytes,
		.slice_bytes = state == STACK_WHOLE ? (uint32_t)record->capture.slice_bytes : 0,
		.slice = record->capture.slice,
	};
	int64_t id;

	memcpy(stack.registers, record->capture.registers, sizeof(stack.registers));
	must(store_writer_add_stack(record->writer, &stack, &id));
	return id;
}

/* Closes what is being written, once. */
static struct store_reader *reader_of(struct record *record)
{
	if (record->writer) {
		must(store_writer_commit(record->writer, record->crash.record.recording.id, record->now_ns,
					 &(uint64_t){0}));
		store_writer_destroy(record->writer);
		record->writer = NULL;
		must(store_reader_create(database, &record->reader));
	}
	return record->reader;
}

static struct event_stack load(struct record *record, int64_t stack_id, uint64_t ip)
{
	struct event_place place = {
		.ip = ip ?: record->capture.ip,
		.sp = record->capture.sp,
		.time_ns = record->now_ns + 1000,
		.stack_id = stack_id,
	};
	struct event_stack stack;

	memcpy(&place.top_word, record->capture.slice, sizeof(place.top_word));
	must(event_stacks_load(reader_of(record), &record->crash, &place, 1, &record->crash.notes, &stack));
	return stack;
}

static void record_destroy(struct record *record)
{
	if (record->handle)
		dlclose(record->handle);
	store_writer_destroy(record->writer);
	store_reader_destroy(record->reader);
	record->crash.record.known = false; /* its strings are not the crash's */
	crash_deinit(&record->crash);
	free(record);
}

/* ---- what is expected ---- */

static void print_stack(const struct event_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		print_error("  #%zu %s %s:%d %s [%s]\n", i,
			    stack->frames[i].symbol.module ? stack->frames[i].symbol.module : "?",
			    stack->frames[i].symbol.file ? stack->frames[i].symbol.file : "?",
			    stack->frames[i].symbol.line,
			    stack->frames[i].symbol.function ? stack->frames[i].symbol.function : "?",
			    frame_trust_name(stack->frames[i].trust));
	print_error("  ends: %s\n", stack->end_reason ? stack->end_reason : "(whole)");
}

static bool is_at(const struct event_stack *stack, size_t index, const char *name)
{
	return index < stack->frame_count && stack->frames[index].symbol.function &&
	       strcmp(stack->frames[index].symbol.function, name) == 0;
}

/* From `at` on the frames are of these functions, known by CFI (but the first). Returns the index after them. */
static size_t expect_frames(const struct event_stack *stack, size_t at, const char *const *names)
{
	for (size_t i = 0; names[i]; i++) {
		if (!is_at(stack, at + i, names[i])) {
			print_stack(stack);
			fail_msg("no frame %zu %s", at + i, names[i]);
		}
		assert_int_equal(stack->frames[at + i].trust, at + i == 0 ? FRAME_REGISTERS : FRAME_CFI);
	}
	for (size_t i = 0; names[i]; i++)
		at++;
	return at;
}

static void expect_end(const struct event_stack *stack, const char *reason)
{
	if (!reason ? !!stack->end_reason : !stack->end_reason || !strstr(stack->end_reason, reason)) {
		print_stack(stack);
		fail_msg("the stack should end: %s", reason ? reason : "(whole)");
	}
}

/* A frame of the library has the file and a line of the source. */
static void expect_line(const struct event_stack *stack, size_t index)
{
	assert_non_null(stack->frames[index].symbol.file);
	assert_non_null(strstr(stack->frames[index].symbol.file, "past_victim.c"));
	assert_true(stack->frames[index].symbol.line > 0);
}

static const char *const down[] = {"past_capture", "victim_wrapper", "victim_plain", NULL};

static const char *const builds[] = {
	"-fomit-frame-pointer",
	"-fno-omit-frame-pointer",
	"-fomit-frame-pointer -fcf-protection=full -Wl,-z,ibtplt",
	"-fomit-frame-pointer -Wl,-z,now -Wl,-z,noseparate-code",
	"-fomit-frame-pointer -O1 -Wl,-z,max-page-size=0x200000",
	"-fomit-frame-pointer -O3 -march=x86-64-v3",
	"-O0",
};

static void test_builds(void **state)
{
	static const struct {
		const char *how;
		const char *const above[8];
	} ways[] = {
		{"plain", {"victim_run", NULL}},
		{"crowded",
		 {"victim_crowded", "victim_crowded", "victim_crowded", "victim_crowded", "victim_run", NULL}},
		{"aligned", {"victim_aligned", "victim_run", NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
			struct record *record = make_record(builds[i], ways[j].how, 8192);
			struct event_stack stack = load(record, add_stack(record, STACK_WHOLE), 0);
			size_t at = expect_frames(&stack, expect_frames(&stack, 0, down), ways[j].above);

			expect_line(&stack, 1);
			expect_line(&stack, at - 1);
			/* Above is this program, which has its own functions and ends in main(). */
			assert_true(is_at(&stack, at, "make_record"));
			assert_int_equal(stack.state, STACK_WHOLE);
			assert_int_equal(stack.caller, 0); /* past_capture() is no part of the C library */
			assert_int_equal(record->crash.notes.count, 0);
			event_stack_deinit(&stack);
			record_destroy(record);
		}
	}
}

static void test_through_libc_and_signals(void **state)
{
	static const char *const sorted[] = {"victim_compare", NULL};
	static const char *const handled[] = {"victim_handler", NULL};
	struct record *record = make_record("-fomit-frame-pointer", "sort", 8192);
	struct event_stack stack = load(record, add_stack(record, STACK_WHOLE), 0);
	size_t at = expect_frames(&stack, expect_frames(&stack, 0, down), sorted);

	(void)state;
	while (at < stack.frame_count && event_stack_is_library(&stack.frames[at]))
		at++;
	assert_true(is_at(&stack, at, "victim_sorts"));
	assert_true(is_at(&stack, at + 1, "victim_run"));
	event_stack_deinit(&stack);
	record_destroy(record);

	record = make_record("-fomit-frame-pointer", "signal", 8192);
	stack = load(record, add_stack(record, STACK_WHOLE), 0);
	at = expect_frames(&stack, expect_frames(&stack, 0, down), handled);
	while (at < stack.frame_count && event_stack_is_library(&stack.frames[at]))
		at++;
	assert_true(is_at(&stack, at, "victim_signals"));
	assert_true(is_at(&stack, at + 1, "victim_run"));
	event_stack_deinit(&stack);
	record_destroy(record);
}

static void test_tail_calls(void **state)
{
	struct record *record = make_record("-fomit-frame-pointer", "jump", 8192);
	struct event_stack stack = load(record, add_stack(record, STACK_WHOLE), 0);

	(void)state;
	if (!is_at(&stack, 1, "victim_jumps"))
		print_stack(&stack);
	assert_true(is_at(&stack, 0, "past_capture"));
	assert_true(is_at(&stack, 1, "victim_jumps"));
	assert_int_equal(stack.frames[1].trust, FRAME_TAIL_CALL);
	expect_line(&stack, 1);
	assert_true(is_at(&stack, 2, "victim_before_jump"));
	assert_int_equal(stack.frames[2].trust, FRAME_CFI);
	assert_true(is_at(&stack, 3, "victim_run"));
	event_stack_deinit(&stack);
	record_destroy(record);
}

/* The jump at the end of past_capture() goes to the linkage table's stub of past_copy(): there, nothing has been pushed
 * yet. Where the stub is the lazy one, its second half has pushed an index. */
static void test_linkage_table(void **state)
{
	static const char *const flags[] = {"-fomit-frame-pointer -Wl,-z,lazy", "-fomit-frame-pointer -Wl,-z,now",
					    "-fomit-frame-pointer -fcf-protection=full -Wl,-z,ibtplt"};
	static const char *const above[] = {"victim_wrapper", "victim_plain", "victim_run", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct record *record = make_record(flags[i], "plain", 8192);
		const uint8_t *jump = (const uint8_t *)(uintptr_t)record->capture.ip;
		struct event_stack stack;
		int32_t displacement;
		uint64_t stub;

		while (*jump != 0xe9)
			jump++;
		memcpy(&displacement, jump + 1, sizeof(displacement));
		stub = (uint64_t)(uintptr_t)jump + 5 + (uint64_t)(int64_t)displacement;
		stack = load(record, add_stack(record, STACK_WHOLE), stub);
		assert_int_equal(stack.frames[0].pc, stub);
		assert_string_equal(stack.frames[0].symbol.module, library);
		expect_frames(&stack, 1, above);
		event_stack_deinit(&stack);
		record_destroy(record);
	}
}

static void test_truncated(void **state)
{
	struct record *record = make_record("-fomit-frame-pointer", "deep", 1024);
	struct event_stack stack = load(record, add_stack(record, STACK_WHOLE), 0);
	size_t at = expect_frames(&stack, 0, down);

	(void)state;
	assert_true(stack.frame_count > at + 10 && stack.frame_count < 100);
	/* The deepest one jumps to victim_plain(). */
	assert_true(is_at(&stack, at, "victim_deep"));
	assert_int_equal(stack.frames[at++].trust, FRAME_TAIL_CALL);
	for (; at < stack.frame_count; at++) {
		assert_true(is_at(&stack, at, "victim_deep"));
		assert_int_equal(stack.frames[at].trust, FRAME_CFI);
	}
	expect_end(&stack, "the recorded slice of 1024 bytes ends here");
	event_stack_deinit(&stack);
	record_destroy(record);
}

static void test_without_stack(void **state)
{
	static const struct {
		enum stack_state state;
		const char *reason;
	} cases[] = {
		{0, "no stack was recorded here, only the word on top of it"},
		{STACK_UNREADABLE, "the stack could not be read"},
		{STACK_SKIPPED, "the recorder's ring was filling up"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record *record = make_record("-fomit-frame-pointer", "plain", 8192);
		int64_t id = cases[i].state ? add_stack(record, cases[i].state) : 0;
		struct event_stack stack = load(record, id, 0);

		assert_int_equal(stack.frame_count, 2);
		assert_true(is_at(&stack, 0, "past_capture"));
		assert_true(is_at(&stack, 1, "victim_wrapper"));
		expect_end(&stack, cases[i].reason);
		assert_int_equal(stack.state, cases[i].state);
		event_stack_deinit(&stack);
		record_destroy(record);
	}
}

/* ---- the files ---- */

static void add_unmap(struct record *record, uint64_t address, uint64_t start_ns)
{
	struct memory_event event = {
		.space_id = record->crash.record.space.id,
		.tid = 1,
		.kind = MEMORY_MUNMAP,
		.enter_ns = start_ns,
		.exit_ns = start_ns + 10,
		.args = {address & ~4095ULL, 1u << 20},
	};
	int64_t id;

	must(store_writer_add_memory_event(record->writer, &event, &id));
}

/* The library is unloaded later, and another stands in its place. Each moment has its own. */
static void test_unloaded(void **state)
{
	static const char *const above[] = {"victim_run", NULL};
	struct record *record = make_record("-fomit-frame-pointer", "plain", 8192);
	int64_t id = add_stack(record, STACK_WHOLE), other_id;
	struct memory_event event = {
		.space_id = record->crash.record.space.id,
		.tid = 1,
		.kind = MEMORY_MMAP,
		.enter_ns = record->now_ns + 5000,
		.exit_ns = record->now_ns + 5010,
		.args = {0, 1u << 20, PROT_READ | PROT_EXEC, MAP_PRIVATE, 3, 0},
		.result = (int64_t)(record->capture.ip & ~4095ULL),
	};
	struct event_place places[2];
	struct event_stack stacks[2];

	(void)state;
	add_unmap(record, record->capture.ip, record->now_ns + 4000);
	must(store_writer_add_file(record->writer, &(struct file_identity){.inode = 12345, .path = "/nowhere/other.so"},
				   &event.file_id));
	must(store_writer_add_memory_event(record->writer, &event, &other_id));
	for (int i = 0; i < 2; i++)
		places[i] = (struct event_place){.ip = record->capture.ip,
						 .sp = record->capture.sp,
						 .time_ns = record->now_ns + (i ? 6000 : 1000),
						 .stack_id = id};
	must(event_stacks_load(reader_of(record), &record->crash, places, 2, &record->crash.notes, stacks));
	expect_frames(&stacks[0], expect_frames(&stacks[0], 0, down), above);
	assert_string_equal(stacks[1].frames[0].symbol.module, "/nowhere/other.so");
	assert_null(stacks[1].frames[0].symbol.function);
	assert_int_equal(record->crash.notes.count, 1);
	assert_non_null(strstr(record->crash.notes.lines[0], "/nowhere/other.so"));
	event_stack_deinit(&stacks[0]);
	event_stack_deinit(&stacks[1]);
	record_destroy(record);
}

/* What lies at the path later is not taken for what was mapped. */
static void test_changed_files(void **state)
{
	static const struct {
		const char *change;
		const char *note;
		bool has_names;
	} cases[] = {
		{"rm %1$s", "is not there any more", false},
		{"cp %1$s %1$s.new && mv %1$s.new %1$s", "another file has its path now", false},
		{"sleep 0.01; dd if=%1$s of=%1$s conv=notrunc bs=64 count=1 2>/dev/null", "was written to since",
		 false},
		{"sleep 0.01; chmod 700 %1$s", "is unverified", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record *record = make_record("-fomit-frame-pointer", "plain", 8192);
		int64_t id = add_stack(record, STACK_WHOLE);
		struct event_stack stack;

		/* It was unmapped before it was changed; what is mapped now would be known to be the same. */
		add_unmap(record, record->capture.ip, record->now_ns + 2000);
		command(cases[i].change, library);
		stack = load(record, id, 0);
		assert_true(stack.frame_count > 0);
		assert_string_equal(stack.frames[0].symbol.module, library);
		assert_int_equal(stack.frames[0].symbol.function != NULL, cases[i].has_names);
		assert_int_equal(record->crash.notes.count, 1);
		assert_non_null(strstr(record->crash.notes.lines[0], cases[i].note));
		event_stack_deinit(&stack);
		record_destroy(record);
	}
}

/* ---- slices that lie ---- */

static void set_word(struct record *record, uint64_t offset, uint64_t word)
{
	memcpy(record->capture.slice + offset, &word, sizeof(word));
}

static void test_trampoline(void **state)
{
	struct record *record = make_record("-fomit-frame-pointer", "plain", 8192);
	struct event_stack stack;

	(void)state;
	set_word(record, 0, TRAMPOLINE);
	stack = load(record, add_stack(record, STACK_WHOLE), 0);
	assert_int_equal(stack.frame_count, 2);
	assert_int_equal(stack.frames[1].trust, FRAME_LOST);
	expect_end(&stack, "a uretprobe took the return address");
	assert_int_equal(stack.caller, 0);
	event_stack_deinit(&stack);
	record_destroy(record);
}

static void test_hostile(void **state)
{
	static const uint64_t pointers[] = {0, 8, 0x7fffffffffffff00, UINT64_MAX - 3, UINT64_MAX - 4096, 1ULL << 63};

	(void)state;
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
		struct record *record = make_record("-fomit-frame-pointer", "plain", 8192);
		struct event_stack stack;
		uint64_t ip = record->capture.ip;

		/* Everything points to itself. */
		for (size_t j = 0; j < 6; j++)
			record->capture.registers[j] = pointers[i];
		for (uint64_t at = 0; at + 8 <= record->capture.slice_bytes; at += 8)
			set_word(record, at, i % 2 ? ip + 1 : pointers[i]);
		record->capture.sp = pointers[i];
		stack = load(record, add_stack(record, STACK_WHOLE), i == 2 ? pointers[i] : 0);
		assert_true(stack.frame_count >= 1 && stack.frame_count <= 512);
		assert_non_null(stack.end_reason);
		event_stack_deinit(&stack);
		record_destroy(record);
	}
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(database, sizeof(database), "%s/past.db", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	command("rm -rf %s", directory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builds),	   cmocka_unit_test(test_through_libc_and_signals),
		cmocka_unit_test(test_tail_calls), cmocka_unit_test(test_linkage_table),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_without_stack),
		cmocka_unit_test(test_unloaded),   cmocka_unit_test(test_changed_files),
		cmocka_unit_test(test_trampoline), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
