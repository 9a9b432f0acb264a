/* SPDX-License-Identifier: MIT */
/* Where an address lies, in a made-up address space with one of everything. */
#include "tests/unit/core_builder.h"

#include <sys/mman.h>

#include "analyzer/crash.h"
#include "analyzer/facts/place.h"
#include "analyzer/words.h"

#define EXECUTABLE 0x555555554000ULL
#define HEAP 0x555555e00000ULL
#define LIBRARY 0x7f0000000000ULL
#define THREAD_GUARD 0x7f1000000000ULL
#define THREAD_STACK (THREAD_GUARD + PAGE)
#define THREAD_STACK_END (THREAD_STACK + 8 * PAGE)
#define RESERVED 0x7f2000000000ULL
#define MAIN_STACK 0x7ffc00000000ULL
#define VVAR 0x7ffd00000000ULL
#define VDSO (VVAR + 4 * PAGE)
#define UPROBES 0x7fffffffe000ULL
#define BLOCK (THREAD_STACK + 5 * PAGE + 0x6c0)

static struct crash crash;

static void add_registers(int tid, uint64_t sp, uint64_t thread_block)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = tid == 100 ? SIGSEGV : 0};

	status.pr_reg[CORE_RSP] = sp;
	status.pr_reg[CORE_FS_BASE] = thread_block;
	add_note(NT_PRSTATUS, &status, sizeof(status));
}

static void add_files(void)
{
	struct {
		uint64_t count, page_bytes, entries[3][3];
		char paths[64];
	} note = {3,
		  PAGE,
		  {{EXECUTABLE, EXECUTABLE + PAGE, 0},
		   {EXECUTABLE + PAGE, EXECUTABLE + 2 * PAGE, 1},
		   {LIBRARY, LIBRARY + PAGE, 7}},
		  "/bin/victim\0/bin/victim\0/lib/libfoo.so"};

	add_note(NT_FILE, &note, sizeof(note));
}

static int make(void **state)
{
	const Elf64_auxv_t auxv[] = {
		{AT_RANDOM, {MAIN_STACK + PAGE}}, {AT_SYSINFO_EHDR, {VDSO}}, {AT_ENTRY, {EXECUTABLE + PAGE}}};
	struct core *core = NULL;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(core_path, sizeof(core_path), "%s/core", directory);
	begin();
	add_registers(100, MAIN_STACK + 64, LIBRARY);
	add_registers(101, THREAD_STACK + PAGE, BLOCK);
	add_files();
	add_note(NT_AUXV, auxv, sizeof(auxv));
	add_segment(EXECUTABLE, PAGE, 0, PF_R | PF_X);
	add_segment(EXECUTABLE + PAGE, PAGE, 0, PF_R | PF_W);
	add_segment(HEAP, 16 * PAGE, 16, PF_R | PF_W);
	add_segment(LIBRARY, PAGE, 0, PF_R | PF_X);
	add_segment(LIBRARY + PAGE, PAGE, 0, PF_R | PF_W);
	add_segment(THREAD_GUARD, PAGE, 0, 0);
	add_segment(THREAD_STACK, THREAD_STACK_END - THREAD_STACK, 16, PF_R | PF_W);
	add_segment(RESERVED, 16 * PAGE, 0, 0);
	add_segment(MAIN_STACK, 2 * PAGE, 16, PF_R | PF_W);
	add_segment(VVAR, 4 * PAGE, 0, PF_R);
	add_segment(VDSO, PAGE, 0, PF_R | PF_X);
	add_segment(UPROBES, PAGE, 0, PF_X);
	add_segment(0xffffffffff600000, PAGE, 0, PF_X);
	core = open_good(build());
	crash = (struct crash){.core = {.image = core}};
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	core_destroy((struct core *)crash.core.image);
	unlink(core_path);
	rmdir(directory);
	return 0;
}

