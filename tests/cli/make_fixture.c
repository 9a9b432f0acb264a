/* SPDX-License-Identifier: MIT */
/*
 * Makes the crash of the double munmap out of nothing: a database as the recorder would have left it, and a core as the
 * kernel would have, that agree in auxiliary vector, process, thread, signal and registers. Every byte is the same in
 * each run, so that what corelate says about it can be compared with a stored text.
 *
 *   make-fixture [NAME=VALUE...]
 *
 * db=PATH and core=PATH say what to write. The other names replace what a crashed program can choose for itself, or
 * leave parts out; see set_value(). VALUE may hold any bytes.
 *
 * The story: a walker thread maps 578560 bytes of a file and unmaps them; the main thread gets 262144 bytes in the
 * freed range; the walker unmaps its range again; the main thread dies of it.
 */
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"
#include "schema/writer.h"
#include "tests/unit/core_builder.h"

#include <err.h>
#include <limits.h>

#define MAIN_TID 4242
#define WALKER_TID 4243
/* As the process itself saw them, in a pid namespace of its own. */
#define OWN_PID 42
#define OWN_MAIN_TID 42
#define OWN_WALKER_TID 43

/* Everything moves with `slide`, as address space randomisation would have it. */
#define PROGRAM_START (0x555555554000ULL + wanted.slide)
#define LIBRARY_START (0x7ffff7c00000ULL - wanted.slide)
#define WALKED_START (0x7ffff7a00000ULL - wanted.slide)
#define WALKED_BYTES 578560ULL
#define DEPOT_START (0x7ffff7a4e000ULL - wanted.slide)
#define DEPOT_BYTES 262144ULL
#define FAULT_ADDRESS (DEPOT_START + 0x1234)
#define FAULT_PC (PROGRAM_START + 0x1010)
#define VDSO_START (0x7ffff7fc5000ULL - wanted.slide)
#define STACK_START (0x7ffffffdd000ULL - wanted.slide)
#define STACK_POINTER (STACK_START + 0x800)

#define SECOND 1000000000ULL
#define STARTED (1000 * SECOND)
#define CRASHED (1002 * SECOND + 345678901)
/* 2024-05-06 07:08:11.345 UTC is the moment of the crash. */
#define REALTIME_OFFSET (1714979289LL * 1000000000 - 1000LL * 1000000000)

#define EXTRA_FILES_MAX 8

static struct {
	const char *database;
	const char *core;
	const char *comm;
	const char *executable;
	const char *mapped_file;
	const char *marker_text;
	const char *directory;
	const char *filter;
	const char *core_name;
	const char *core_arguments;
	const char *core_program;
	const char *core_library;
	const char *extra_files[EXTRA_FILES_MAX];
	size_t extra_file_count;
	uint64_t slide;
	int signal;
	int code;
	bool with_crash;
	bool with_gap;
	bool with_heap;
	bool die;
} wanted = {
	.comm = "depot",
	.executable = "/opt/story/bin/depot",
	.mapped_file = "/opt/story/share/inventory.bin",
	.directory = "/opt/story/nowhere",
	.filter = "--comm depot",
	.core_name = "depot",
	.core_arguments = "/opt/story/bin/depot --walkers 1",
	.core_program = "/opt/story/bin/depot",
	.core_library = "/opt/story/lib/libwalker.so",
	.signal = SIGSEGV,
	.code = SEGV_MAPERR,
	.with_crash = true,
};

static void set_value(const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **place;
	} texts[] = {
		{"db", &wanted.database},
		{"core", &wanted.core},
		{"comm", &wanted.comm}, /* of process, address space and thread in the database */
		{"executable", &wanted.executable},
		{"mapped_file", &wanted.mapped_file},
		{"marker_text", &wanted.marker_text}, /* of the marker before the second munmap; none by default */
		{"directory", &wanted.directory},
		{"filter", &wanted.filter},
		{"core_name", &wanted.core_name}, /* NT_PRPSINFO */
		{"core_arguments", &wanted.core_arguments},
		{"core_program", &wanted.core_program}, /* NT_FILE */
		{"core_library", &wanted.core_library},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].place = value;
			return;
		}
	}
	if (strcmp(name, "extra_file") == 0 && wanted.extra_file_count < EXTRA_FILES_MAX)
		wanted.extra_files[wanted.extra_file_count++] = value; /* NT_FILE: code whose bytes were not dumped */
	else if (strcmp(name, "slide") == 0)
		wanted.slide = strtoull(value, NULL, 0); /* whole pages */
	else if (strcmp(name, "signal") == 0)
		wanted.signal = atoi(value);
	else if (strcmp(name, "code") == 0)
		wanted.code = atoi(value);
	else if (strcmp(name, "crash") == 0)
		wanted.with_crash = atoi(value); /* 0: a database in which nobody died */
	else if (strcmp(name, "gap") == 0)
		wanted.with_gap = atoi(value); /* 1: some events of the process were lost */
	else if (strcmp(name, "heap") == 0)
		wanted.with_heap = atoi(value); /* 1: a block of malloc and a probed function that is given it */
	else if (strcmp(name, "die") == 0)
		wanted.die = atoi(value); /* 1: end as a killed recorder does, with the log left behind */
	else
		errx(2, "nothing is called %s", name);
}

