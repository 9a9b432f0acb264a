/* SPDX-License-Identifier: MIT */
#include "tests/detect/facts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include <elf.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/fault_twin.h"
#include "common/cleanup.h"
#include "replay/effect.h"
#include "tests/detect/facts_core.h"
#include "tests/detect/facts_parser.h"

#define MAX_EVENTS 256
#define MAX_NAMES 64
#define MAX_LINE 1024

/* PR_GET_DUMPABLE: a marker's number is its next argument (marker_has_number()). */
#define MARKER_OPTION_GET_DUMPABLE 3

struct named_value {
	char name[32];
	uint64_t value;
};

struct parser {
	const char *path;
	unsigned line;
	const char *at; /* the rest of the line */
	struct named_value names[MAX_NAMES];
	size_t name_count;
	struct memory_event events[MAX_EVENTS]; /* of the whole address space */
	struct event_context contexts[MAX_EVENTS];
	size_t event_count;
	uint64_t newest_exit_ns;
	bool has_signal, has_page, has_death, has_record;
	struct facts_core core; /* with map_count 0: there is none */
	struct frame frames[16];
	size_t frame_count;
	struct crash *crash;
};

static const struct named_value constants[] = {
	{"NONE", PROT_NONE},
	{"READ", PROT_READ},
	{"WRITE", PROT_WRITE},
	{"EXEC", PROT_EXEC},
	{"PRIVATE", MAP_PRIVATE},
	{"ANONYMOUS", MAP_ANONYMOUS},
	{"FIXED", MAP_FIXED},
	{"FIXED_NOREPLACE", MAP_FIXED_NOREPLACE},
	{"MREMAP_MAYMOVE", MREMAP_MAYMOVE},
	{"MREMAP_FIXED", MREMAP_FIXED},
	{"MREMAP_DONTUNMAP", MREMAP_DONTUNMAP},
	{"SHM_REMAP", SHM_REMAP},
	{"ok", 0},
	{"EINVAL", EINVAL},
	{"ENOMEM", ENOMEM},
	{"EACCES", EACCES},
	{"ENODEV", ENODEV},
	{"EFAULT", EFAULT},
};

static void bad(const struct parser *parser, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

static void bad(const struct parser *parser, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", parser->path, parser->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(BAD_INPUT_STATUS);
}

/* ---- words and numbers ---- */

static void skip_blanks(struct parser *parser)
{
	while (*parser->at == ' ' || *parser->at == '\t')
		parser->at++;
}

static bool at_end(struct parser *parser)
{
	skip_blanks(parser);
	return !*parser->at;
}

static void read_word(struct parser *parser, char *word, size_t size)
{
	size_t length;

	skip_blanks(parser);
	length = strcspn(parser->at, " \t(),=");
	if (!length)
		bad(parser, "a word is missing before \"%s\"", parser->at);
	if (length >= size)
		bad(parser, "a word is too long: \"%s\"", parser->at);
	memcpy(word, parser->at, length);
	word[length] = 0;
	parser->at += length;
}

/* Takes `text` if it comes next as a whole word or mark. */
static bool accept(struct parser *parser, const char *text)
{
	size_t length = strlen(text);

	skip_blanks(parser);
	if (strncmp(parser->at, text, length) != 0)
		return false;
	if (isalnum((unsigned char)text[length - 1]) && parser->at[length] && !strchr(" \t(),=", parser->at[length]))
		return false;
	parser->at += length;
	return true;
}

static void expect(struct parser *parser, const char *text)
{
	if (!accept(parser, text))
		bad(parser, "expected \"%s\" before \"%s\"", text, parser->at);
}

static uint64_t read_term(struct parser *parser)
{
	uint64_t value;
	char *end;

	skip_blanks(parser);
	if (isdigit((unsigned char)*parser->at)) {
		errno = 0;
		value = strtoull(parser->at, &end, 0);
		if (errno)
			bad(parser, "a number is too large: \"%s\"", parser->at);
		if (*end == 'p') {
			value *= RECORD_PAGE_BYTES;
			end++;
		}
		if (isalnum((unsigned char)*end) || *end == '_')
			bad(parser, "not a number: \"%s\"", parser->at);
		parser->at = end;
		return value;
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]) + parser->name_count; i++) {
		size_t own = sizeof(constants) / sizeof(constants[0]);
		const struct named_value *named = i < own ? &constants[i] : &parser->names[i - own];
		size_t length = strlen(named->name);

		if (strncmp(parser->at, named->name, length) != 0 || isalnum((unsigned char)parser->at[length]) ||
		    parser->at[length] == '_')
			continue;
		parser->at += length;
		return named->value;
	}
	bad(parser, "not a number or a known name: \"%s\"", parser->at);
}

