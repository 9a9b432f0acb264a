/* SPDX-License-Identifier: MIT */
/* The core reader: what it makes of good cores, and what it says of files that are none. */
#include <link.h>

#include "common/array.h"
#include "tests/unit/core_builder.h"

static void test_good(void **state)
{
	uint8_t buffer[3 * PAGE];
	struct core *core;
	uint64_t word;
	size_t size;

	(void)state;
	begin_good();
	size = build();
	core = open_good(size);
	assert_false(core->truncated);
	assert_int_equal(core->thread_count, 2);
	assert_int_equal(core->threads[0].tid, 100);
	assert_int_equal(core->threads[0].signal, SIGSEGV);
	assert_int_equal(core->threads[0].registers[CORE_RIP], 0x1234);
	assert_int_equal(core->threads[0].registers[CORE_RSP], 0x5678);
	assert_int_equal(core->threads[0].registers[CORE_GS], 0x2b);
	assert_int_equal(core->pid, 100);
	assert_false(core->signal.has_siginfo);
	assert_int_equal(core->signal.number, SIGSEGV);
	assert_int_equal(core->signal.system_call, -1);
	assert_int_equal(core->segment_count, 3);
	/* Two segments that touch are read as one, up to where nothing was dumped. */
	assert_int_equal(core_read(core, 0x10000, buffer, sizeof(buffer)), 2 * PAGE + 16);
	assert_int_equal(buffer[2 * PAGE + 3], 3);
	assert_true(core_read_word(core, 0x12008, &word));
	assert_false(core_read_word(core, 0x12009, &word));
	assert_int_equal(core_read(core, 0x20000, buffer, 1), 0);
	assert_int_equal(core_read(core, 0xf000, buffer, 1), 0);
	assert_int_equal(core_read(core, UINT64_MAX, buffer, 16), 0);
	assert_ptr_equal(core_find_segment(core, 0x12fff), &core->segments[1]);
	assert_null(core_find_segment(core, 0x13000));
	assert_ptr_equal(core_find_thread(core, 101), &core->threads[1]);
	assert_null(core_find_thread(core, 102));
	assert_null(core_find_modules(core, NULL));
	assert_int_equal(core->module_count, 0);
	core_destroy(core);
	core_destroy(NULL);
}

static void test_psinfo_and_auxv(void **state)
{
	struct elf_prpsinfo info = {.pr_pid = 4711, .pr_uid = 1000};
	const Elf64_auxv_t auxv[] = {
		{AT_SYSINFO_EHDR, {0x7000}}, {AT_RANDOM, {0x8000}}, {AT_ENTRY, {0x9000}}, {AT_BASE, {0xa000}},
		{AT_EXECFN, {0xb000}},	     {AT_PHDR, {0xc000}},   {AT_NULL, {0}},	  {AT_ENTRY, {1}},
	};
	struct core *core;

	(void)state;
	memcpy(info.pr_fname, "sixteen-letters!", 16);
	memset(info.pr_psargs, 'a', sizeof(info.pr_psargs));
	begin_good();
	add_note(NT_PRPSINFO, &info, sizeof(info));
	add_note(NT_AUXV, auxv, sizeof(auxv));
	core = open_good(build());
	assert_int_equal(core->pid, 4711);
	assert_int_equal(core->uid, 1000);
	assert_string_equal(core->comm, "sixteen-letters!");
	assert_int_equal(strlen(core->arguments), 80);
	assert_true(core->has_auxv);
	assert_int_equal(core->auxv_sysinfo_ehdr, 0x7000);
	assert_int_equal(core->auxv_random, 0x8000);
	assert_int_equal(core->auxv_entry, 0x9000);
	assert_int_equal(core->auxv_base, 0xa000);
	assert_int_equal(core->auxv_execfn, 0xb000);
	assert_int_equal(core->auxv_phdr, 0xc000);
	core_destroy(core);
}

static void test_siginfo(void **state)
{
	siginfo_t fault = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR, .si_errno = 3};
	siginfo_t sent = {.si_signo = SIGSEGV, .si_code = SI_TKILL};
	siginfo_t timer = {.si_signo = SIGSEGV, .si_code = SI_TIMER};
	siginfo_t blocked = {.si_signo = SIGSYS, .si_code = 1};
	struct core *core;

	(void)state;
	fault.si_addr = (void *)0xdead0000;
	sent.si_pid = 77;
	sent.si_uid = 88;
	timer.si_pid = 99;
	blocked.si_call_addr = (void *)0xcafe;
	blocked.si_syscall = 335;
	begin_good();
	add_note(NT_SIGINFO, &fault, sizeof(fault));
	core = open_good(build());
	assert_true(core->signal.has_siginfo);
	assert_int_equal(core->signal.code, SEGV_MAPERR);
	assert_int_equal(core->signal.error_number, 3);
	assert_int_equal(core->signal.address, 0xdead0000);
	assert_int_equal(core->signal.sender_pid, 0);
	assert_int_equal(core->signal.system_call, -1);
	core_destroy(core);

	begin_good();
	add_note(NT_SIGINFO, &sent, sizeof(sent));
	core = open_good(build());
	assert_int_equal(core->signal.address, 0);
	assert_int_equal(core->signal.sender_pid, 77);
	assert_int_equal(core->signal.sender_uid, 88);
	core_destroy(core);

	begin_good();
	add_note(NT_SIGINFO, &timer, sizeof(timer));
	core = open_good(build());
	assert_int_equal(core->signal.sender_pid, 0);
	core_destroy(core);

	begin_good();
	add_note(NT_SIGINFO, &blocked, sizeof(blocked));
	core = open_good(build());
	assert_int_equal(core->signal.address, 0xcafe);
	assert_int_equal(core->signal.system_call, 335);
	core_destroy(core);
}

