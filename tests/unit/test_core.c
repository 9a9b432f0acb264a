/* SPDX-License-Identifier: MIT */
/* The core reader, on cores made here byte by byte: good ones, cut ones, and ones that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/core.h"

#define PAGE 4096u
#define FILE_BYTES_MAX (8u << 20)

/* A core under construction: notes are collected first, then laid out after the program headers as the kernel does. */
struct builder {
	Elf64_Ehdr header;
	Elf64_Phdr programs[16]; /* [0] is PT_NOTE */
	unsigned program_count;
	uint8_t notes[65536];
	size_t note_bytes;
	uint8_t data[16 * PAGE];
	size_t data_bytes;
};

static struct builder builder;
static uint8_t file_bytes[FILE_BYTES_MAX];
static char directory[] = "/tmp/test_core.XXXXXX";
static char core_path[64];

static void add_note(uint32_t type, const void *data, size_t size)
{
	Elf64_Nhdr header = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};

	memcpy(builder.notes + builder.note_bytes, &header, sizeof(header));
	memcpy(builder.notes + builder.note_bytes + sizeof(header), "CORE\0\0\0", 8);
	memcpy(builder.notes + builder.note_bytes + sizeof(header) + 8, data, size);
	builder.note_bytes += sizeof(header) + 8 + ((size + 3) & ~(size_t)3);
}

static void add_thread(int tid, int signal)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = (short)signal};

	status.pr_reg[CORE_RIP] = 0x1234;
	status.pr_reg[CORE_RSP] = 0x5678;
	status.pr_reg[CORE_GS] = 0x2b;
	add_note(NT_PRSTATUS, &status, sizeof(status));
}

/* Of the segment's memory, `filled` bytes are dumped, each byte its offset modulo 251. */
static void add_segment(uint64_t start, uint64_t size, uint64_t filled, uint32_t flags)
{
	Elf64_Phdr *program = &builder.programs[builder.program_count++];

	*program = (Elf64_Phdr){.p_type = PT_LOAD,
				.p_flags = flags,
				.p_offset = builder.data_bytes, /* moved by build() */
				.p_vaddr = start,
				.p_filesz = filled,
				.p_memsz = size};
	for (uint64_t i = 0; i < filled; i++)
		builder.data[builder.data_bytes++] = (uint8_t)(i % 251);
}

static void begin(void)
{
	memset(&builder, 0, sizeof(builder));
	builder.header = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
	};
	builder.programs[0].p_type = PT_NOTE;
	builder.program_count = 1;
}

static void begin_good(void)
{
	begin();
	add_thread(100, SIGSEGV);
	add_thread(101, 0);
	add_segment(0x10000, 2 * PAGE, 2 * PAGE, PF_R | PF_W);
	add_segment(0x12000, PAGE, 16, PF_R);
	add_segment(0x20000, PAGE, 0, PF_R | PF_X);
}

static size_t build(void)
{
	size_t notes_offset = sizeof(Elf64_Ehdr) + builder.program_count * sizeof(Elf64_Phdr);
	size_t data_offset = notes_offset + builder.note_bytes;

	if (builder.header.e_phnum == 0)
		builder.header.e_phnum = (uint16_t)builder.program_count;
	builder.programs[0].p_offset = notes_offset;
	if (builder.programs[0].p_filesz == 0)
		builder.programs[0].p_filesz = builder.note_bytes;
	for (unsigned i = 1; i < builder.program_count; i++)
		builder.programs[i].p_offset += data_offset;
	memcpy(file_bytes, &builder.header, sizeof(builder.header));
	memcpy(file_bytes + sizeof(builder.header), builder.programs, builder.program_count * sizeof(Elf64_Phdr));
	memcpy(file_bytes + notes_offset, builder.notes, builder.note_bytes);
	memcpy(file_bytes + data_offset, builder.data, builder.data_bytes);
	return data_offset + builder.data_bytes;
}

static void save(size_t size)
{
	int fd = open(core_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file_bytes, size), size);
	close(fd);
}

static struct core *open_good(size_t size)
{
	struct core *core = NULL;
	struct error *err;

	save(size);
	err = core_open(core_path, &core);
	if (err)
		print_error("%s\n", err->message);
	assert_null(err);
	return core;
}

static void expect_path_error(const char *path, enum error_code code, const char *words)
{
	struct core *core = NULL;
	struct error *err = core_open(path, &core);

	assert_non_null(err);
	assert_null(core);
	if (err->code != code || !strstr(err->message, words))
		print_error("got: %s\n", err->message);
	assert_int_equal(err->code, code);
	assert_non_null(strstr(err->message, words));
	assert_non_null(strstr(err->message, path));
	error_destroy(err);
}

static void expect_error(size_t size, enum error_code code, const char *words)
{
	save(size);
	expect_path_error(core_path, code, words);
}

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
	assert_non_null(core_file_bytes(core, &size));
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

static size_t fill_files(uint8_t *note, uint64_t count)
{
	const uint64_t words[] = {count, PAGE, 0x20000, 0x21000, 3, 0x10000, 0x12000, 0};
	static const char paths[] = "/nowhere/b\0/nowhere/a (deleted)";

	memcpy(note, words, sizeof(words));
	memcpy(note + sizeof(words), paths, sizeof(paths));
	return sizeof(words) + sizeof(paths);
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

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(core_path, sizeof(core_path), "%s/core", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(core_path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_psinfo_and_auxv),
		cmocka_unit_test(test_siginfo),	      cmocka_unit_test(test_files),
		cmocka_unit_test(test_lying_notes),   cmocka_unit_test(test_lying_segments),
		cmocka_unit_test(test_many_segments), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_a_core),    cmocka_unit_test(test_other_architectures),
		cmocka_unit_test(test_flipped_bytes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
