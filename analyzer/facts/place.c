/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/place.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/crash.h"

#define PAGE RECORD_PAGE_BYTES

/* The program break begins at most this far above the executable (Linux arch/x86/kernel/process.c, arch_randomize_brk:
 * 32 MiB, 1 GiB since 6.9). */
#define BRK_REACH_BYTES (1ULL << 30)
/* Where the kernel puts the program break of a static position-independent executable, which it loads as it does
 * libraries (fs/binfmt_elf.c, ELF_ET_DYN_BASE), and how far the randomization of it reaches. */
#define LOADER_BRK_START 0x555555554000ULL
#define LOADER_BRK_END 0x566600000000ULL
/* struct pthread lies at the thread pointer, on top of a stack that the C library made (glibc nptl/allocatestack.c;
 * musl src/thread/pthread_create.c). It is smaller than this. */
#define THREAD_BLOCK_BYTES 4096

#define VSYSCALL_START 0xffffffffff600000ULL

bool place_is_non_canonical(uint64_t address)
{
	int64_t high = (int64_t)address >> 47;

	return high != 0 && high != -1;
}

static bool contains(uint64_t start, uint64_t end, uint64_t address)
{
	return address >= start && address < end;
}

static bool is_writable(const struct core_segment *segment)
{
	return (segment->flags & (PF_R | PF_W)) == (PF_R | PF_W);
}

/* No permission and no bytes. (A PROT_NONE buffer that held data has its bytes.) */
static bool is_bare(const struct core_segment *segment)
{
	return !(segment->flags & (PF_R | PF_W | PF_X)) && !segment->dumped_bytes;
}

/* ---- stacks ---- */

static bool is_main_thread(const struct core *core, const struct core_thread *thread)
{
	return thread->tid == core->pid;
}

/* The kernel puts the random bytes and the name of the program on top of the first stack. */
static const struct core_segment *main_stack(const struct core *core)
{
	const struct core_segment *segment = NULL;

	if (core->has_auxv && core->auxv_random)
		segment = core_find_segment(core, core->auxv_random);
	if (!segment && core->has_auxv && core->auxv_execfn)
		segment = core_find_segment(core, core->auxv_execfn);
	return segment && is_writable(segment) ? segment : NULL;
}

/* The writable mapping that begins where a bare one ends, or NULL: what the bare one guards. */
static const struct core_segment *guarded_by(const struct core *core, const struct core_segment *guard)
{
	const struct core_segment *next = guard + 1;

	if (next == core->segments + core->segment_count || next->start != guard->end || !is_writable(next) ||
	    core_find_file(core, next->start))
		return NULL;
	return next;
}

/* What the stack pointer lies in. A stack that ran into its guard has its pointer in there. */
static const struct core_segment *stack_at(const struct core *core, uint64_t sp)
{
	const struct core_segment *segment = core_find_segment(core, sp);

	/* An empty stack's pointer may be its very end. */
	if (!segment && sp)
		segment = core_find_segment(core, sp - 1);
	if (segment && is_bare(segment))
		segment = guarded_by(core, segment);
	return segment && is_writable(segment) && !core_find_file(core, segment->start) ? segment : NULL;
}

static const struct core_segment *stack_of_thread(const struct core *core, const struct core_thread *thread,
						  uint64_t *ret_end)
{
	const uint64_t block = thread->registers[CORE_FS_BASE];
	const struct core_segment *segment = stack_at(core, thread->registers[CORE_RSP]);

	if (!segment && is_main_thread(core, thread))
		segment = main_stack(core);
	if (!segment && !is_main_thread(core, thread))
		segment = stack_at(core, block);
	if (!segment)
		return NULL;
	*ret_end = segment->end;
	/* The kernel joins neighbouring anonymous mappings: what lies above the thread's block is something else. */
	if (!is_main_thread(core, thread) && contains(segment->start, segment->end, block) &&
	    block > thread->registers[CORE_RSP] && block + THREAD_BLOCK_BYTES < segment->end)
		*ret_end = (block + THREAD_BLOCK_BYTES + PAGE - 1) & ~(PAGE - 1);
	return segment;
}

/* ---- the index ---- */

struct place_stack {
	const struct core_segment *segment;
	uint64_t end;
	uint32_t tid;
	size_t order; /* of the thread in the core */
};