static void must(struct error *err)
{
	if (err)
		errx(1, "%s", err->message);
}

/* ---- the database ---- */

static struct store_writer *writer;
static int64_t space_id;

static void copy_name(char out[16], const char *name)
{
	memset(out, 0, 16);
	memcpy(out, name, strnlen(name, 16));
}

static int64_t add_file(uint64_t inode, const char *path)
{
	int64_t id;

	must(store_writer_add_file(
		writer,
		&(struct file_identity){.device_major = 8, .device_minor = 1, .inode = inode, .path = (char *)path},
		&id));
	return id;
}

static void add_call(enum memory_kind kind, uint32_t tid, uint64_t time_ns, int64_t result, const uint64_t args[6],
		     int64_t file_id)
{
	struct memory_event event = {
		.space_id = space_id,
		.tid = tid,
		.kind = kind,
		.enter_ns = time_ns,
		.exit_ns = time_ns + 1500,
		.ip = tid == WALKER_TID ? LIBRARY_START + 0x1123 : PROGRAM_START + 0x1456,
		.sp = STACK_POINTER,
		.top_word = LIBRARY_START + 0x1200,
		.result = result,
		.file_id = file_id,
	};
	int64_t id;

	memcpy(event.args, args, sizeof(event.args));
	must(store_writer_add_memory_event(writer, &event, &id));
}

static void add_marker(uint32_t tid, uint64_t time_ns, uint64_t number, const char *text)
{
	const struct marker marker = {
		.space_id = space_id,
		.tid = tid,
		.enter_ns = time_ns,
		.exit_ns = time_ns + 300,
		.ip = LIBRARY_START + 0x1300,
		.option = 3,
		.args = {number, MARKER_MAGIC},
		.result = 1,
		.text = (char *)text,
	};
	int64_t id;

	must(store_writer_add_marker(writer, &marker, &id));
}

static void add_story(int64_t file_id)
{
	uint64_t at = CRASHED - 900000000;
	const uint64_t walked[6] = {0, WALKED_BYTES, 1, 2, 7, 0}, walked_range[6] = {WALKED_START, WALKED_BYTES};
	const uint64_t depot[6] = {0, DEPOT_BYTES, 3, 0x22, (uint64_t)-1, 0};
	const uint64_t depot_read[6] = {DEPOT_START, DEPOT_BYTES, 1};

	add_marker(WALKER_TID, at, 8888, NULL);
	add_call(MEMORY_MMAP, WALKER_TID, at + 1000000, (int64_t)WALKED_START, walked, file_id);
	add_marker(WALKER_TID, at + 2000000, 9999, NULL);
	add_call(MEMORY_MUNMAP, WALKER_TID, at + 200000000, 0, walked_range, 0);
	add_marker(MAIN_TID, at + 300000000, 1000, NULL);
	add_call(MEMORY_MMAP, MAIN_TID, at + 301000000, (int64_t)DEPOT_START, depot, 0);
	add_marker(MAIN_TID, at + 302000000, 1111, NULL);
	add_call(MEMORY_MPROTECT, MAIN_TID, at + 400000000, 0, depot_read, 0);
	add_marker(WALKER_TID, at + 700000000, 2222, wanted.marker_text);
	add_call(MEMORY_MUNMAP, WALKER_TID, at + 701000000, 0, walked_range, 0);
}

