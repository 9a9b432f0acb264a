/* SPDX-License-Identifier: MIT */
/* Facts about the crashed thread: its frames, the stacks it stood on. README.md has the lines. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tests/causes/facts_parser.h"

static char *copy(const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		abort();
	return copied;
}

static void expect(struct parser *parser, const char *text)
{
	if (!facts_accept(parser, text))
		facts_bad(parser, text);
}

static struct thread_stack *crashed_thread(struct crash *crash)
{
	if (!crash->facts.stacks.thread_count) {
		crash->facts.stacks.threads = calloc(1, sizeof(*crash->facts.stacks.threads));
		if (!crash->facts.stacks.threads)
			abort();
		crash->facts.stacks.thread_count = 1;
		crash->facts.stacks.threads[0].crashed = true;
	}
	return &crash->facts.stacks.threads[0];
}

static void append_frame(struct thread_stack *stack, const struct frame *frame)
{
	stack->frames = reallocarray(stack->frames, stack->frame_count + 1, sizeof(*frame));
	if (!stack->frames)
		abort();
	stack->frames[stack->frame_count++] = *frame;
}

static void add_frame(struct crash *crash, const struct frame *frame)
{
	append_frame(crashed_thread(crash), frame);
}

/* [MODULE:]FUNCTION[+OFFSET], or ? for none; the module is "program" when none is named. A function's entry is made of
 * its name, so that the same name is the same function. */
static void read_symbol(struct parser *parser, struct frame *frame)
{
	uint64_t entry = 0x1000, offset = 0;
	char word[160], *colon, *plus, *function = word;

	facts_read_word(parser, word, sizeof(word));
	plus = strrchr(word, '+');
	if (plus) {
		*plus = 0;
		offset = strtoull(plus + 1, NULL, 0);
	}
	colon = strchr(word, ':');
	if (colon && colon[1] != ':') {
		*colon = 0;
		function = colon + 1;
	}
	frame->symbol.module = copy(function == word ? "program" : word);
	for (const char *at = function; *at; at++)
		entry = (entry * 131 + (unsigned char)*at * 4096ULL) & 0xfffffff000ULL;
	if (strcmp(function, "?") != 0)
		frame->symbol.function = copy(function);
	frame->symbol.function_offset = offset;
	frame->symbol.module_offset = entry + offset;
	frame->pc = 0x400000000000 + entry + offset;
}

/* call SYMBOL sp NUMBER [at PC] [line FILE NUMBER] [by cfi|frame-pointer|scan|lost] */
static void read_call(struct parser *parser)
{
	struct frame frame = {.trust = FRAME_CFI};

	read_symbol(parser, &frame);
	expect(parser, "sp");
	frame.sp = facts_read_number(parser);
	if (facts_accept(parser, "at"))
		frame.pc = facts_read_number(parser);
	if (facts_accept(parser, "line")) {
		char file[64];

		facts_read_word(parser, file, sizeof(file));
		frame.symbol.file = copy(file);
		frame.symbol.line = (int)facts_read_number(parser);
	}
	if (facts_accept(parser, "by")) {
		char word[32];

		facts_read_word(parser, word, sizeof(word));
		for (int trust = FRAME_REGISTERS; trust <= FRAME_LOST; trust++) {
			if (strcmp(word, frame_trust_name((enum frame_trust)trust)) == 0)
				frame.trust = (enum frame_trust)trust;
		}
	}
	add_frame(facts_crash(parser), &frame);
}

/* rounds COUNT from SP BYTES SYMBOL SYMBOL…: the functions, callee first, each with a frame of BYTES, again and again
 */
static void read_rounds(struct parser *parser)
{
	uint64_t count = facts_read_number(parser), sp, bytes;
	const char *symbols;

	expect(parser, "from");
	sp = facts_read_number(parser);
	bytes = facts_read_number(parser);
	symbols = facts_rest(parser, NULL);
	if (count > 4096)
		facts_bad(parser, "too many rounds");
	for (uint64_t i = 0; i < count; i++) {
		facts_rest(parser, symbols);
		while (!facts_at_end(parser)) {
			struct frame frame = {.trust = FRAME_CFI, .sp = sp};

			read_symbol(parser, &frame);
			add_frame(facts_crash(parser), &frame);
			sp += bytes;
		}
	}
}