struct place_index {
	struct place_stack *stacks; /* by segment, end, order */
	size_t stack_count;
	const struct core_module **modules; /* by end, then by start, as in the core */
	size_t module_count;
	bool has_executable;
	uint64_t executable_start, executable_end;
};

static int compare_stacks(const void *left, const void *right)
{
	const struct place_stack *a = left, *b = right;

	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int compare_module_ends(const void *left, const void *right)
{
	const struct core_module *a = *(const struct core_module *const *)left;
	const struct core_module *b = *(const struct core_module *const *)right;

	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return a < b ? -1 : a > b;
}

static bool executable_range(const struct core *core, uint64_t *ret_start, uint64_t *ret_end);

struct error *place_index_create(const struct core *core, struct place_index **ret)
{
	struct place_index *index = calloc(1, sizeof(*index));

	if (!index)
		return &error_no_memory;
	index->stacks = calloc(core->thread_count + 1, sizeof(*index->stacks));
	index->modules = calloc(core->module_count + 1, sizeof(const struct core_module *));
	if (!index->stacks || !index->modules) {
		place_index_destroy(index);
		return &error_no_memory;
	}
	for (size_t i = 0; i < core->thread_count; i++) {
		struct place_stack stack = {.tid = core->threads[i].tid, .order = i};

		stack.segment = stack_of_thread(core, &core->threads[i], &stack.end);
		if (stack.segment)
			index->stacks[index->stack_count++] = stack;
	}
	qsort(index->stacks, index->stack_count, sizeof(*index->stacks), compare_stacks);
	for (size_t i = 0; i < core->module_count; i++)
		index->modules[index->module_count++] = &core->modules[i];
	qsort(index->modules, index->module_count, sizeof(const struct core_module *), compare_module_ends);
	index->has_executable = executable_range(core, &index->executable_start, &index->executable_end);
	*ret = index;
	return NULL;
}

void place_index_destroy(struct place_index *index)
{
	if (!index)
		return;
	free(index->stacks);
	free(index->modules);
	free(index);
}

/* The first stack in the mapping that ends above `address`. */
static uint32_t indexed_thread(const struct place_index *index, const struct core_segment *segment, uint64_t address)
{
	size_t low = 0, high = index->stack_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct place_stack *stack = &index->stacks[middle];

		if (stack->segment < segment || (stack->segment == segment && stack->end <= address))
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->stack_count && index->stacks[low].segment == segment ? index->stacks[low].tid : 0;
}

/* Index of the first module that ends at or above `address`. */
static size_t first_ending_at(const struct place_index *index, uint64_t address)
{
	size_t low = 0, high = index->module_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->modules[middle]->end < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The thread whose stack is in that mapping around or nearest above `address`; 0 for none. */
static uint32_t thread_on(const struct crash_from_core *from, const struct core_segment *segment, uint64_t address)
{
	const struct core *core = from->image;
	uint64_t best_end = UINT64_MAX;
	uint32_t best = 0;

	if (from->places)
		return indexed_thread(from->places, segment, address);
	for (size_t i = 0; i < core->thread_count; i++) {
		uint64_t end = 0;

		if (stack_of_thread(core, &core->threads[i], &end) != segment || address >= end || end >= best_end)
			continue;
		best = core->threads[i].tid;
		best_end = end;
	}
	return best;
}

/* ---- mappings ---- */

/* Lowest and highest address of the file mappings of the executable: false when they are not known. */
static bool executable_range(const struct core *core, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct core_file_mapping *entry = core->has_auxv ? core_find_file(core, core->auxv_entry) : NULL;

	if (!entry)
		return false;
	*ret_start = entry->start;
	*ret_end = entry->end;
	for (size_t i = 0; i < core->file_count; i++) {
		const struct core_file_mapping *file = &core->files[i];

		if (strcmp(file->path, entry->path) != 0)
			continue;
		*ret_start = file->start < *ret_start ? file->start : *ret_start;
		*ret_end = file->end > *ret_end ? file->end : *ret_end;
	}
	return true;
}

static bool is_heap(const struct crash_from_core *from, const struct core_segment *segment)
{
	const struct core *core = from->image;
	const struct place_index *index = from->places;
	uint64_t start = index ? index->executable_start : 0, end = index ? index->executable_end : 0;

	if (!is_writable(segment) || core_find_file(core, segment->start) ||
	    !(index ? index->has_executable : executable_range(core, &start, &end)))
		return false;
	if (segment->start < end || segment->start - end > BRK_REACH_BYTES)
		return contains(LOADER_BRK_START, LOADER_BRK_END, segment->start) &&
		       !contains(LOADER_BRK_START, LOADER_BRK_END, start);
	/* Nothing but the rest of the executable's own zeroes may lie between. */
	for (const struct core_segment *other = segment; other-- > core->segments && other->end > end;) {
		if (other->start > end || !is_writable(other))
			return false;
	}
	return true;
}

/* The end of the module's memory, as its program headers have it: they are in the first page, which a core has. */
static uint64_t memory_end(const struct core *core, const struct core_module *module)
{
	uint64_t end = 0;
	Elf64_Ehdr header;

	if (core_read(core, module->start, &header, sizeof(header)) < sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	for (unsigned i = 0; i < header.e_phnum && i < 64; i++) {
		Elf64_Phdr program;
		uint64_t program_end;

		if (core_read(core, module->start + header.e_phoff + i * sizeof(program), &program, sizeof(program)) <
		    sizeof(program))
			return 0;
		program_end = program.p_vaddr + program.p_memsz + module->load_bias;
		if (program.p_type == PT_LOAD && program_end > end)
			end = program_end;
	}
	return end;
}

/* The module whose zero-initialized data begins where its last file mapping ends. */
static const struct core_module *module_of_zeroes(const struct crash_from_core *from,
						  const struct core_segment *segment, uint64_t address)
{
	const struct core *core = from->image;
	size_t count = from->places ? from->places->module_count : core->module_count;
	size_t first = from->places ? first_ending_at(from->places, segment->start) : 0;

	for (size_t i = first; i < count; i++) {
		const struct core_module *module = from->places ? from->places->modules[i] : &core->modules[i];

		if (from->places && module->end != segment->start)
			return NULL;
		if (module->end == segment->start && address < ((memory_end(core, module) + PAGE - 1) & ~(PAGE - 1)))
			return module;
	}
	return NULL;
}

static enum place_kind bare_kind(const struct crash_from_core *from, const struct core_segment *segment,
				 uint32_t *ret_tid)
{
	const struct core_segment *stack = guarded_by(from->image, segment);

	*ret_tid = stack ? thread_on(from, stack, stack->start) : 0;
	return *ret_tid ? PLACE_GUARD : PLACE_RESERVED;
}

/* What an anonymous mapping is, at `address` of it. */
static enum place_kind anonymous_kind(const struct crash_from_core *from, const struct core_segment *segment,
				      uint64_t address, struct place *place)
{
	const struct core *core = from->image;
	uint64_t vdso = core->has_auxv ? core->auxv_sysinfo_ehdr : 0;

	if (segment->start == VSYSCALL_START)
		return PLACE_VSYSCALL;
	if (vdso && contains(segment->start, segment->end, vdso))
		return PLACE_VDSO;
	if (segment == main_stack(core))
		return PLACE_MAIN_STACK;
	if (is_bare(segment))
		return bare_kind(from, segment, &place->tid);
	if (!(segment->flags & (PF_R | PF_W)) && segment->flags & PF_X && segment->end - segment->start == PAGE)
		return PLACE_UPROBES;
	/* The kernel's data for the vdso: up to five read-only pages without bytes right below it. */
	if (vdso && segment->end <= vdso && vdso - segment->start <= 16 * PAGE && !segment->dumped_bytes &&
	    (segment->flags & (PF_R | PF_W | PF_X)) == PF_R)
		return PLACE_VVAR;
	place->module = module_of_zeroes(from, segment, address);
	if (place->module)
		return PLACE_BSS;
	place->tid = thread_on(from, segment, address);
	if (place->tid)
		return PLACE_STACK;
	return is_heap(from, segment) ? PLACE_HEAP : PLACE_ANONYMOUS;
}

static void fill_mapped(const struct crash_from_core *from, const struct core_segment *segment,
			const struct core_file_mapping *file, struct place *place)
{
	const struct core *core = from->image;

	place->mapped = true;
	if (segment) {
		place->start = segment->start;
		place->end = segment->end;
		place->protection = (segment->flags & PF_R ? PROT_READ : 0) | (segment->flags & PF_W ? PROT_WRITE : 0) |
				    (segment->flags & PF_X ? PROT_EXEC : 0);
	}
	if (!file) {
		place->kind = anonymous_kind(from, segment, place->address, place);
		if (place->kind == PLACE_VDSO)
			place->module = core_find_module(core, place->address);
		return;
	}
	place->kind = PLACE_FILE;
	place->path = file->path;
	place->file_offset = file->offset + (place->address - file->start);
	place->module = core_find_module(core, place->address);
	if (!segment) {
		place->start = file->start;
		place->end = file->end;
	}
}

/* ---- holes ---- */

static void describe_neighbour(const struct crash_from_core *from, const struct core_segment *segment, uint64_t address,
			       struct place_neighbour *neighbour)
{
	struct place place = {.address = address};

	fill_mapped(from, segment, core_find_file(from->image, address), &place);
	*neighbour = (struct place_neighbour){.exists = true,
					      .kind = place.kind,
					      .start = segment->start,
					      .end = segment->end,
					      .path = place.module ? place.module->path : place.path,
					      .tid = place.tid};
}

static void fill_hole(const struct crash_from_core *from, struct place *place)
{
	const struct core *core = from->image;
	const struct core_segment *below = NULL, *above = NULL;

	for (size_t i = 0; i < core->segment_count && !above; i++) {
		if (core->segments[i].end <= place->address)
			below = &core->segments[i];
		else
			above = &core->segments[i];
	}
	place->start = below ? below->end : 0;
	place->end = above ? above->start : 1ULL << 47;
	if (below)
		describe_neighbour(from, below, below->end - 1, &place->below);
	if (above && above->start != VSYSCALL_START)
		describe_neighbour(from, above, above->start, &place->above);
}

/* ---- the record ---- */

const enum core_register pointer_registers[POINTER_REGISTERS] = {
	CORE_RAX, CORE_RBX, CORE_RCX, CORE_RDX, CORE_RSI, CORE_RDI, CORE_RBP, CORE_RSP, CORE_R8,
	CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RIP,
};

bool place_read_end(const struct timeline *timeline, uint64_t address, struct place_end *ret_end)
{
	const struct life *life = timeline_last_life(timeline, address);
	const struct memory_event *event;

	if (!life || life->died == TIMELINE_ALIVE)
		return false;
	event = &timeline->events[life->died];
	*ret_end = (struct place_end){
		.known = true, .time_ns = event->exit_ns, .kind = event->kind, .tid = event->tid, .event = life->died};
	timeline_mapping_range(timeline, life, &ret_end->start, &ret_end->end);
	return true;
}

/* What the biography says, when it is about this page, or what was looked up. */
static void fill_end(const struct crash *crash, struct place *place)
{
	if (crash->facts.has_biography && crash->facts.biography.address / PAGE == place->address / PAGE) {
		place_read_end(&crash->facts.biography.timeline, place->address, &place->ended);
		return;
	}
	for (size_t i = 0; i < crash->facts.place_record_count; i++) {
		if (crash->facts.place_records[i].page != (place->address & ~(PAGE - 1)))
			continue;
		place->ended = crash->facts.place_records[i].end;
		place->ended.event = SIZE_MAX;
	}
}

void place_in_core(const struct crash_from_core *from, uint64_t address, struct place *ret_place)
{
	const struct core *core = from->image && from->image->segment_count ? from->image : NULL;
	const struct core_segment *segment = core ? core_find_segment(core, address) : NULL;
	const struct core_file_mapping *file = core ? core_find_file(core, address) : NULL;

	*ret_place = (struct place){.address = address, .protection = -1};
	if (segment || file) {
		fill_mapped(from, segment, file, ret_place);
		return;
	}
	if (place_is_non_canonical(address)) {
		ret_place->kind = PLACE_NON_CANONICAL;
		return;
	}
	if (address < PLACE_NULL_BYTES || address >= (uint64_t)-PAGE)
		ret_place->kind = PLACE_NULL;
	else if ((int64_t)address < 0)
		ret_place->kind = PLACE_KERNEL;
	else if (core)
		ret_place->kind = PLACE_UNMAPPED;
	if (core && (int64_t)address >= 0)
		fill_hole(from, ret_place);
}

void place_of(const struct crash *crash, uint64_t address, struct place *ret_place)
{
	place_in_core(&crash->core, address, ret_place);
	if (!ret_place->mapped && ret_place->kind != PLACE_NON_CANONICAL)
		fill_end(crash, ret_place);
}
