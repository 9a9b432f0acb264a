/* SPDX-License-Identifier: MIT */
/* The core reader on cores that are cut short or lie about themselves. */
#include "tests/unit/core_builder.h"

static void test_lying_notes(void **state)
{
	struct core *core;
	uint32_t huge = UINT32_MAX;
	size_t place;

	(void)state;
	/* Sizes that leave the segment end the walk; what came before stays. */
	for (unsigned field = 0; field < 2; field++) {
		begin_good();
		place = builder.note_bytes;
		add_thread(102, 0);
		memcpy(builder.notes + place + field * sizeof(uint32_t), &huge, sizeof(huge));
		core = open_good(build());
		assert_int_equal(core->thread_count, 2);
		core_destroy(core);
	}
	begin();
	add_thread(1, 0);
	memcpy(builder.notes, &huge, sizeof(huge));
	expect_error(build(), ERROR_INVALID, "no thread");
	begin();
	add_note(NT_PRSTATUS, "short", 5);
	expect_error(build(), ERROR_INVALID, "no thread");
	begin();
	add_segment(0x1000, PAGE, 0, PF_R);
	builder.programs[0].p_type = PT_NULL;
	expect_error(build(), ERROR_INVALID, "without notes");
	/* A PT_NOTE that promises more than the file has. */
	begin_good();
	builder.programs[0].p_filesz = UINT64_MAX / 2;
	core = open_good(build());
	assert_int_equal(core->thread_count, 2);
	assert_true(core->truncated);
	core_destroy(core);
}

static void test_lying_segments(void **state)
{
	struct core *core;

	(void)state;
	begin_good();
	add_segment(0x11000, PAGE, 0, PF_R);
	expect_error(build(), ERROR_INVALID, "overlap");
	begin_good();
	add_segment(UINT64_MAX - 10, PAGE, 0, PF_R);
	expect_error(build(), ERROR_INVALID, "wraps");
	begin_good();
	builder.programs[1].p_filesz = builder.programs[1].p_memsz + 1;
	expect_error(build(), ERROR_INVALID, "more bytes");
	begin_good();
	builder.programs[1].p_offset = UINT64_MAX - PAGE;
	expect_error(build(), ERROR_INVALID, "offset");
	begin_good();
	builder.header.e_phentsize = 1;
	expect_error(build(), ERROR_INVALID, "program headers of 1 bytes");
	begin_good();
	builder.header.e_phoff = UINT64_MAX - 3;
	expect_error(build(), ERROR_INVALID, "truncated before its notes");
	begin_good();
	builder.header.e_phnum = 60000;
	expect_error(build(), ERROR_INVALID, "truncated before its notes");
	/* Out of order is no lie. An offset past the end is a core that was cut. */
	begin_good();
	add_segment(0x1000, PAGE, PAGE, PF_R);
	builder.programs[1].p_offset = 1ull << 40;
	core = open_good(build());
	assert_int_equal(core->segments[0].start, 0x1000);
	assert_true(core->truncated);
	assert_int_equal(core->missing_bytes, 2 * PAGE);
	core_destroy(core);
}

/* More than 65534 segments. `section_offset` 0 puts the section header where it belongs, at the end. */
static size_t build_many(uint32_t count, uint32_t claimed, uint64_t section_offset)
{
	size_t notes_offset = sizeof(Elf64_Ehdr) + (size_t)count * sizeof(Elf64_Phdr);
	Elf64_Phdr *programs = (Elf64_Phdr *)(file_bytes + sizeof(Elf64_Ehdr));
	size_t end = notes_offset + 1024;
	Elf64_Shdr section = {.sh_info = claimed};

	begin();
	add_thread(100, SIGSEGV);
	builder.header.e_phnum = PN_XNUM;
	builder.header.e_shoff = section_offset ? section_offset : end;
	builder.header.e_shnum = 1;
	memcpy(file_bytes, &builder.header, sizeof(builder.header));
	programs[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = notes_offset, .p_filesz = builder.note_bytes};
	for (uint32_t i = 1; i < count; i++)
		programs[i] = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_vaddr = (uint64_t)i * 2 * PAGE, .p_memsz = PAGE, .p_offset = end};
	memcpy(file_bytes + notes_offset, builder.notes, builder.note_bytes);
	memcpy(file_bytes + end, &section, sizeof(section));
	return end + sizeof(section);
}

static void test_many_segments(void **state)
{
	struct core *core;
	size_t size;

	(void)state;
	core = open_good(build_many(70000, 70000, 0));
	assert_int_equal(core->segment_count, 69999);
	assert_non_null(core_find_segment(core, 69999ull * 2 * PAGE));
	core_destroy(core);
	/* The section header was cut off with the end of the file: the place of the notes tells the number. */
	size = build_many(70000, 70000, 0);
	core = open_good(size - sizeof(Elf64_Shdr));
	assert_int_equal(core->segment_count, 69999);
	core_destroy(core);
	expect_error(build_many(70000, 12, 0), ERROR_INVALID, "wrong number");
	expect_error(build_many(70000, UINT32_MAX, 0), ERROR_INVALID, "truncated before its notes");
	size = build_many(70000, 70000, UINT64_MAX - 8);
	((Elf64_Phdr *)(file_bytes + sizeof(Elf64_Ehdr)))->p_offset = 77;
	expect_error(size, ERROR_INVALID, "is missing");
}