static void add_heap_call(const struct probed_function *function, uint32_t tid, uint64_t enter_ns, uint64_t old_block,
			  uint64_t block, uint64_t size)
{
	const struct heap_event event = {
		.space_id = space_id,
		.function_id = function->id,
		.role = function->role,
		.tid = tid,
		.enter_ns = enter_ns,
		.exit_ns = function->role == FUNCTION_FREE ? enter_ns : enter_ns + 400,
		.ip = LIBRARY_START + 0x1400,
		.sp = STACK_POINTER,
		.top_word = PROGRAM_START + 0x1500 + (tid == WALKER_TID ? 0x40 : 0),
		.old_block = old_block,
		.block = block,
		.size = size,
	};
	int64_t id;

	must(store_writer_add_heap_event(writer, &event, &id));
}

/* A block that is taken, shown to a probed function in its middle, given back, and given back again. Its neighbour has
 * nothing to do with it. */
static void add_heap(int64_t recording_id, int64_t file_id)
{
	const uint64_t block = PROGRAM_START + 0x20000, at = CRASHED - 800000000;
	struct probed_function functions[] = {
		{.role = FUNCTION_MALLOC, .name = "malloc"},
		{.role = FUNCTION_FREE, .name = "free"},
		{.role = FUNCTION_PLAIN, .name = "inventory_put", .signature = "(void *, int, char *) -> int"},
	};
	struct call_event call = {
		.space_id = space_id,
		.tid = MAIN_TID,
		.enter_ns = at + 50000000,
		.exit_ns = at + 50002000,
		.ip = PROGRAM_START + 0x1600,
		.sp = STACK_POINTER,
		.top_word = PROGRAM_START + 0x1700,
		.args = {block + 0x10, 12, block + 0x4000},
		.result = UINT64_MAX,
		.texts[2] = "shelf \x1b[2J",
		.text_bytes[2] = 10,
	};
	int64_t id;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		functions[i].recording_id = recording_id;
		functions[i].file_id = file_id;
		functions[i].offset = 0x1400 + 0x100 * i;
		functions[i].signature = functions[i].signature ? functions[i].signature : "";
		functions[i].hole = "";
		must(store_writer_add_function(writer, &functions[i], &functions[i].id));
	}
	must(store_writer_add_probe_coverage(
		writer, &(struct probe_coverage){.recording_id = recording_id, .from_ns = STARTED, .heap = true}, &id));
	add_heap_call(&functions[0], MAIN_TID, at, 0, block, 100);
	add_heap_call(&functions[0], MAIN_TID, at + 1000, 0, block + 112, 100);
	call.function_id = functions[2].id;
	must(store_writer_add_call_event(writer, &call, &id));
	add_heap_call(&functions[1], MAIN_TID, at + 100000000, block, 0, 0);
	add_heap_call(&functions[1], WALKER_TID, at + 200000000, block, 0, 0);
}

static void add_death(const struct process *process)
{
	struct process ended = *process;
	struct signal_event signal = {
		.process_id = process->id,
		.space_id = space_id,
		.tid = MAIN_TID,
		.namespace_tid = OWN_MAIN_TID,
		.time_ns = CRASHED,
		.number = wanted.signal,
		.code = wanted.code,
		.address = wanted.signal == SIGSEGV ? FAULT_ADDRESS : 0,
		.fatal = true,
		.directory = (char *)wanted.directory,
	};
	int64_t id;

	signal.registers[RECORD_REGISTER_RIP] = FAULT_PC;
	signal.registers[RECORD_REGISTER_RSP] = STACK_POINTER;
	signal.registers[RECORD_REGISTER_RBP] = STACK_POINTER + 0x20;
	copy_name(signal.comm, wanted.comm);
	must(store_writer_add_signal(writer, &signal, &id));
	ended.exit_ns = CRASHED + 1000000;
	ended.exit_status = 0x80 | wanted.signal;
	must(store_writer_update_process(writer, &ended));
	must(store_writer_end_space(writer, space_id, CRASHED + 1000000));
}