static void test_files(void **state)
{
	uint8_t note[256];
	struct core *core;
	size_t size;

	(void)state;
	begin_good();
	add_note(NT_FILE, note, fill_files(note, 2));
	core = open_good(build());
	assert_int_equal(core->file_count, 2);
	assert_int_equal(core->files[0].start, 0x10000);
	assert_string_equal(core->files[0].path, "/nowhere/a (deleted)");
	assert_int_equal(core->files[1].offset, 3 * PAGE);
	assert_ptr_equal(core_find_file(core, 0x20fff), &core->files[1]);
	assert_null(core_find_file(core, 0x21000));
	assert_null(core_find_modules(core, NULL));
	assert_int_equal(core->module_count, 0);
	core_destroy(core);

	/* Counts that the note cannot hold. */
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t counts[] = {5, 1000000, 1ull << 59, UINT64_MAX};

		begin_good();
		add_note(NT_FILE, note, fill_files(note, counts[i]));
		core = open_good(build());
		assert_int_equal(core->file_count, 0);
		assert_int_equal(core->thread_count, 2);
		core_destroy(core);
	}
	/* The last path has lost its NUL; the offset in bytes overflows; the range is empty. */
	begin_good();
	size = fill_files(note, 2);
	memset(note + 4 * sizeof(uint64_t), 0xff, sizeof(uint64_t));
	add_note(NT_FILE, note, size - 1);
	core = open_good(build());
	assert_int_equal(core->file_count, 0);
	core_destroy(core);
}

/* A file's first page in memory: its segment of code is at `base` + PAGE, its data behind that. */
static void write_image(uint8_t *page, uint16_t dynamic)
{
	const Elf64_Phdr programs[] = {
		{.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 0x300, .p_memsz = 0x300},
		{.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_X,
		 .p_offset = PAGE,
		 .p_vaddr = PAGE,
		 .p_filesz = 0x80,
		 .p_memsz = 0x80},
		{.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_W,
		 .p_offset = 2 * PAGE,
		 .p_vaddr = 2 * PAGE,
		 .p_filesz = PAGE,
		 .p_memsz = PAGE},
		{.p_type = dynamic ? PT_DYNAMIC : PT_NULL, .p_vaddr = 2 * PAGE},
	};
	Elf64_Ehdr header = builder.header;

	header.e_type = ET_DYN;
	header.e_phnum = array_size(programs);
	memcpy(page, &header, sizeof(header));
	memcpy(page + sizeof(header), programs, sizeof(programs));
}

/* A program at 0x400000, whose list names a library at 0x500000 and then itself again, in a circle. */
static void begin_linked(uint64_t library_text_flags)
{
	const uint64_t data = 0x402000;
	const Elf64_Dyn dynamic[] = {{.d_tag = DT_DEBUG, .d_un.d_ptr = data + 0x100}, {.d_tag = DT_NULL}};
	const struct r_debug debug = {.r_version = 1, .r_map = (struct link_map *)(data + 0x200)};
	const struct link_map program = {.l_addr = 0x400000, .l_next = (struct link_map *)(data + 0x300)};
	const struct link_map library = {
		.l_addr = 0x500000, .l_name = (char *)(data + 0x400), .l_next = (struct link_map *)(data + 0x200)};
	const Elf64_auxv_t auxv[] = {
		{.a_type = AT_PHDR, .a_un.a_val = 0x400000 + sizeof(Elf64_Ehdr)},
		{.a_type = AT_EXECFN, .a_un.a_val = data + 0x500},
		{.a_type = AT_NULL},
	};
	uint8_t *page;

	begin();
	add_thread(100, SIGSEGV);
	add_note(NT_AUXV, auxv, sizeof(auxv));
	add_segment(0x400000, PAGE, PAGE, PF_R);
	add_segment(0x401000, PAGE, 0, PF_R | PF_X);
	add_segment(0x402000, PAGE, PAGE, PF_R | PF_W);
	add_segment(0x500000, PAGE, PAGE, PF_R);
	add_segment(0x501000, PAGE, 0, (uint32_t)library_text_flags);
	write_image(builder.data, 1);
	write_image(builder.data + 2 * PAGE, 0);
	page = builder.data + PAGE;
	memset(page, 0, PAGE);
	memcpy(page, dynamic, sizeof(dynamic));
	memcpy(page + 0x100, &debug, sizeof(debug));
	memcpy(page + 0x200, &program, sizeof(program));
	memcpy(page + 0x300, &library, sizeof(library));
	strcpy((char *)page + 0x400, "/opt/libx.so");
	strcpy((char *)page + 0x500, "/opt/prog");
}