/* Terms joined by +, - and |, from left to right; a leading - negates. */
static uint64_t read_number(struct parser *parser)
{
	uint64_t value = accept(parser, "-") ? -read_term(parser) : read_term(parser);

	for (;;) {
		if (accept(parser, "+"))
			value += read_term(parser);
		else if (accept(parser, "-"))
			value -= read_term(parser);
		else if (accept(parser, "|"))
			value |= read_term(parser);
		else
			return value;
	}
}

/* A whole number with its unit: "250us". "end" is the end of time. */
static uint64_t read_time(struct parser *parser)
{
	static const struct named_value units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	char word[32], *end;
	uint64_t value;

	read_word(parser, word, sizeof(word));
	if (strcmp(word, "end") == 0)
		return INT64_MAX;
	value = strtoull(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && end != word; i++) {
		if (strcmp(end, units[i].name) == 0)
			return value * units[i].value;
	}
	bad(parser, "not a time with a unit (ns, us, ms, s): \"%s\"", word);
}

static char *copy(const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		abort();
	return copied;
}

/* ---- for the other readers ---- */

void facts_bad(const struct parser *parser, const char *message)
{
	bad(parser, "%s before \"%s\"", message, parser->at);
}

bool facts_at_end(struct parser *parser)
{
	return at_end(parser);
}

void facts_read_word(struct parser *parser, char *word, size_t size)
{
	read_word(parser, word, size);
}

bool facts_accept(struct parser *parser, const char *text)
{
	return accept(parser, text);
}

uint64_t facts_read_number(struct parser *parser)
{
	return read_number(parser);
}

const char *facts_rest(struct parser *parser, const char *set)
{
	skip_blanks(parser);
	if (set)
		parser->at = set;
	return parser->at;
}

struct crash *facts_crash(struct parser *parser)
{
	return parser->crash;
}

/* ---- lines ---- */

static void read_name(struct parser *parser)
{
	struct named_value *named = &parser->names[parser->name_count];

	if (parser->name_count == MAX_NAMES)
		bad(parser, "too many names");
	read_word(parser, named->name, sizeof(named->name));
	if (!isalpha((unsigned char)named->name[0]))
		bad(parser, "a name begins with a letter: \"%s\"", named->name);
	expect(parser, "=");
	named->value = read_number(parser);
	parser->name_count++;
}

/* signal NAME [untrustworthy] [at ADDRESS] [from PID] */
static void read_signal(struct parser *parser)
{
	static const struct {
		const char *name;
		int number, code;
	} signals[] = {
		{"SEGV_MAPERR", SIGSEGV, SEGV_MAPERR}, {"SEGV_ACCERR", SIGSEGV, SEGV_ACCERR},
		{"BUS_ADRERR", SIGBUS, BUS_ADRERR},    {"SEGV_KERNEL", SIGSEGV, SI_KERNEL},
		{"SEGV_USER", SIGSEGV, SI_USER},       {"ABRT_TKILL", SIGABRT, SI_TKILL},
		{"SEGV_TKILL", SIGSEGV, SI_TKILL},     {"SEGV_PKUERR", SIGSEGV, SEGV_PKUERR},
		{"BUS_KERNEL", SIGBUS, SI_KERNEL},     {"ILL_ILLOPN", SIGILL, ILL_ILLOPN},
		{"FPE_INTDIV", SIGFPE, FPE_INTDIV},    {"FPE_FLTDIV", SIGFPE, FPE_FLTDIV},
		{"FPE_FLTINV", SIGFPE, FPE_FLTINV},    {"FPE_USER", SIGFPE, SI_USER},
		{"ILL_USER", SIGILL, SI_USER},	       {"TRAP_KERNEL", SIGTRAP, SI_KERNEL},
		{"ILL_KERNEL", SIGILL, SI_KERNEL},     {"SYS_SECCOMP", SIGSYS, 1},
	};
	struct crash_signal *signal = &parser->crash->facts.signal;
	char word[32];

	read_word(parser, word, sizeof(word));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcmp(word, signals[i].name) == 0) {
			signal->number = signals[i].number;
			signal->code = signals[i].code;
		}
	}
	if (!signal->number)
		bad(parser, "unknown signal: \"%s\"", word);
	signal->trustworthy = signal->code > 0 && signal->code != SI_KERNEL;
	if (accept(parser, "untrustworthy"))
		signal->trustworthy = false;
	if (accept(parser, "at")) {
		signal->address = read_number(parser);
		signal->has_address = true;
	}
	if (accept(parser, "from"))
		signal->sender_pid = (uint32_t)read_number(parser);
	parser->has_signal = true;
}