static void read_stack_end(struct parser *parser)
{
	const char *text = facts_rest(parser, NULL);

	crashed_thread(facts_crash(parser))->end_reason = copy(text);
	facts_rest(parser, text + strlen(text));
}

/* stack KIND START END GUARD-START sp NUMBER [touched NUMBER signal|instruction [mapped] [inner-guard]] [no-room] [frame INDEX NUMBER
 * CODE]: where the thread stood when it died; with "frame", where a handler for that signal interrupted it. */
static void read_stack(struct parser *parser)
{
	static const char *const kinds[] = {"unknown", "main", "thread", "signal", "goroutine", "other"};
	struct crash *crash = facts_crash(parser);
	struct stack_use *use = &crash->facts.stack_uses[crash->facts.stack_use_count];
	char kind[16];

	if (crash->facts.stack_use_count == CRASH_INTERRUPTIONS + 1)
		facts_bad(parser, "too many stacks");
	crashed_thread(crash);
	*use = (struct stack_use){
		.sp_writable = true, .number = crash->facts.signal.number, .code = crash->facts.signal.code};
	facts_read_word(parser, kind, sizeof(kind));
	for (int i = 1; i < 6; i++) {
		if (strcmp(kind, kinds[i]) == 0)
			use->area.kind = (enum stack_kind)i;
	}
	if (!use->area.kind)
		facts_bad(parser, "unknown kind of stack");
	use->area.start = facts_read_number(parser);
	use->area.end = facts_read_number(parser);
	use->area.guard_start = facts_read_number(parser);
	expect(parser, "sp");
	use->sp = facts_read_number(parser);
	if (facts_accept(parser, "touched")) {
		use->touched = facts_read_number(parser);
		use->touched_source = facts_accept(parser, "signal") ? TOUCHED_SIGNAL : TOUCHED_INSTRUCTION;
		if (use->touched_source == TOUCHED_INSTRUCTION)
			expect(parser, "instruction");
		use->touched_mapped = facts_accept(parser, "mapped");
		use->has_inner_guard = facts_accept(parser, "inner-guard");
	}
	if (facts_accept(parser, "no-room"))
		use->sp_writable = false;
	if (facts_accept(parser, "frame")) {
		use->frame = (size_t)facts_read_number(parser);
		use->number = (int32_t)facts_read_number(parser);
		use->code = (int32_t)facts_read_number(parser);
	}
	if (use->area.kind == STACK_GOROUTINE)
		crash->facts.goroutine = *use;
	else
		crash->facts.stack_use_count++;
}

/* siginfo NUMBER, CODE|none [from PID|self] [uid N]: any signal; "none": the number is all that is known. After
 * "death", which names the process */
static void read_siginfo(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);

	crash->facts.signal = (struct crash_signal){.number = (int32_t)facts_read_number(parser)};
	expect(parser, ",");
	crash->facts.signal.only_number = facts_accept(parser, "none");
	if (!crash->facts.signal.only_number)
		crash->facts.signal.code = (int32_t)facts_read_number(parser);
	if (facts_accept(parser, "from"))
		crash->facts.signal.sender_pid =
			facts_accept(parser, "self") ? crash->facts.pid : (uint32_t)facts_read_number(parser);
	if (facts_accept(parser, "uid"))
		crash->facts.signal.sender_uid = (uint32_t)facts_read_number(parser);
}

static int call_number(struct parser *parser)
{
	static const struct {
		const char *name;
		int number;
	} calls[] = {{"kill", SYS_kill}, {"tkill", SYS_tkill}, {"tgkill", SYS_tgkill}};
	char word[16];

	facts_read_word(parser, word, sizeof(word));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(word, calls[i].name) == 0)
			return calls[i].number;
	}
	facts_bad(parser, "kill, tkill or tgkill");
}

/* another TID SYMBOL SYMBOL...: a further thread and its frames, innermost first */
static void read_another(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	struct thread_stack *stack;

	crashed_thread(crash);
	crash->facts.stacks.threads = reallocarray(crash->facts.stacks.threads, crash->facts.stacks.thread_count + 1,
						   sizeof(*crash->facts.stacks.threads));
	if (!crash->facts.stacks.threads)
		abort();
	stack = &crash->facts.stacks.threads[crash->facts.stacks.thread_count++];
	*stack = (struct thread_stack){.tid = (uint32_t)facts_read_number(parser)};
	while (!facts_at_end(parser)) {
		struct frame frame = {.trust = FRAME_CFI, .sp = 0x9000};

		read_symbol(parser, &frame);
		append_frame(stack, &frame);
	}
}