static void write_database(void)
{
	struct recording recording = {
		.boot_id = "01234567-89ab-4cde-8f01-23456789abcd",
		.started_ns = STARTED,
		.realtime_offset_ns = REALTIME_OFFSET,
		.abi_version = 1,
		.kernel_release = (char *)"6.1.0-story",
		.filter = (char *)wanted.filter,
		.corelate_version = (char *)CORELATE_VERSION,
	};
	struct process process = {
		.pid = MAIN_TID,
		.namespace_pid = OWN_PID,
		.parent_pid = 4000,
		.uid = 1000,
		.last_uid = 1000,
		.start_ns = CRASHED - SECOND,
		.first_seen_ns = CRASHED - SECOND,
	};
	struct space space = {
		.origin = SPACE_EXEC,
		.from_ns = CRASHED - SECOND,
		.auxv_sysinfo_ehdr = VDSO_START,
		.auxv_random = STACK_START + 0xf00,
		.auxv_entry = PROGRAM_START + 0x1000,
		.auxv_base = LIBRARY_START,
	};
	uint64_t discarded;
	int64_t file_id = 0, id;

	must(store_writer_create(wanted.database, &writer));
	must(store_writer_add_recording(writer, &recording, &recording.id));
	if (wanted.with_crash) {
		process.recording_id = recording.id;
		copy_name(process.comm, wanted.comm);
		must(store_writer_add_process(writer, &process, &process.id));
		space.process_id = process.id;
		copy_name(space.comm, wanted.comm);
		space.executable_file_id = add_file(1001, wanted.executable);
		must(store_writer_add_space(writer, &space, &space_id));
		file_id = add_file(1002, wanted.mapped_file);
		add_story(file_id);
		add_death(&process);
	}
	if (wanted.with_heap)
		add_heap(recording.id, file_id);
	if (wanted.with_gap)
		must(store_writer_add_gap(writer,
					  &(struct gap){.recording_id = recording.id,
							.pid = MAIN_TID,
							.cause = GAP_RING_FULL,
							.from_ns = CRASHED - 650000000,
							.to_ns = CRASHED - 640000000,
							.lost = 17},
					  &id));
	must(store_writer_commit(writer, recording.id, CRASHED + SECOND, &discarded));
	if (wanted.die)
		raise(SIGKILL);
	recording.ended_ns = CRASHED + SECOND;
	recording.emitted = recording.stored = 11;
	must(store_writer_end_recording(writer, &recording));
	store_writer_destroy(writer);
}

/* ---- the core ---- */

static void add_registers(int tid, int signal, uint64_t pc)
{
	struct elf_prstatus status = {.pr_pid = tid, .pr_cursig = (short)signal, .pr_info.si_signo = signal};

	status.pr_reg[CORE_RIP] = pc;
	status.pr_reg[CORE_RSP] = STACK_POINTER;
	status.pr_reg[CORE_RBP] = STACK_POINTER + 0x20;
	status.pr_reg[CORE_RDI] = DEPOT_START;
	status.pr_reg[CORE_RCX] = FAULT_ADDRESS - DEPOT_START;
	add_note(NT_PRSTATUS, &status, sizeof(status));
}

static void add_facts(void)
{
	struct elf_prpsinfo facts = {.pr_pid = OWN_PID, .pr_uid = 1000};
	siginfo_t signal = {.si_signo = wanted.signal, .si_code = wanted.code};
	const uint64_t vector[] = {33, VDSO_START, 25, STACK_START + 0xf00, 9, PROGRAM_START + 0x1000, 7, LIBRARY_START,
				   0,  0};

	memcpy(facts.pr_fname, wanted.core_name, strnlen(wanted.core_name, sizeof(facts.pr_fname)));
	memcpy(facts.pr_psargs, wanted.core_arguments, strnlen(wanted.core_arguments, sizeof(facts.pr_psargs)));
	if (wanted.signal == SIGSEGV)
		signal.si_addr = (void *)FAULT_ADDRESS;
	add_note(NT_PRPSINFO, &facts, sizeof(facts));
	add_note(NT_SIGINFO, &signal, sizeof(signal));
	add_note(NT_AUXV, vector, sizeof(vector));
}

static uint64_t extra_start(size_t index)
{
	return 0x7ffff0000000ULL + index * 0x100000;
}