/* fault ADDRESS read|write|execute [from-instruction] [not-a-fault] */
static void read_fault(struct parser *parser)
{
	struct fault *fault = &parser->crash->facts.fault;

	fault->address = read_number(parser);
	fault->is_fault = true;
	fault->source = ADDRESS_SIGNAL;
	if (accept(parser, "read"))
		fault->access = ACCESS_READ;
	else if (accept(parser, "write"))
		fault->access = ACCESS_WRITE;
	else if (accept(parser, "execute"))
		fault->access = ACCESS_EXECUTE;
	else
		bad(parser, "expected read, write or execute before \"%s\"", parser->at);
	if (accept(parser, "from-instruction"))
		fault->source = ADDRESS_INSTRUCTION;
	if (accept(parser, "not-a-fault"))
		fault->is_fault = false;
	parser->crash->facts.signal.has_address = fault->source == ADDRESS_SIGNAL;
	parser->crash->facts.signal.address = parser->crash->facts.signal.has_address ? fault->address : 0;
}

/* page mapped|unmapped|no-core */
static void read_page(struct parser *parser)
{
	struct crash *crash = parser->crash;

	if (accept(parser, "mapped"))
		crash->facts.fault.mapped = crash->facts.fault.mapping_known = true;
	else if (accept(parser, "unmapped"))
		crash->facts.fault.mapping_known = true;
	else if (!accept(parser, "no-core"))
		bad(parser, "expected mapped, unmapped or no-core before \"%s\"", parser->at);
	parser->has_page = true;
}

/* death TIME THREAD | death unrecorded THREAD */
static void read_death(struct parser *parser)
{
	struct crash *crash = parser->crash;

	if (!accept(parser, "unrecorded")) {
		crash->record.time_ns = read_time(parser);
		crash->record.has_signal_event = true;
		crash->record.signal_event.id = 1;
		crash->record.signal_event.time_ns = crash->record.time_ns;
	}
	crash->facts.tid = (uint32_t)read_number(parser);
	crash->facts.pid = crash->facts.tid;
	if (crash->record.has_signal_event)
		crash->record.signal_event.tid = crash->facts.tid;
	parser->has_death = true;
}

/* record from TIME | record none */
static void read_record(struct parser *parser)
{
	if (!accept(parser, "none")) {
		expect(parser, "from");
		parser->crash->record.known = true;
		parser->crash->record.recording.started_ns = read_time(parser);
	}
	parser->has_record = true;
}

/* gap CAUSE FROM TO LOST */
static void read_gap(struct parser *parser)
{
	static const char *const causes[] = {"",       "ring-full",    "queue-full",  "quota", "database",
					     "missed", "kernel-state", "unclean-end", "filter"};
	struct crash *crash = parser->crash;
	struct gap gap = {0};
	char word[32];

	read_word(parser, word, sizeof(word));
	for (int i = GAP_RING_FULL; i <= GAP_FILTER; i++) {
		if (strcmp(word, causes[i]) == 0)
			gap.cause = (enum gap_cause)i;
	}
	if (!gap.cause)
		bad(parser, "unknown cause: \"%s\"", word);
	gap.from_ns = read_time(parser);
	gap.to_ns = read_time(parser);
	gap.lost = read_number(parser);
	if (gap.from_ns > gap.to_ns)
		bad(parser, "a gap that ends before it begins");
	crash->record.gaps = reallocarray(crash->record.gaps, crash->record.gap_count + 1, sizeof(gap));
	if (!crash->record.gaps)
		abort();
	crash->record.gaps[crash->record.gap_count++] = gap;
}

/* by MODULE [FUNCTION+OFFSET] */
static void read_caller(struct parser *parser, struct symbol *symbol)
{
	char module[64], function[64], *plus, *end;

	read_word(parser, module, sizeof(module));
	symbol->module = copy(module);
	if (at_end(parser) || strncmp(parser->at, "after-marker", 12) == 0 ||
	    strncmp(parser->at, "before-marker", 13) == 0)
		return;
	read_word(parser, function, sizeof(function));
	plus = strchr(function, '+');
	if (!plus)
		bad(parser, "a function comes with its offset: \"%s\"", function);
	*plus = 0;
	symbol->function = copy(function);
	symbol->function_offset = strtoull(plus + 1, &end, 0);
	if (end == plus + 1 || *end)
		bad(parser, "not an offset: \"%s\"", plus + 1);
}

uint64_t facts_read_time(struct parser *parser)
{
	return read_time(parser);
}

void facts_read_caller(struct parser *parser, struct symbol *symbol)
{
	read_caller(parser, symbol);
}

/* Which arguments the words of a call are, in the file's order; the others are zero. */
static const struct call_shape {
	const char *name;
	enum memory_kind kind;
	int argument_count;
	bool returns_address; /* else 0 or an error */
} call_shapes[] = {
	{"seen", MEMORY_SEEN, 4, false},
	{"mmap", MEMORY_MMAP, 4, true},
	{"munmap", MEMORY_MUNMAP, 2, false},
	{"mremap", MEMORY_MREMAP, 5, true},
	{"mprotect", MEMORY_MPROTECT, 3, false},
	{"madvise", MEMORY_MADVISE, 3, false},
	{"brk", MEMORY_BRK, 2, true},
	{"shmat", MEMORY_SHMAT, 4, true},
	{"shmdt", MEMORY_SHMDT, 2, false},
};

