/* SPDX-License-Identifier: MIT */
/* The notes of a core. Layouts: Linux fs/binfmt_elf.c (fill_note_info), include/uapi/linux/elfcore.h, elf(5). */
#include <elf.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/procfs.h>

#include "analyzer/core/core_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

_Static_assert(sizeof(elf_gregset_t) == CORE_REGISTERS * sizeof(uint64_t), "registers of NT_PRSTATUS");

static struct error *read_prstatus(struct core *core, const uint8_t *bytes, size_t size)
{
	struct elf_prstatus status;
	struct core_thread *thread;

	if (size < sizeof(status))
		return NULL;
	if (core->thread_count == CORE_THREADS_MAX)
		return error_format(ERROR_INVALID, "%s: its notes name more than %u threads: no process has that many",
				    core->path, CORE_THREADS_MAX);
	memcpy(&status, bytes, sizeof(status));
	/* Grows by doubling: the capacity is the power of two at or above the count. */
	if ((core->thread_count & (core->thread_count - 1)) == 0) {
		size_t capacity = core->thread_count ? core->thread_count * 2 : 1;

		if (array_resize(core->threads, capacity))
			return &error_no_memory;
	}
	thread = &core->threads[core->thread_count++];
	thread->tid = (uint32_t)status.pr_pid;
	thread->signal = status.pr_cursig;
	thread->info_signal = status.pr_info.si_signo;
	memcpy(thread->registers, &status.pr_reg, sizeof(thread->registers));
	return NULL;
}

static void read_prpsinfo(struct core *core, const uint8_t *bytes, size_t size)
{
	struct elf_prpsinfo info;

	if (size < sizeof(info) || core->pid != 0)
		return;
	memcpy(&info, bytes, sizeof(info));
	core->pid = (uint32_t)info.pr_pid;
	core->parent_pid = (uint32_t)info.pr_ppid;
	core->uid = info.pr_uid;
	memcpy(core->comm, info.pr_fname, sizeof(info.pr_fname));
	memcpy(core->arguments, info.pr_psargs, sizeof(info.pr_psargs));
	/* The kernel ends the arguments with a blank for each NUL between them (fill_psinfo). */
	for (size_t length = strlen(core->arguments); length > 0 && core->arguments[length - 1] == ' '; length--)
		core->arguments[length - 1] = '\0';
}

/* Which members of siginfo_t a code fills: sigaction(2), Linux kernel/signal.c (siginfo_layout). */
static void read_siginfo(struct core *core, const uint8_t *bytes, size_t size)
{
	struct core_signal *signal = &core->signal;
	siginfo_t info;

	if (size < sizeof(info) || signal->has_siginfo)
		return;
	memcpy(&info, bytes, sizeof(info));
	signal->has_siginfo = true;
	signal->number = info.si_signo;
	signal->code = info.si_code;
	signal->error_number = info.si_errno;
	switch (info.si_code) {
	case SI_USER:
	case SI_QUEUE:
	case SI_TKILL:
	case SI_MESGQ:
		signal->sender_pid = (uint32_t)info.si_pid;
		signal->sender_uid = info.si_uid;
		return;
	}
	if (info.si_code <= 0)
		return;
	switch (info.si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		signal->address = (uint64_t)(uintptr_t)info.si_addr;
		break;
	case SIGSYS:
		signal->address = (uint64_t)(uintptr_t)info.si_call_addr;
		signal->system_call = info.si_syscall;
		break;
	}
}

static void read_auxv(struct core *core, const uint8_t *bytes, size_t size)
{
	core->has_auxv = core->has_auxv || size >= sizeof(Elf64_auxv_t);
	for (size_t at = 0; size - at >= sizeof(Elf64_auxv_t); at += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t entry;

		memcpy(&entry, bytes + at, sizeof(entry));
		switch (entry.a_type) {
		case AT_NULL:
			return;
		case AT_SYSINFO_EHDR:
			core->auxv_sysinfo_ehdr = entry.a_un.a_val;
			break;
		case AT_RANDOM:
			core->auxv_random = entry.a_un.a_val;
			break;
		case AT_ENTRY:
			core->auxv_entry = entry.a_un.a_val;
			break;
		case AT_BASE:
			core->auxv_base = entry.a_un.a_val;
			break;
		case AT_EXECFN:
			core->auxv_execfn = entry.a_un.a_val;
			break;
		case AT_PHDR:
			core->auxv_phdr = entry.a_un.a_val;
			break;
		}
	}
}

/* NT_FILE (fill_files_note): count, page size, `count` triples of start, end and offset in pages, then `count` strings,
 * each with its NUL. */
static struct error *read_files(struct core *core, const uint8_t *bytes, size_t size)
{
	struct core_private *private = core->private_;
	uint64_t count, page_bytes;
	size_t string_bytes;
	const char *path;