static void test_truncated(void **state)
{
	struct core *core;
	size_t size, notes_end;

	(void)state;
	begin_good();
	size = build();
	notes_end = size - builder.data_bytes;
	core = open_good(size - 100);
	assert_true(core->truncated);
	assert_int_equal(core->missing_bytes, 100);
	assert_int_equal(core->segments[0].dumped_bytes, 2 * PAGE + 16 - 100);
	core_destroy(core);
	core = open_good(notes_end - 1);
	assert_int_equal(core->thread_count, 1);
	assert_int_equal(core->missing_bytes, 1 + 2 * PAGE + 16);
	core_destroy(core);
	expect_error(notes_end - builder.note_bytes + 40, ERROR_INVALID, "truncated before its notes");
	expect_error(notes_end - builder.note_bytes, ERROR_INVALID, "truncated before its notes");
	expect_error(100, ERROR_INVALID, "truncated before its notes");
	expect_error(63, ERROR_INVALID, "truncated in its ELF header");
	expect_error(17, ERROR_INVALID, "truncated in its ELF header");
	/* No length at all may crash it. */
	for (size_t length = 0; length < size; length += length < 2000 ? 1 : 509) {
		struct error *err;

		save(length);
		core = NULL;
		err = core_open(core_path, &core);
		assert_true(!err == !!core);
		error_destroy(err);
		core_destroy(core);
	}
}

/* Bytes flipped at random places, the same ones in each run. */
static void test_flipped_bytes(void **state)
{
	uint8_t note[256];
	size_t size;

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 3000; round++) {
		struct core *core = NULL;
		struct error *err;

		begin_good();
		add_note(NT_FILE, note, fill_files(note, 2));
		size = build();
		for (unsigned i = 0; i < 4; i++)
			file_bytes[(size_t)random() % (size - builder.data_bytes)] = (uint8_t)random();
		save(size);
		err = core_open(core_path, &core);
		if (!err)
			err = core_find_modules(core, NULL);
		error_destroy(err);
		core_destroy(core);
	}
}

/* Rows of NT_FILE that overlap are cut where the next begins, and those of which nothing is left are gone. */
static void test_overlapping_files(void **state)
{
	const uint64_t words[] = {4, PAGE,    0x10000, 1ull << 60, 0,	    0x12000, 0x13000,
				  2, 0x12000, 0x12800, 2,	   0x20000, 0x21000, 1};
	static const char paths[] = "/a\0/a\0/b\0/c";
	uint8_t note[sizeof(words) + sizeof(paths)];
	struct core *core;

	(void)state;
	memcpy(note, words, sizeof(words));
	memcpy(note + sizeof(words), paths, sizeof(paths));
	begin_good();
	add_note(NT_FILE, note, sizeof(note));
	core = open_good(build());
	assert_int_equal(core->file_count, 3);
	assert_int_equal(core->files[0].end, 0x12000);
	assert_int_equal(core->files[1].start, 0x12000);
	assert_int_equal(core->files[2].start, 0x20000);
	for (size_t i = 0; i + 1 < core->file_count; i++)
		assert_true(core->files[i].end <= core->files[i + 1].start);
	core_destroy(core);
}

/* The walk goes over dumped bytes, whatever a segment claims, and over no hole of the file. */
static void test_next_dumped(void **state)
{
	uint64_t start = 0, end = 0, hole = 64u << 20;
	struct core *core;
	size_t size;
	int fd;

	(void)state;
	begin_good();
	builder.programs[3].p_memsz = 1ull << 60;
	core = open_good(build());
	assert_true(core_next_dumped(core, 0, UINT64_MAX, &start, &end));
	assert_int_equal(start, 0x10000);
	assert_int_equal(end, 0x12000);
	assert_true(core_next_dumped(core, 0x10010, 0x10020, &start, &end));
	assert_int_equal(start, 0x10010);
	assert_int_equal(end, 0x10020);
	assert_true(core_next_dumped(core, end = 0x12000, UINT64_MAX, &start, &end));
	assert_int_equal(start, 0x12000);
	assert_int_equal(end, 0x12010);
	assert_false(core_next_dumped(core, end, UINT64_MAX, &start, &end));
	assert_false(core_next_dumped(core, 0x30000, 1ull << 50, &start, &end));
	core_destroy(core);

	begin_good();
	builder.programs[3].p_memsz = builder.programs[3].p_filesz = 2 * hole;
	size = build();
	save(size);
	fd = open(core_path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)(size + hole)), 1);
	assert_int_equal(ftruncate(fd, (off_t)(size + 2 * hole)), 0);
	close(fd);
	assert_null(core_open(core_path, &core));
	assert_true(core_next_dumped(core, 0x20000 + 2 * PAGE, UINT64_MAX, &start, &end));
	/* Where the file system tells of holes; else the whole of it is data. */
	assert_true(start <= 0x20000 + hole && end > 0x20000 + hole);
	if (start > 0x20000 + 2 * PAGE)
		assert_true(start > 0x20000 + hole - PAGE && end <= 0x20000 + hole + PAGE + 1);
	core_destroy(core);
}

/* What follows zeroes in the notes is none, and no walk goes through them. */
static void test_hole_in_notes(void **state)
{
	struct core *core;

	(void)state;
	begin();
	add_thread(1, SIGSEGV);
	builder.note_bytes += 48;
	add_thread(2, 0);
	core = open_good(build());
	assert_int_equal(core->thread_count, 1);
	core_destroy(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lying_notes),   cmocka_unit_test(test_lying_segments),
		cmocka_unit_test(test_many_segments), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped_bytes), cmocka_unit_test(test_overlapping_files),
		cmocka_unit_test(test_next_dumped),   cmocka_unit_test(test_hole_in_notes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