static void read_call(struct parser *parser, struct memory_event *event)
{
	const struct call_shape *shape = NULL;
	char name[16];

	read_word(parser, name, sizeof(name));
	for (size_t i = 0; i < sizeof(call_shapes) / sizeof(call_shapes[0]); i++) {
		if (strcmp(name, call_shapes[i].name) == 0)
			shape = &call_shapes[i];
	}
	if (!shape)
		bad(parser, "unknown call: \"%s\"", name);
	event->kind = shape->kind;
	expect(parser, "(");
	for (int i = 0; i < shape->argument_count; i++) {
		if (i)
			expect(parser, ",");
		event->args[i] = read_number(parser);
	}
	expect(parser, ")");
	expect(parser, "=");
	event->result = (int64_t)read_number(parser);
	if (!shape->returns_address && event->result > 0)
		bad(parser, "%s returns ok or an error", name);
	if (event->kind == MEMORY_SEEN ? event->enter_ns != event->exit_ns : event->enter_ns > event->exit_ns)
		bad(parser, "the times of %s are the wrong way round", name);
}

/* event ENTER EXIT THREAD CALL(ARGUMENTS) = RESULT [by MODULE [FUNCTION+OFFSET]] [after-marker N] [before-marker N] */
static void read_event(struct parser *parser, bool seen)
{
	struct memory_event *event = &parser->events[parser->event_count];
	struct event_context *context = &parser->contexts[parser->event_count];
	static int64_t marker_id;

	if (parser->event_count == MAX_EVENTS)
		bad(parser, "too many events");
	*event = (struct memory_event){.id = (int64_t)parser->event_count + 1, .space_id = 1};
	*context = (struct event_context){0};
	event->enter_ns = read_time(parser);
	event->exit_ns = read_time(parser);
	event->tid = (uint32_t)read_number(parser);
	read_call(parser, event);
	if (event->kind != MEMORY_SEEN)
		event->ip = 0x400000;
	if (accept(parser, "file")) {
		char path[128];

		read_word(parser, path, sizeof(path));
		context->file = copy(path);
		event->file_id = 1;
	}
	if (accept(parser, "by"))
		read_caller(parser, &context->caller);
	if (accept(parser, "after-marker"))
		context->before = (struct marker){
			.id = ++marker_id, .option = MARKER_OPTION_GET_DUMPABLE, .args = {read_number(parser)}};
	if (accept(parser, "before-marker"))
		context->after = (struct marker){
			.id = ++marker_id, .option = MARKER_OPTION_GET_DUMPABLE, .args = {read_number(parser)}};
	if (event->exit_ns < parser->newest_exit_ns)
		bad(parser, "events are listed in the order in which they returned");
	parser->newest_exit_ns = event->exit_ns;
	if (!seen) {
		symbol_deinit(&context->caller);
		return;
	}
	if (!parser->crash->record.known || event->exit_ns < parser->crash->record.recording.started_ns)
		bad(parser, "nobody recorded yet: write \"unseen\"");
	parser->event_count++;
}

/* PATH OFFSET [SECTION [SYMBOL+OFFSET]] [relro] */
static void read_spot(struct parser *parser, struct file_spot *spot)
{
	char word[128], *plus;

	read_word(parser, word, sizeof(word));
	spot->path = copy(word);
	spot->offset = read_number(parser);
	if (accept(parser, "."))
		parser->at--;
	else
		return;
	read_word(parser, word, sizeof(word));
	spot->section = copy(word);
	spot->is_elf = true;
	spot->is_relro = accept(parser, "relro");
	if (at_end(parser) || strncmp(parser->at, "size", 4) == 0)
		return;
	read_word(parser, word, sizeof(word));
	plus = strchr(word, '+');
	if (!plus)
		bad(parser, "a symbol comes with its offset: \"%s\"", word);
	*plus = 0;
	spot->symbol = copy(word);
	spot->symbol_offset = strtoull(plus + 1, NULL, 0);
}

/* mapping START END PROT [stack-guard] [zero] [at PATH OFFSET [SECTION [SYMBOL+OFFSET]]] [size BYTES [changed]] */
static void read_mapping(struct parser *parser)
{
	struct mapping_facts *mapping = &parser->crash->facts.mapping;

	mapping->known = true;
	mapping->start = read_number(parser);
	mapping->end = read_number(parser);
	mapping->protection = (int)read_number(parser);
	mapping->guards_stack = accept(parser, "stack-guard");
	if (accept(parser, "at"))
		read_spot(parser, &mapping->file);
	if (accept(parser, "size")) {
		mapping->file_size_known = true;
		mapping->file_bytes = read_number(parser);
		mapping->file_changed_since = accept(parser, "changed");
	}
}

/* ---- the core ---- */

