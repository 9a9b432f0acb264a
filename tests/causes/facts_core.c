/* SPDX-License-Identifier: MIT */
#include "tests/causes/facts_core.h"

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <unistd.h>

bool facts_core_fill(struct facts_core *facts, uint64_t address, const void *bytes, size_t size)
{
	for (size_t i = 0; i < facts->map_count; i++) {
		struct facts_map *map = &facts->maps[i];

		if (address < map->start || address >= map->end || size > map->end - address)
			continue;
		if (!map->bytes)
			map->bytes = calloc(1, map->end - map->start);
		if (!map->bytes)
			abort();
		memcpy(map->bytes + (address - map->start), bytes, size);
		return true;
	}
	return false;
}

static void add_note(FILE *out, uint32_t type, const void *data, size_t size)
{
	Elf64_Nhdr header = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};
	static const char padding[4];

	fwrite(&header, sizeof(header), 1, out);
	fwrite("CORE\0\0\0", 8, 1, out);
	fwrite(data, 1, size, out);
	fwrite(padding, 1, (4 - size % 4) % 4, out);
}

static void add_files(const struct facts_core *facts, FILE *out)
{
	uint64_t words[2 + 3 * FACTS_MAX_MAPS] = {0, 4096};
	char *note;
	size_t size = 0, count = 0;
	FILE *strings = open_memstream(&note, &size);

	if (!strings)
		abort();
	for (size_t i = 0; i < facts->map_count; i++) {
		const struct facts_map *map = &facts->maps[i];

		if (!map->path[0])
			continue;
		words[2 + 3 * count] = map->start;
		words[3 + 3 * count] = map->end;
		words[4 + 3 * count++] = map->offset / 4096;
	}
	words[0] = count;
	fwrite(words, sizeof(words[0]), 2 + 3 * count, strings);
	for (size_t i = 0; i < facts->map_count; i++) {
		if (facts->maps[i].path[0])
			fwrite(facts->maps[i].path, 1, strlen(facts->maps[i].path) + 1, strings);
	}
	fclose(strings);
	if (count)
		add_note(out, NT_FILE, note, size);
	free(note);
}

static void add_signal(const struct facts_core *facts, FILE *out)
{
	siginfo_t info = {.si_signo = facts->signal_number, .si_code = facts->signal_code};

	if (facts->sender_pid)
		info.si_pid = (pid_t)facts->sender_pid;
	else
		info.si_addr = (void *)(uintptr_t)facts->signal_address;
	if (facts->signal_number == SIGSYS) /* the kernel leaves it in rax */
		info.si_syscall = (int)facts->threads[0].registers[CORE_RAX];
	add_note(out, NT_SIGINFO, &info, sizeof(info));
}

static void add_notes(const struct facts_core *facts, FILE *out)
{
	struct elf_prpsinfo process = {.pr_pid = (int)facts->pid, .pr_fname = "victim"};

	for (size_t i = 0; i < facts->thread_count; i++) {
		struct elf_prstatus status = {.pr_pid = (int)facts->threads[i].tid,
					      .pr_info.si_signo = facts->signal_number,
					      .pr_cursig = (short)facts->signal_number};

		memcpy(&status.pr_reg, facts->threads[i].registers, sizeof(status.pr_reg));
		add_note(out, NT_PRSTATUS, &status, sizeof(status));
		if (i)
			continue;
		add_note(out, NT_PRPSINFO, &process, sizeof(process));
		add_signal(facts, out);
		if (facts->auxv_count)
			add_note(out, NT_AUXV, facts->auxv, facts->auxv_count * sizeof(facts->auxv[0]));
		add_files(facts, out);
	}
}

static void add_headers(const struct facts_core *facts, size_t note_bytes, FILE *out)
{
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_type = ET_CORE,
			     .e_machine = EM_X86_64,
			     .e_version = EV_CURRENT,
			     .e_phoff = sizeof(header),
			     .e_ehsize = sizeof(header),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = (uint16_t)(facts->map_count + 1)};
	Elf64_Phdr program = {.p_type = PT_NOTE,
			      .p_offset = sizeof(header) + header.e_phnum * sizeof(program),
			      .p_filesz = note_bytes};
	uint64_t offset = program.p_offset + note_bytes;

	fwrite(&header, sizeof(header), 1, out);
	fwrite(&program, sizeof(program), 1, out);
	for (size_t i = 0; i < facts->map_count; i++) {
		const struct facts_map *map = &facts->maps[i];

		program = (Elf64_Phdr){.p_type = PT_LOAD,
				       .p_flags = map->flags,
				       .p_offset = offset,
				       .p_vaddr = map->start,
				       .p_filesz = map->bytes ? map->end - map->start : 0,
				       .p_memsz = map->end - map->start};
		offset += program.p_filesz;
		fwrite(&program, sizeof(program), 1, out);
	}
}

struct core *facts_core_build(const struct facts_core *facts)
{
	int fd = memfd_create("core", 0);
	FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w"), *notes;
	struct core *core = NULL;
	struct error *err;
	size_t note_bytes;
	char *note, path[32];

	notes = open_memstream(&note, &note_bytes);
	if (!out || !notes)
		abort();
	add_notes(facts, notes);
	fclose(notes);
	add_headers(facts, note_bytes, out);
	fwrite(note, 1, note_bytes, out);
	free(note);
	for (size_t i = 0; i < facts->map_count; i++) {
		if (facts->maps[i].bytes)
			fwrite(facts->maps[i].bytes, 1, facts->maps[i].end - facts->maps[i].start, out);
	}
	if (fclose(out))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = core_open(path, &core);
	if (err) {
		fprintf(stderr, "the made-up core: %s\n", err->message);
		exit(2);
	}
	close(fd);
	return core;
}