/* NT_FILE: count, page size, {start, end, page offset} each, then the paths. */
static void add_files(void)
{
	static uint8_t note[60000];
	uint64_t words[2 + 3 * (2 + EXTRA_FILES_MAX)] = {2 + wanted.extra_file_count, PAGE};
	const char *paths[2 + EXTRA_FILES_MAX];
	size_t size = 0, count = 2;

	for (size_t i = 0; i < wanted.extra_file_count; i++) {
		words[2 + 3 * i] = extra_start(i);
		words[3 + 3 * i] = extra_start(i) + PAGE;
		paths[i] = wanted.extra_files[i];
		count++;
	}
	words[2 + 3 * (count - 2)] = PROGRAM_START;
	words[3 + 3 * (count - 2)] = PROGRAM_START + 2 * PAGE;
	paths[count - 2] = wanted.core_program;
	words[2 + 3 * (count - 1)] = LIBRARY_START;
	words[3 + 3 * (count - 1)] = LIBRARY_START + 2 * PAGE;
	paths[count - 1] = wanted.core_library;
	size = (2 + 3 * count) * sizeof(*words);
	memcpy(note, words, size);
	for (size_t i = 0; i < count; i++) {
		if (size + strlen(paths[i]) + 1 > sizeof(note))
			errx(2, "the paths are too long for the note");
		strcpy((char *)note + size, paths[i]);
		size += strlen(paths[i]) + 1;
	}
	add_note(NT_FILE, note, size);
}

/* Returns where the segment's bytes are, all zero. */
static uint8_t *add_memory(uint64_t start, uint64_t pages, uint32_t flags)
{
	uint8_t *bytes = builder.data + builder.data_bytes;

	add_segment(start, pages * PAGE, pages * PAGE, flags);
	memset(bytes, 0, pages * PAGE);
	return bytes;
}

/* An ELF header, a PT_LOAD over both pages and a build-id: enough to be a module whose file is gone. */
static uint8_t *add_module(uint64_t start, uint64_t pages, uint8_t build_id)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr programs[2];
		Elf64_Nhdr note;
		char name[4];
		uint8_t build_id[20];
	} image = {
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			   .e_type = ET_DYN,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_phoff = sizeof(Elf64_Ehdr),
			   .e_ehsize = sizeof(Elf64_Ehdr),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 2},
		.note = {.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID},
		.name = "GNU",
	};
	size_t note_offset = sizeof(image.header) + sizeof(image.programs);
	uint8_t *bytes = add_memory(start, pages, PF_R | PF_X);

	image.programs[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					 .p_flags = PF_R | PF_X,
					 .p_filesz = pages * PAGE,
					 .p_memsz = pages * PAGE,
					 .p_align = PAGE};
	image.programs[1] = (Elf64_Phdr){.p_type = PT_NOTE,
					 .p_offset = note_offset,
					 .p_vaddr = note_offset,
					 .p_filesz = sizeof(image.note) + 24,
					 .p_memsz = sizeof(image.note) + 24,
					 .p_align = 4};
	memset(image.build_id, build_id, sizeof(image.build_id));
	memcpy(bytes, &image, sizeof(image));
	return bytes;
}

static void write_core(void)
{
	/* movzx eax, byte ptr [rdi+rcx]; and before it a call, so that the frame below looks like one. */
	static const uint8_t faulting[] = {0x0f, 0xb6, 0x04, 0x0f}, call[] = {0xe8, 0, 0, 0, 0};
	uint64_t *stack;
	uint8_t *code;
	size_t size;
	FILE *file;

	begin();
	add_registers(OWN_MAIN_TID, wanted.signal, FAULT_PC);
	add_facts();
	add_files();
	add_registers(OWN_WALKER_TID, 0, LIBRARY_START + 0x1123);
	code = add_module(PROGRAM_START, 2, 0xa1);
	memcpy(code + (FAULT_PC - PROGRAM_START), faulting, sizeof(faulting));
	memcpy(code + 0x1100, call, sizeof(call));
	for (size_t i = 0; i < wanted.extra_file_count; i++)
		add_segment(extra_start(i), PAGE, 0, PF_R | PF_X);
	add_module(LIBRARY_START, 2, 0xb2);
	add_module(VDSO_START, 1, 0xc3);
	stack = (uint64_t *)add_memory(STACK_START, 1, PF_R | PF_W);
	stack[(STACK_POINTER + 0x20 - STACK_START) / 8 + 1] = PROGRAM_START + 0x1105;
	size = build();
	file = fopen(wanted.core, "we");
	if (!file || fwrite(file_bytes, 1, size, file) != size || fclose(file))
		err(1, "%s", wanted.core);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			errx(2, "usage: make-fixture [NAME=VALUE...]");
		*value++ = 0;
		set_value(argv[i], value);
	}
	if (wanted.core)
		write_core();
	if (wanted.database)
		write_database();
	return 0;
}