/* map ADDRESS, LENGTH, rwx [PATH [OFFSET]] */
static void read_map(struct parser *parser)
{
	struct facts_map *map = &parser->core.maps[parser->core.map_count];
	char flags[8];

	if (parser->core.map_count++ == FACTS_MAX_MAPS)
		bad(parser, "too many mappings");
	map->start = read_number(parser);
	expect(parser, ",");
	map->end = map->start + read_number(parser);
	expect(parser, ",");
	read_word(parser, flags, sizeof(flags));
	if (strspn(flags, "rwx-") != 3 || strlen(flags) != 3 || map->end <= map->start)
		bad(parser, "not a mapping");
	map->flags = (flags[0] == 'r' ? PF_R : 0) | (flags[1] == 'w' ? PF_W : 0) | (flags[2] == 'x' ? PF_X : 0);
	if (at_end(parser))
		return;
	read_word(parser, map->path, sizeof(map->path));
	if (!at_end(parser))
		map->offset = read_number(parser);
}

static void fill(struct parser *parser, uint64_t address, const void *bytes, size_t size)
{
	if (!facts_core_fill(&parser->core, address, bytes, size))
		bad(parser, "no mapping holds 0x%" PRIx64, address);
}

/* words ADDRESS, WORD... */
static void read_words(struct parser *parser)
{
	uint64_t address = read_number(parser);

	expect(parser, ",");
	while (!at_end(parser)) {
		uint64_t word = read_number(parser);

		fill(parser, address, &word, sizeof(word));
		address += sizeof(word);
	}
}

/* bytes ADDRESS, 8b 7b 0c */
static void read_bytes(struct parser *parser)
{
	uint64_t address = read_number(parser);

	expect(parser, ",");
	while (!at_end(parser)) {
		char word[8], *end;
		uint8_t byte;

		read_word(parser, word, sizeof(word));
		byte = (uint8_t)strtoul(word, &end, 16);
		if (*end || end != word + 2)
			bad(parser, "not a byte: \"%s\"", word);
		fill(parser, address++, &byte, 1);
	}
}

static void set_register(struct parser *parser, struct core_thread *thread)
{
	char name[16];

	read_word(parser, name, sizeof(name));
	for (int i = 0; i < CORE_REGISTERS; i++) {
		if (strcmp(name, fault_register_name(i)) != 0)
			continue;
		expect(parser, "=");
		thread->registers[i] = read_number(parser);
		return;
	}
	bad(parser, "unknown register: \"%s\"", name);
}

/* registers rax = 1, rbx = 2: of the thread that died */
static void read_registers(struct parser *parser)
{
	do
		set_register(parser, &parser->core.threads[0]);
	while (accept(parser, ","));
}

/* thread 33, rsp = ADDRESS, fs_base = ADDRESS: another one */
static void read_thread(struct parser *parser)
{
	struct core_thread *thread;

	parser->core.thread_count = parser->core.thread_count ?: 1;
	if (parser->core.thread_count == FACTS_MAX_THREADS)
		bad(parser, "too many threads");
	thread = &parser->core.threads[parser->core.thread_count++];
	thread->tid = (uint32_t)read_number(parser);
	while (accept(parser, ","))
		set_register(parser, thread);
}

/* auxv random = ADDRESS; also entry, sysinfo_ehdr */
static void read_auxv(struct parser *parser)
{
	static const struct named_value types[] = {
		{"random", AT_RANDOM}, {"entry", AT_ENTRY}, {"sysinfo_ehdr", AT_SYSINFO_EHDR}};
	uint64_t *entry = parser->core.auxv[parser->core.auxv_count];
	char name[16];

	read_word(parser, name, sizeof(name));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(name, types[i].name) == 0)
			entry[0] = types[i].value;
	}
	if (!entry[0] || parser->core.auxv_count++ == 4)
		bad(parser, "unknown entry of the auxiliary vector: \"%s\"", name);
	expect(parser, "=");
	entry[1] = read_number(parser);
}

/* frame PC SP MODULE [FUNCTION+OFFSET]: of the thread that died, innermost first */
static void read_frame(struct parser *parser)
{
	struct frame *frame = &parser->frames[parser->frame_count];

	if (parser->frame_count == sizeof(parser->frames) / sizeof(parser->frames[0]))
		bad(parser, "too many frames");
	*frame = (struct frame){.trust = parser->frame_count ? FRAME_CFI : FRAME_REGISTERS};
	parser->frame_count++;
	frame->pc = read_number(parser);
	expect(parser, ",");
	frame->sp = read_number(parser);
	if (accept(parser, ","))
		read_caller(parser, &frame->symbol);
}