/* sends TID CALL: that thread is in this system call, which sends the signal to the process */
static void read_sends(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	uint32_t tid = (uint32_t)facts_read_number(parser);
	int call = call_number(parser);

	if (tid == crash->facts.tid) {
		crash->facts.sending.crashed = call;
		return;
	}
	for (size_t i = 1; i < crash->facts.stacks.thread_count; i++) {
		if (crash->facts.stacks.threads[i].tid == tid)
			crash->facts.sending.other = i;
	}
	if (!crash->facts.sending.other)
		facts_bad(parser, "no such thread");
	crash->facts.sending.other_call = call;
}

/* gone MODULE: its file is not there any more */
static void read_gone(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	char word[128];

	facts_read_word(parser, word, sizeof(word));
	crash->core.gone_modules = reallocarray(crash->core.gone_modules, crash->core.gone_module_count + 1,
						sizeof(*crash->core.gone_modules));
	if (!crash->core.gone_modules)
		abort();
	crash->core.gone_modules[crash->core.gone_module_count++] = copy(word);
}

/* snapshot no-signal|stopped|breakpoint: the process lived on */
static void read_snapshot(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);

	crash->core.snapshot = facts_accept(parser, "no-signal") ? SNAPSHOT_NO_SIGNAL
			       : facts_accept(parser, "stopped") ? SNAPSHOT_STOPPED
								 : SNAPSHOT_BREAKPOINT;
	if (crash->core.snapshot == SNAPSHOT_BREAKPOINT)
		expect(parser, "breakpoint");
}

/* sender PID|self COMM TIME [thread TID] [handling NUMBER, CODE [in PID] [from PID] [call NUMBER]]: who sent the
 * signal, as recorded, and what its handler had been called for then */
static void read_sender(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	struct signal_sender *sender = &crash->record.sender;
	char comm[17] = "";

	crash->record.process.pid = crash->record.process.namespace_pid = crash->facts.pid;
	crash->record.has_sender = true;
	sender->pid = facts_accept(parser, "self") ? crash->facts.pid : (uint32_t)facts_read_number(parser);
	sender->tid = sender->first_pid = sender->first_tid = sender->pid;
	facts_read_word(parser, comm, sizeof(comm));
	memcpy(sender->comm, comm, sizeof(sender->comm));
	sender->time_ns = facts_read_time(parser);
	sender->first_system_call = -1;
	if (facts_accept(parser, "thread"))
		sender->tid = sender->first_tid = (uint32_t)facts_read_number(parser);
	if (!facts_accept(parser, "handling"))
		return;
	sender->first_number = (int32_t)facts_read_number(parser);
	expect(parser, ",");
	sender->first_code = (int32_t)facts_read_number(parser);
	if (facts_accept(parser, "in"))
		sender->first_pid = sender->first_tid = (uint32_t)facts_read_number(parser);
	if (facts_accept(parser, "from"))
		sender->first_sender_pid = (uint32_t)facts_read_number(parser);
	if (facts_accept(parser, "call"))
		sender->first_system_call = (int32_t)facts_read_number(parser);
	sender->first_time_ns = sender->time_ns - 1000;
}

/* handler FRAME, NUMBER, CODE [from PID|self] [sending]: a signal frame on the crashed thread, whose handler had
 * interrupted that frame; number 0: installed without SA_SIGINFO; "sending": the frame was in the call that sent that
 * signal */
static void read_handler(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	struct interruption *interruption = &crash->facts.interruptions[crash->facts.interruption_count];

	if (crash->facts.interruption_count == CRASH_INTERRUPTIONS)
		facts_bad(parser, "too many handlers");
	*interruption = (struct interruption){.found = true, .confirmed = true, .address = 0x7f00000ff000};
	interruption->frame = (size_t)facts_read_number(parser);
	expect(parser, ",");
	interruption->signal.number = (int32_t)facts_read_number(parser);
	expect(parser, ",");
	interruption->signal.code = (int32_t)facts_read_number(parser);
	if (facts_accept(parser, "from"))
		interruption->signal.sender_pid =
			facts_accept(parser, "self") ? crash->facts.pid : (uint32_t)facts_read_number(parser);
	interruption->sends = facts_accept(parser, "sending");
	crash->facts.interruption_count++;
}