static const struct row {
	uint64_t address;
	enum place_kind kind;
	int protection;
	uint32_t tid;
	const char *words;
} rows[] = {
	{0, PLACE_NULL, -1, 0, "null"},
	{0x10, PLACE_NULL, -1, 0, "near null"},
	{0xffff, PLACE_NULL, -1, 0, "near null"},
	{(uint64_t)-8, PLACE_NULL, -1, 0, "8 bytes below null"},
	{0x10000, PLACE_UNMAPPED, -1, 0, "where nothing is mapped"},
	{0x4141414141414141, PLACE_NON_CANONICAL, -1, 0, "non-canonical"},
	{0x800000000000, PLACE_NON_CANONICAL, -1, 0, "non-canonical"},
	{0xffff800000000000, PLACE_KERNEL, -1, 0, "kernel's half"},
	{EXECUTABLE + 0x10, PLACE_FILE, PROT_READ | PROT_EXEC, 0, "in victim's code (r-x, file offset 0x10)"},
	{EXECUTABLE + PAGE + 8, PLACE_FILE, PROT_READ | PROT_WRITE, 0, "in victim's data (rw-, file offset 0x1008)"},
	{EXECUTABLE + 2 * PAGE + 3, PLACE_UNMAPPED, -1, 0, "3 bytes past the end of victim"},
	{HEAP, PLACE_HEAP, PROT_READ | PROT_WRITE, 0, "in the heap"},
	{HEAP + 16 * PAGE, PLACE_UNMAPPED, -1, 0, "0 bytes past the end of the heap"},
	{HEAP + (16 << 20), PLACE_UNMAPPED, -1, 0, "in a hole of the address space, between the heap and libfoo.so"},
	{LIBRARY + 1, PLACE_FILE, PROT_READ | PROT_EXEC, 0, "libfoo.so's code (r-x, file offset 0x7001)"},
	{LIBRARY + PAGE, PLACE_ANONYMOUS, PROT_READ | PROT_WRITE, 0, "in an anonymous mapping of 4096 bytes (rw-)"},
	{THREAD_GUARD, PLACE_GUARD, PROT_NONE, 101, "in the guard page below the stack of thread 101"},
	{THREAD_GUARD - 8, PLACE_UNMAPPED, -1, 0, "8 bytes below the start of the guard page"},
	{THREAD_STACK, PLACE_STACK, PROT_READ | PROT_WRITE, 101, "in the stack of thread 101"},
	{BLOCK, PLACE_STACK, PROT_READ | PROT_WRITE, 101, "in the stack of thread 101"},
	/* Joined to the stack by the kernel, but above the thread's block. */
	{THREAD_STACK_END - 1, PLACE_ANONYMOUS, PROT_READ | PROT_WRITE, 0, "in an anonymous mapping"},
	{RESERVED + PAGE, PLACE_RESERVED, PROT_NONE, 0, "reserved without any permission"},
	{MAIN_STACK, PLACE_MAIN_STACK, PROT_READ | PROT_WRITE, 0, "in the main thread's stack"},
	{MAIN_STACK - 8, PLACE_UNMAPPED, -1, 0, "8 bytes below the start of the main thread's stack"},
	{VVAR + PAGE, PLACE_VVAR, PROT_READ, 0, "the kernel's data for the vdso (r--)"},
	{VDSO + 1, PLACE_VDSO, PROT_READ | PROT_EXEC, 0, "in the vdso (r-x)"},
	{UPROBES + 1, PLACE_UPROBES, PROT_EXEC, 0, "page for uprobes (--x)"},
	{0xffffffffff600000, PLACE_VSYSCALL, PROT_EXEC, 0, "vsyscall"},
};

static void one_of_everything(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct words words;
		struct place place;

		place_of(&crash, rows[i].address, &place);
		words_place(&words, &crash, &place);
		if (place.kind != rows[i].kind || place.protection != rows[i].protection || place.tid != rows[i].tid ||
		    !strstr(words.text, rows[i].words))
			fail_msg("0x%llx: kind %d, protection %d, thread %u: %s", (unsigned long long)rows[i].address,
				 place.kind, place.protection, place.tid, words.text);
		assert_int_equal(place.mapped, place.protection >= 0);
	}
}

static void no_core(void **state)
{
	const struct crash empty = {0};
	struct place place;

	(void)state;
	place_of(&empty, 0x8, &place);
	assert_int_equal(place.kind, PLACE_NULL);
	place_of(&empty, HEAP, &place);
	assert_int_equal(place.kind, PLACE_UNKNOWN);
	assert_false(place.mapped);
	place_of(&empty, 0x4141414141414141, &place);
	assert_int_equal(place.kind, PLACE_NON_CANONICAL);
}

/* A page that somebody unmapped 3 ms before the end. */
static void unmapped_before(void **state)
{
	static struct memory_event events[] = {
		{.id = 1,
		 .kind = MEMORY_MMAP,
		 .tid = 7,
		 .enter_ns = 1000,
		 .exit_ns = 2000,
		 .args = {0, PAGE, 3, 0x22},
		 .result = 0x7f3000000000},
		{.id = 2,
		 .kind = MEMORY_MUNMAP,
		 .tid = 8,
		 .enter_ns = 3000,
		 .exit_ns = 4000,
		 .args = {0x7f3000000000, PAGE}},
	};
	struct crash with = {.core = {.image = crash.core.image},
			     .record = {.known = true, .time_ns = 3004000},
			     .facts = {.has_biography = true}};
	struct words words;
	struct place place;

	(void)state;
	with.facts.biography.address = 0x7f3000000123;
	with.facts.biography.events = events;
	with.facts.biography.event_count = 2;
	assert_null(timeline_build(events, 2, 0x7f3000000000, 0x7f3000000000 + PAGE, &with.facts.biography.timeline));
	place_of(&with, 0x7f3000000200, &place);
	assert_int_equal(place.kind, PLACE_UNMAPPED);
	assert_true(place.ended.known);
	assert_int_equal(place.ended.tid, 8);
	assert_int_equal(place.ended.event, 1);
	assert_string_equal(words_place(&words, &with, &place),
			    "in a range of 4096 bytes that thread 8 unmapped 3.0 ms before the crash");
	place_of(&with, 0x7f3000001000, &place);
	assert_false(place.ended.known);
	timeline_deinit(&with.facts.biography.timeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_everything),
		cmocka_unit_test(no_core),
		cmocka_unit_test(unmapped_before),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