static void build_stack(struct parser *parser)
{
	struct unwind_result *stacks = &parser->crash->facts.stacks;

	if (!parser->frame_count)
		return;
	stacks->threads = calloc(1, sizeof(*stacks->threads));
	if (!stacks->threads)
		abort();
	stacks->thread_count = 1;
	stacks->threads[0] = (struct thread_stack){.tid = parser->crash->facts.tid, .crashed = true};
	stacks->threads[0].frames = calloc(parser->frame_count, sizeof(struct frame));
	if (!stacks->threads[0].frames)
		abort();
	memcpy(stacks->threads[0].frames, parser->frames, parser->frame_count * sizeof(struct frame));
	stacks->threads[0].frame_count = parser->frame_count;
}

static void find_overrun(struct crash *crash)
{
	struct returned owner = crash->facts.overrun.owner;

	overrun_find(crash, &crash->facts.overrun);
	owner.slot = crash->facts.overrun.slot;
	owner.function = owner.function ?: crash->facts.overrun.owner.function;
	crash->facts.overrun.owner = owner;
}

/* What the case says of the member and the twin is kept. */
static void examine_fault(struct crash *crash)
{
	const struct fault_scene scene = {
		.core = &crash->core,
		.pid = crash->facts.pid,
		.registers = crash->facts.registers,
		.signal = &crash->facts.signal,
	};
	const struct fault told = crash->facts.fault;

	signal_frame_find(crash->core.image, &crash->facts.interruption);
	fault_examine(&scene, &crash->facts.interruption, &crash->facts.fault);
	fault_find_twin(&crash->core, &crash->facts.fault);
	crash->facts.fault.member = told.member;
	if (told.twin.found)
		crash->facts.fault.twin = told.twin;
	assemble_find_places(crash, crash->facts.fault.is_fault, &crash->facts);
}

/* With mappings there is a core, and the analyzer's own code says what the fault is. */
static void build_core(struct parser *parser)
{
	struct facts_core *facts = &parser->core;
	struct crash *crash = parser->crash;

	if (facts->map_count) {
		facts->thread_count = facts->thread_count ?: 1;
		facts->threads[0].tid = crash->facts.tid;
		facts->pid = crash->facts.pid;
		facts->signal_number = crash->facts.signal.number;
		facts->signal_code = crash->facts.signal.code;
		facts->signal_address = crash->facts.signal.address;
		facts->sender_pid = crash->facts.signal.sender_pid;
		crash->core.image = facts_core_build(facts);
		crash->facts.has_registers = true;
		memcpy(crash->facts.registers, facts->threads[0].registers, sizeof(crash->facts.registers));
		examine_fault(crash);
		find_overrun(crash);
	} else {
		crash->facts.fault.signal = crash->facts.signal;
		crash->facts.fault.operand = SIZE_MAX;
		if (crash->facts.signal.number == SIGSEGV && crash->facts.signal.code == SEGV_MAPERR)
			crash->facts.fault.cause = FAULT_UNMAPPED;
		if (crash->facts.fault.source != ADDRESS_UNKNOWN)
			place_of(crash, crash->facts.fault.address, &crash->facts.fault_place);
	}
	for (size_t i = 0; i < facts->map_count; i++)
		free(facts->maps[i].bytes);
	build_stack(parser);
}

static const struct {
	const char *keyword;
	void (*read)(struct parser *parser);
} core_lines[] = {
	{"map", read_map},	 {"words", read_words}, {"bytes", read_bytes}, {"registers", read_registers},
	{"thread", read_thread}, {"auxv", read_auxv},	{"frame", read_frame},
};

static bool read_core_line(struct parser *parser, const char *keyword)
{
	for (size_t i = 0; i < sizeof(core_lines) / sizeof(core_lines[0]); i++) {
		if (strcmp(keyword, core_lines[i].keyword) == 0) {
			core_lines[i].read(parser);
			return true;
		}
	}
	return false;
}

/* truncated open|ftruncate|truncate|punch ENTER EXIT PID COMM OLD NEW [PATH]; OLD may be "unknown" */
static void read_truncation(struct parser *parser)
{
	static const char *const names[] = {"", "open", "ftruncate", "truncate", "punch", "collapse"};
	struct crash *crash = parser->crash;
	struct file_loss loss = {.call = {.file_id = 1}};
	char word[128];

	read_word(parser, word, sizeof(word));
	for (int i = TRUNCATION_OPEN; i <= TRUNCATION_COLLAPSE; i++) {
		if (strcmp(word, names[i]) == 0)
			loss.call.how = (enum truncation_how)i;
	}
	if (!loss.call.how)
		bad(parser, "unknown way to truncate: \"%s\"", word);
	loss.call.id = (int64_t)crash->facts.file_loss_count + 1;
	loss.call.enter_ns = read_time(parser);
	loss.call.exit_ns = read_time(parser);
	loss.call.pid = loss.call.tid = (uint32_t)read_number(parser);
	read_word(parser, word, sizeof(loss.call.comm));
	memcpy(loss.call.comm, word, strlen(word));
	loss.call.old_bytes = accept(parser, "unknown") ? TRUNCATION_SIZE_UNKNOWN : read_number(parser);
	loss.call.new_bytes = read_number(parser);
	word[0] = 0;
	if (!at_end(parser)) {
		read_word(parser, word, sizeof(word));
		loss.call.file_id = 0;
	}
	loss.call.path = copy(word);
	crash->facts.file_losses =
		reallocarray(crash->facts.file_losses, crash->facts.file_loss_count + 1, sizeof(loss));
	if (!crash->facts.file_losses)
		abort();
	crash->facts.file_losses[crash->facts.file_loss_count++] = loss;
}

