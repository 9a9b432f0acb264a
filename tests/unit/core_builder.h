/* SPDX-License-Identifier: MIT */
/*
 * Cores made byte by byte, for the tests of the core reader: notes and segments are collected, then laid out as the
 * kernel does it, and saved to a file in a directory of their own. For one test program only: it has static state.
 */
#ifndef TESTS_UNIT_CORE_BUILDER_H
#define TESTS_UNIT_CORE_BUILDER_H

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

#include "analyzer/core/core.h"

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

static inline void add_note(uint32_t type, const void *data, size_t size)
{
	Elf64_Nhdr header = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};

	memcpy(builder.notes + builder.note_bytes, &header, sizeof(header));
	memcpy(builder.notes + builder.note_bytes + sizeof(header), "CORE\0\0\0", 8);
	memcpy(builder.notes + builder.note_bytes + sizeof(header) + 8, data, size);
	builder.note_bytes += sizeof(header) + 8 + ((size + 3) & ~(size_t)3);
}

static inline void add_thread(int tid, int signal)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = (short)signal, .pr_info.si_signo = signal};

	status.pr_reg[CORE_RIP] = 0x1234;
	status.pr_reg[CORE_RSP] = 0x5678;
	status.pr_reg[CORE_GS] = 0x2b;
	add_note(NT_PRSTATUS, &status, sizeof(status));
}

/* Of the segment's memory, `filled` bytes are dumped, each byte its offset modulo 251. */
static inline void add_segment(uint64_t start, uint64_t size, uint64_t filled, uint32_t flags)
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

static inline void begin(void)
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

static inline void begin_good(void)
{
	begin();
	add_thread(100, SIGSEGV);
	add_thread(101, 0);
	add_segment(0x10000, 2 * PAGE, 2 * PAGE, PF_R | PF_W);
	add_segment(0x12000, PAGE, 16, PF_R);
	add_segment(0x20000, PAGE, 0, PF_R | PF_X);
}

static inline size_t build(void)
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

static inline void save(size_t size)
{
	int fd = open(core_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file_bytes, size), size);
	close(fd);
}

static inline struct core *open_good(size_t size)
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

static inline void expect_path_error(const char *path, enum error_code code, const char *words)
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

static inline void expect_error(size_t size, enum error_code code, const char *words)
{
	save(size);
	expect_path_error(core_path, code, words);
}

static inline size_t fill_files(uint8_t *note, uint64_t count)
{
	const uint64_t words[] = {count, PAGE, 0x20000, 0x21000, 3, 0x10000, 0x12000, 0};
	static const char paths[] = "/nowhere/b\0/nowhere/a (deleted)";

	memcpy(note, words, sizeof(words));
	memcpy(note + sizeof(words), paths, sizeof(paths));
	return sizeof(words) + sizeof(paths);
}

static inline int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(core_path, sizeof(core_path), "%s/core", directory);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	unlink(core_path);
	return rmdir(directory);
}

#endif