static void expect_file(const struct core *core, size_t index, uint64_t start, uint64_t offset, const char *path)
{
	assert_true(index < core->file_count);
	assert_int_equal(core->files[index].start, start);
	assert_int_equal(core->files[index].end, start + PAGE);
	assert_int_equal(core->files[index].offset, offset);
	assert_string_equal(core->files[index].path, path);
}

/* Without NT_FILE: what the dynamic linker knew of, as far as the core's mappings are the same, and none that is
 * writable. */
static void test_linked_files(void **state)
{
	struct core *core;

	(void)state;
	begin_linked(PF_R | PF_X);
	core = open_good(build());
	assert_true(core->files_are_linked);
	/* The circle leads to no file twice. */
	assert_int_equal(core->file_count, 4);
	expect_file(core, 0, 0x400000, 0, "/opt/prog");
	expect_file(core, 1, 0x401000, PAGE, "/opt/prog");
	expect_file(core, 2, 0x500000, 0, "/opt/libx.so");
	expect_file(core, 3, 0x501000, PAGE, "/opt/libx.so");
	core_destroy(core);

	/* Something else was mapped over the library's code. */
	begin_linked(PF_R | PF_W | PF_X);
	core = open_good(build());
	assert_int_equal(core->file_count, 3);
	core_destroy(core);

	/* NT_FILE is believed. */
	begin_linked(PF_R | PF_X);
	{
		uint8_t note[512];

		add_note(NT_FILE, note, fill_files(note, 2));
	}
	core = open_good(build());
	assert_false(core->files_are_linked);
	assert_int_equal(core->file_count, 2);
	core_destroy(core);
}

/* A static program: no list, and its own header is enough. A path that is not absolute is not looked for. */
static void test_linked_files_of_a_static_program(void **state)
{
	struct core *core;

	(void)state;
	begin_linked(PF_R | PF_X);
	write_image(builder.data, 0);
	core = open_good(build());
	assert_int_equal(core->file_count, 2);
	expect_file(core, 0, 0x400000, 0, "/opt/prog");
	core_destroy(core);

	begin_linked(PF_R | PF_X);
	write_image(builder.data, 0);
	strcpy((char *)builder.data + PAGE + 0x500, "./prog");
	core = open_good(build());
	assert_int_equal(core->file_count, 0);
	assert_false(core->files_are_linked);
	core_destroy(core);
}

static void test_not_a_core(void **state)
{
	char path[80];

	(void)state;
	expect_path_error("/proc/self/exe", ERROR_INVALID, "an ELF program");
	expect_path_error("/tmp", ERROR_INVALID, "not a regular file");
	expect_path_error("/nonexistent/core", ERROR_NOT_FOUND, "cannot open");
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_path_error(path, ERROR_INVALID, "not a regular file");
	unlink(path);
	expect_error(0, ERROR_INVALID, "empty");
	memcpy(file_bytes, "just some text\n", 15);
	expect_error(15, ERROR_INVALID, "not an ELF file");
	memcpy(file_bytes, "\x28\xb5\x2f\xfd", 4);
	expect_error(15, ERROR_INVALID, "zstd");
}

static void test_other_architectures(void **state)
{
	size_t size;

	(void)state;
	begin_good();
	builder.header.e_machine = EM_AARCH64;
	expect_error(build(), ERROR_UNSUPPORTED, "aarch64 (64-bit, little-endian)");
	begin_good();
	builder.header.e_ident[EI_CLASS] = ELFCLASS32;
	builder.header.e_machine = EM_386;
	expect_error(build(), ERROR_UNSUPPORTED, "i386 (32-bit, little-endian)");
	begin_good();
	builder.header.e_ident[EI_DATA] = ELFDATA2MSB;
	builder.header.e_type = ET_CORE << 8;
	builder.header.e_machine = EM_S390 << 8;
	size = build();
	expect_error(size, ERROR_UNSUPPORTED, "s390 (64-bit, big-endian)");
	begin_good();
	builder.header.e_ident[EI_CLASS] = 7;
	expect_error(build(), ERROR_INVALID, "unknown class");
	begin_good();
	builder.header.e_type = ET_REL;
	expect_error(build(), ERROR_INVALID, "object file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	     cmocka_unit_test(test_psinfo_and_auxv),
		cmocka_unit_test(test_siginfo),	     cmocka_unit_test(test_files),
		cmocka_unit_test(test_linked_files), cmocka_unit_test(test_linked_files_of_a_static_program),
		cmocka_unit_test(test_not_a_core),   cmocka_unit_test(test_other_architectures),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