/* path ADDRESS VALUE: the next word on the way of the failing pointer, the nearest first */
static void read_path(struct parser *parser)
{
	struct pointer_path *path = &parser->crash->facts.path;

	if (path->count == POINTER_PATH_WORDS)
		bad(parser, "too many words");
	path->end = PATH_WORD;
	path->is_exact = true;
	path->words[path->count].address = read_number(parser);
	path->words[path->count].value = read_number(parser);
	path->value = path->words[0].value;
	path->count++;
}

/* view source ADDRESS VALUE REGISTER [zero-page | zero-around] [inexact] | view code|nearby ADDRESS [zero-page] */
static void read_view(struct parser *parser)
{
	struct memory_view *view = &parser->crash->facts.views[parser->crash->facts.view_count];

	if (parser->crash->facts.view_count == CRASH_VIEWS)
		bad(parser, "too many views");
	view->role = accept(parser, "code") ? VIEW_CODE : accept(parser, "nearby") ? VIEW_NEARBY : VIEW_SOURCE;
	if (view->role == VIEW_SOURCE)
		expect(parser, "source");
	view->address = read_number(parser);
	if (view->role == VIEW_SOURCE) {
		view->value = read_number(parser);
		read_word(parser, view->pointer, sizeof(view->pointer));
	}
	view->page_is_zero = accept(parser, "zero-page");
	view->surroundings_are_zero = view->page_is_zero || accept(parser, "zero-around");
	view->is_exact = !accept(parser, "inexact");
	parser->crash->facts.view_count++;
}

static void read_line(struct parser *parser)
{
	char keyword[16];

	if (at_end(parser) || *parser->at == '#')
		return;
	read_word(parser, keyword, sizeof(keyword));
	if (strcmp(keyword, "name") == 0)
		read_name(parser);
	else if (strcmp(keyword, "signal") == 0)
		read_signal(parser);
	else if (strcmp(keyword, "fault") == 0)
		read_fault(parser);
	else if (strcmp(keyword, "page") == 0)
		read_page(parser);
	else if (strcmp(keyword, "death") == 0)
		read_death(parser);
	else if (strcmp(keyword, "record") == 0)
		read_record(parser);
	else if (strcmp(keyword, "gap") == 0)
		read_gap(parser);
	else if (strcmp(keyword, "mapping") == 0)
		read_mapping(parser);
	else if (strcmp(keyword, "path") == 0)
		read_path(parser);
	else if (strcmp(keyword, "view") == 0)
		read_view(parser);
	else if (strcmp(keyword, "truncated") == 0)
		read_truncation(parser);
	else if (strcmp(keyword, "unloaded") == 0)
		read_spot(parser, &parser->crash->facts.unloaded);
	else if (strcmp(keyword, "event") == 0 || strcmp(keyword, "unseen") == 0)
		read_event(parser, keyword[0] == 'e');
	else if (!read_core_line(parser, keyword) && !facts_read_stack_line(parser, keyword) &&
		 !facts_read_tracing_line(parser, keyword) && !facts_read_heap_line(parser, keyword))
		bad(parser, "unknown keyword: \"%s\"", keyword);
	if (!at_end(parser))
		bad(parser, "too much on the line: \"%s\"", parser->at);
}

/* ---- the biography ---- */

static bool in_window(const struct memory_event *event, uint64_t start, uint64_t end)
{
	struct memory_effect reach = memory_event_reach(event);

	return memory_effect_overlaps(&reach, start, end);
}

/* As the store answers: the events that changed something in [start, end) and began before the death. Contexts are
 * loaded for those that touch the page. */