	if (size < 2 * sizeof(uint64_t) || core->files)
		return NULL;
	memcpy(&count, bytes, sizeof(count));
	memcpy(&page_bytes, bytes + sizeof(count), sizeof(page_bytes));
	bytes += 2 * sizeof(uint64_t);
	size -= 2 * sizeof(uint64_t);
	/* Where the strings begin follows from the count, so a count that cannot be true leaves nothing to read. Each
	 * entry has a string of one byte at least. */
	if (count == 0 || count > size / (3 * sizeof(uint64_t) + 1) || count > CORE_MAPPINGS_MAX || page_bytes == 0)
		return NULL;
	string_bytes = size - count * 3 * sizeof(uint64_t);
	core->files = calloc(count, sizeof(*core->files));
	private->file_paths = malloc(string_bytes + 1);
	if (!core->files || !private->file_paths)
		return &error_no_memory;
	memcpy(private->file_paths, bytes + count * 3 * sizeof(uint64_t), string_bytes);
	private->file_paths[string_bytes] = '\0';
	path = private->file_paths;
	for (uint64_t i = 0; i < count; i++) {
		const char *end = memchr(path, '\0', string_bytes - (size_t)(path - private->file_paths));
		struct core_file_mapping file = {.path = path};
		uint64_t page;

		if (!end)
			break;
		path = end + 1;
		memcpy(&file.start, bytes + i * 3 * sizeof(uint64_t), sizeof(uint64_t));
		memcpy(&file.end, bytes + (i * 3 + 1) * sizeof(uint64_t), sizeof(uint64_t));
		memcpy(&page, bytes + (i * 3 + 2) * sizeof(uint64_t), sizeof(uint64_t));
		if (file.start >= file.end || __builtin_mul_overflow(page, page_bytes, &file.offset))
			continue;
		core->files[core->file_count++] = file;
	}
	return NULL;
}

static struct error *read_note(struct core *core, uint32_t type, const uint8_t *bytes, size_t size)
{
	switch (type) {
	case NT_PRSTATUS:
		return read_prstatus(core, bytes, size);
	case NT_PRPSINFO:
		read_prpsinfo(core, bytes, size);
		return NULL;
	case NT_SIGINFO:
		read_siginfo(core, bytes, size);
		return NULL;
	case NT_AUXV:
		read_auxv(core, bytes, size);
		return NULL;
	case NT_FILE:
		return read_files(core, bytes, size);
	}
	return NULL;
}

struct error *core_read_notes(struct core *core, const uint8_t *bytes, size_t size)
{
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr header;
		uint64_t name_bytes, data_bytes;
		const uint8_t *name;
		struct error *err;

		memcpy(&header, bytes, sizeof(header));
		/* No name, no type, no contents: the kernel writes no such note. It is a hole of the file, which can be
		 * long. */
		if (!header.n_namesz && !header.n_descsz && !header.n_type)
			return NULL;
		bytes += sizeof(header);
		size -= sizeof(header);
		/* Padded to four bytes, also in 64-bit cores (fs/binfmt_elf.c, writenote). */
		name_bytes = ((uint64_t)header.n_namesz + 3) & ~(uint64_t)3;
		data_bytes = ((uint64_t)header.n_descsz + 3) & ~(uint64_t)3;
		if (name_bytes > size || header.n_descsz > size - name_bytes)
			return NULL;
		name = bytes;
		bytes += name_bytes;
		size -= name_bytes;
		if (header.n_namesz == sizeof("CORE") && memcmp(name, "CORE", sizeof("CORE")) == 0) {
			err = read_note(core, header.n_type, bytes, header.n_descsz);
			if (err)
				return err;
		}
		if (data_bytes > size)
			return NULL;
		bytes += data_bytes;
		size -= data_bytes;
	}
	return NULL;
}

static int file_compare(const void *left, const void *right)
{
	const struct core_file_mapping *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Mappings do not overlap. Rows that do would have the same memory looked at once for each. */
static void part_files(struct core *core)
{
	size_t kept = 0;

	for (size_t i = 0; i < core->file_count; i++) {
		struct core_file_mapping *file = &core->files[i];

		if (i + 1 < core->file_count && core->files[i + 1].start < file->end)
			file->end = core->files[i + 1].start;
		if (file->start < file->end)
			core->files[kept++] = *file;
	}
	core->file_count = kept;
}

void core_sort_files(struct core *core)
{
	if (core->file_count > 0)
		qsort(core->files, core->file_count, sizeof(*core->files), file_compare);
	part_files(core);
}

void core_finish_notes(struct core *core)
{
	core_sort_files(core);
	if (core->signal.number != SIGSYS || core->signal.code <= 0)
		core->signal.system_call = -1;
	if (core->thread_count == 0)
		return;
	if (!core->signal.has_siginfo)
		core->signal.number = core->threads[0].signal;
	if (core->pid == 0)
		core->pid = core->threads[0].tid;
}