static void take_rest(struct parser *parser, char *out, size_t size)
{
	const char *text = facts_rest(parser, NULL);

	snprintf(out, size, "%s", text);
	facts_rest(parser, text + strlen(text));
}

/* said TEXT: what the C library wrote before it aborted */
static void read_said(struct parser *parser)
{
	char text[512];

	take_rest(parser, text, sizeof(text));
	facts_crash(parser)->core.abort_message = copy(text);
}

/* thrown TYPE [TEXT]: the exception object that the core holds */
static void read_thrown(struct parser *parser)
{
	struct thrown *thrown = &facts_crash(parser)->facts.thrown;

	thrown->found = thrown->from_list = true;
	facts_read_word(parser, thrown->type, sizeof(thrown->type));
	thrown->has_text = !facts_at_end(parser);
	take_rest(parser, thrown->text, sizeof(thrown->text));
}

/* result NUMBER: what the system call gave back that the thread came from */
static void read_result(struct parser *parser)
{
	facts_crash(parser)->facts.registers[CORE_RAX] = facts_read_number(parser);
	facts_crash(parser)->facts.has_registers = true;
}

/* parent PID: of the dead process, when it died, as the core says */
static void read_parent(struct parser *parser)
{
	facts_crash(parser)->facts.parent_pid = (uint32_t)facts_read_number(parser);
}

/* system-call NUMBER: in rax, as the kernel leaves it when a filter refuses */
static void read_system_call(struct parser *parser)
{
	facts_crash(parser)->facts.registers[CORE_RAX] = facts_read_number(parser);
	facts_crash(parser)->facts.has_registers = true;
}

/* stack-pointer NUMBER: all that is known of the stack without a core */
static void read_stack_pointer(struct parser *parser)
{
	facts_crash(parser)->facts.registers[CORE_RSP] = facts_read_number(parser);
	facts_crash(parser)->facts.has_registers = true;
}

/* member OFFSET EXPRESSION TYPE: the structure member that debug information names */
static void read_member(struct parser *parser)
{
	struct accessed_member *member = &facts_crash(parser)->facts.fault.member;

	member->offset = facts_read_number(parser);
	facts_read_word(parser, member->expression, sizeof(member->expression));
	take_rest(parser, member->type, sizeof(member->type));
}

/* panicked TEXT: what a panic said */
static void read_panicked(struct parser *parser)
{
	char text[256];

	take_rest(parser, text, sizeof(text));
	facts_crash(parser)->facts.panic_message = copy(text);
}

/* twin KIND BIT WRONG VALUE: the value that the pointer had before one of its bits changed */
static void read_twin(struct parser *parser)
{
	static const char *const kinds[] = {"in-use", "function", "table", "virtual-table"};
	struct fault_twin *twin = &facts_crash(parser)->facts.fault.twin;
	char word[32];

	facts_read_word(parser, word, sizeof(word));
	while (twin->kind < sizeof(kinds) / sizeof(kinds[0]) && strcmp(word, kinds[twin->kind]) != 0)
		twin->kind++;
	if (twin->kind == sizeof(kinds) / sizeof(kinds[0]))
		facts_bad(parser, "in-use, function, table or virtual-table");
	twin->bit = (unsigned)facts_read_number(parser);
	twin->wrong = facts_read_number(parser);
	twin->value = facts_read_number(parser);
	twin->found = true;
	twin->is_telling = twin->bit < 48;
	twin->reg = -1;
}

bool facts_read_stack_line(struct parser *parser, const char *keyword)
{
	static const struct {
		const char *keyword;
		void (*read)(struct parser *parser);
	} lines[] = {
		{"call", read_call},
		{"rounds", read_rounds},
		{"stack-end", read_stack_end},
		{"stack", read_stack},
		{"siginfo", read_siginfo},
		{"another", read_another},
		{"sends", read_sends},
		{"gone", read_gone},
		{"snapshot", read_snapshot},
		{"sender", read_sender},
		{"handler", read_handler},
		{"said", read_said},
		{"thrown", read_thrown},
		{"result", read_result},
		{"parent", read_parent},
		{"system-call", read_system_call},
		{"stack-pointer", read_stack_pointer},
		{"member", read_member},
		{"twin", read_twin},
		{"panicked", read_panicked},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(keyword, lines[i].keyword) == 0) {
			lines[i].read(parser);
			return true;
		}
	}
	return false;
}