static void load_window(struct parser *parser, uint64_t start, uint64_t end)
{
	struct biography *biography = &parser->crash->facts.biography;
	uint64_t page = biography->address & ~(RECORD_PAGE_BYTES - 1);
	uint64_t until_ns = parser->crash->record.time_ns ?: UINT64_MAX;
	cleanup_free struct memory_event *around = calloc(MAX_EVENTS, sizeof(*around));
	size_t around_count = 0;
	struct error *err;

	timeline_deinit(&biography->timeline);
	free(biography->events);
	free(biography->contexts);
	biography->events = calloc(parser->event_count + 1, sizeof(*biography->events));
	biography->contexts = calloc(parser->event_count + 1, sizeof(*biography->contexts));
	if (!biography->events || !biography->contexts || !around)
		abort();
	biography->event_count = 0;
	for (size_t i = 0; i < parser->event_count; i++) {
		if (parser->events[i].enter_ns >= until_ns)
			continue;
		if (in_window(&parser->events[i], start, end))
			biography->events[biography->event_count++] = parser->events[i];
		else
			around[around_count++] = parser->events[i];
	}
	/* As explain does: in the order in which they took effect. */
	err = timeline_sort(biography->events, biography->event_count);
	for (size_t i = 0; i < biography->event_count; i++)
		if (in_window(&biography->events[i], page, page + RECORD_PAGE_BYTES))
			biography->contexts[i] = parser->contexts[biography->events[i].id - 1];
	if (!err)
		err = timeline_build_among(biography->events, biography->event_count, around, around_count, start, end,
					   &biography->timeline);
	if (err)
		bad(parser, "timeline_build: %s", err->message);
	if (parser->crash->facts.fault.mapping_known)
		timeline_note_state(&biography->timeline, biography->address, parser->crash->facts.fault.mapped,
				    parser->crash->facts.mapping.known ? parser->crash->facts.mapping.protection : -1);
}

/* The page first; when its mapping was taken away, all that this call took: the analyzer asks the store in these two
 * steps. */
static void load_life_of(struct parser *parser, uint64_t address)
{
	struct biography *biography = &parser->crash->facts.biography;
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);
	const struct life *life;
	uint64_t start, end;

	biography->address = address;
	load_window(parser, page, page + RECORD_PAGE_BYTES);
	life = timeline_last_life(&biography->timeline, biography->address);
	if (!life || life->died == TIMELINE_ALIVE)
		return;
	timeline_removed_range(&biography->events[life->died], &start, &end);
	if (biography->address >= start && biography->address < end)
		load_window(parser, start, end);
}

static void load_biography(struct parser *parser)
{
	if (!parser->crash->record.known || parser->crash->facts.fault.source == ADDRESS_UNKNOWN)
		return;
	parser->crash->facts.has_biography = true;
	load_life_of(parser, parser->crash->facts.fault.address);
}

/* Views come before the biography, which takes the strings of the contexts over: they get copies. */
static void load_views(struct parser *parser)
{
	struct crash *crash = parser->crash;

	for (size_t i = 0; i < crash->facts.view_count; i++) {
		struct biography *biography = &crash->facts.views[i].biography;

		if (!crash->record.known)
			bad(parser, "a view of what nobody recorded");
		load_life_of(parser, crash->facts.views[i].address);
		*biography = crash->facts.biography;
		crash->facts.biography = (struct biography){0};
		for (size_t j = 0; j < biography->event_count; j++) {
			struct event_context *context = &biography->contexts[j];

			context->caller.module = context->caller.module ? copy(context->caller.module) : NULL;
			context->caller.function = context->caller.function ? copy(context->caller.function) : NULL;
			context->file = context->file ? copy(context->file) : NULL;
		}
	}
}

/* Contexts that the biography did not take over still own their strings. */
static void drop_unused_contexts(struct parser *parser)
{
	const struct biography *biography = &parser->crash->facts.biography;

	for (size_t i = 0; i < parser->event_count; i++) {
		bool used = false;

		for (size_t j = 0; j < biography->event_count; j++)
			used |= parser->contexts[i].caller.module &&
				biography->contexts[j].caller.module == parser->contexts[i].caller.module;
		for (size_t j = 0; j < biography->event_count; j++)
			used |= parser->contexts[i].file && biography->contexts[j].file == parser->contexts[i].file;
		if (used)
			continue;
		symbol_deinit(&parser->contexts[i].caller);
		free(parser->contexts[i].file);
	}
}

void facts_read(const char *path, struct crash *ret_crash)
{
	cleanup_file FILE *file = fopen(path, "r");
	cleanup_free struct parser *parser = calloc(1, sizeof(*parser));
	char line[MAX_LINE];

	if (!parser)
		abort();
	*ret_crash = (struct crash){.facts = {.exception = {.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX}}};
	parser->path = path;
	parser->crash = ret_crash;
	if (!file)
		bad(parser, "%s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(line);

		parser->line++;
		if (length == sizeof(line) - 1 && line[length - 1] != '\n')
			bad(parser, "the line is too long");
		if (length && line[length - 1] == '\n')
			line[length - 1] = 0;
		parser->at = line;
		read_line(parser);
	}
	if (!parser->has_signal || (!parser->has_page && !parser->core.map_count) || !parser->has_death ||
	    !parser->has_record)
		bad(parser, "one of the lines signal, page, death and record is missing");
	ret_crash->record.event_count = parser->event_count;
	build_core(parser);
	load_views(parser);
	load_biography(parser);
	facts_finish_heap(parser);
	drop_unused_contexts(parser);
}

void facts_release(struct crash *crash)
{
	struct core *core = (struct core *)crash->core.image;

	crash_deinit(crash);
	core_destroy(core);
}
