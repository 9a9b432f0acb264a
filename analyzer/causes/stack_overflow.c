/* SPDX-License-Identifier: MIT */
/*
 * stack-overflow: the thread ran off the low end of its stack.
 *
 * What is seen: the stack pointer at or below the lowest usable byte of the thread's stack, and the instruction touched
 * memory between the two: the guard, what lies below it when a large frame jumped over it, or, for the first thread,
 * the place where the kernel would not let the stack grow. An instruction touches its own frame from 136 bytes below
 * the stack pointer on (the red zone, and the word that a call or a push stores; System V ABI, AMD64 supplement).
 *
 * A guard may also lie inside the stack's own mapping (MADV_GUARD_INSTALL): the core has the page, and the kernel says
 * that nothing was there.
 *
 * The signal may hide it. A handler without an alternate stack cannot be run, since the kernel finds no room for its
 * frame: then siginfo is SI_KERNEL with zeros. A handler that sends the signal again leaves a code that says so. In
 * both cases the registers are those of the instruction, and its operands tell. A handler that aborts (Rust's) leaves
 * its own frames; what it interrupted is in the frame that the kernel had pushed for it.
 *
 * What it could be mistaken for: a wild pointer into a guard while the stack pointer is well inside (a negative index);
 * any other fault deep in a recursion; a stack pointer that was itself overwritten, which leads to no stack and whose
 * frames do not join one; a fiber's stack, whose bounds are a guess; another fatal error of Go's runtime in the
 * function that grows stacks. A stack of legitimate frames that is too small looks like frames that are too large:
 * which of them is wrong is not told.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/ending.h"
#include "analyzer/facts/stack_usage.h"
#include "analyzer/words.h"

/* The red zone, and the word of a call. */
#define BELOW_SP_BYTES (128 + 8)
#define SHOWN_CYCLE 6
#define SHOWN_CONSUMERS 4

static const char *const ran_off_alternatives[] = {"overwritten-stack-pointer",
						   "guessed-bounds",
						   "undelivered-signal",
						   "other-throw",
						   "not-a-stack",
						   "mapped-since",
						   NULL};
static const char *const used_up_alternatives[] = {"unseen-frames", NULL};

const struct link_kind link_ran_off_stack = {"ran-off-stack", FINDING_UNKNOWN, ran_off_alternatives};
const struct link_kind link_used_up_stack = {"used-up-stack", FINDING_STACK_OVERFLOW, used_up_alternatives};

struct overflow {
	const struct crash *crash;
	const struct thread_stack *stack;
	const struct stack_use *use;
	struct stack_usage usage;
	uint64_t lowest; /* that was touched or is needed */
	bool no_room;	 /* known only by the kernel's failure to push a signal frame */
};

static bool touched_below(const struct stack_use *use)
{
	return use->touched_source != TOUCHED_UNKNOWN && use->touched < use->area.start &&
	       use->touched + BELOW_SP_BYTES >= use->sp && use->sp < use->area.start + BELOW_SP_BYTES;
}

static bool is_memory_signal(int number)
{
	return number == SIGSEGV || number == SIGBUS;
}

/* SIGSEGV by the kernel, nothing in siginfo, no operand that explains it, and no room for a signal frame. */
static bool no_room_for_handler(const struct stack_use *use)
{
	return use->number == SIGSEGV && use->code == SI_KERNEL && !use->sp_writable &&
	       use->touched_source == TOUCHED_UNKNOWN && use->sp < use->area.end;
}

static const struct stack_use *find_use(const struct crash *crash, bool *ret_no_room)
{
	*ret_no_room = false;
	for (size_t i = 0; i < crash->facts.stack_use_count; i++) {
		const struct stack_use *use = &crash->facts.stack_uses[i];

		if (use->area.kind == STACK_UNKNOWN || (use->number && !is_memory_signal(use->number)))
			continue;
		if (touched_below(use))
			return use;
		if (i == 0 && no_room_for_handler(use)) {
			*ret_no_room = true;
			return use;
		}
	}
	return NULL;
}

/* Go's runtime gave up in the function that grows a goroutine's stack. */
static bool runtime_threw(const struct thread_stack *stack)
{
	for (size_t i = 0; i + 1 < stack->frame_count; i++) {
		if (ending_is_function(&stack->frames[i], "runtime.throw") &&
		    ending_is_function(&stack->frames[i + 1], "runtime.newstack"))
			return true;
	}
	return false;
}

/* ---- words ---- */

static const char *function_name(struct words *words, const struct frame *frame)
{
	/* A frame is the whole function's, whatever was inlined where it stands. */
	struct symbol whole = frame->symbol;

	whole.inlined = NULL;
	if (whole.function)
		return words_function(words, &whole);
	if (whole.module)
		return words_symbol(words, &frame->symbol);
	snprintf(words->text, sizeof(words->text), "0x%" PRIx64, frame->pc);
	return words->text;
}

static void append(struct words *words, const char *text)
{
	size_t length = strlen(words->text);

	snprintf(words->text + length, sizeof(words->text) - length, "%s", text);
}

/* "parse -> item -> parse" */
static const char *cycle_words(struct words *words, const struct overflow *overflow)
{
	const struct stack_usage *usage = &overflow->usage;
	size_t shown = usage->period < SHOWN_CYCLE ? usage->period : SHOWN_CYCLE;
	struct words name;

	words->text[0] = 0;
	/* Frames go from the callee to the caller: the order of calls is the other way round. */
	for (size_t i = 0; i < shown; i++) {
		append(words, function_name(&name, &overflow->stack->frames[usage->first + usage->period - 1 - i]));
		append(words, " -> ");
	}
	if (shown < usage->period)
		append(words, "... -> ");
	append(words, function_name(&name, &overflow->stack->frames[usage->first + usage->period - 1]));
	return words->text;
}

/* "big3 takes 1.0 MiB, big2 683.6 KiB, big1 488.3 KiB" */
static const char *consumer_words(struct words *words, const struct overflow *overflow)
{
	const struct stack_usage *usage = &overflow->usage;
	struct words name, bytes;
	char text[800];

	words->text[0] = 0;
	for (size_t i = 0; i < usage->consumer_count && i < SHOWN_CONSUMERS; i++) {
		const struct stack_consumer *consumer = &usage->consumers[i];

		/* What takes less than a sixteenth explains nothing. */
		if (i && consumer->bytes < usage->bytes / 16)
			break;
		function_name(&name, &overflow->stack->frames[consumer->frame]);
		words_bytes(&bytes, consumer->bytes);
		if (consumer->count > 1)
			snprintf(text, sizeof(text), "%s%.200s%s %s in %zu frames", i ? ", " : "", name.text,
				 i ? "" : " takes", bytes.text, consumer->count);
		else
			snprintf(text, sizeof(text), "%s%.200s%s %s", i ? ", " : "", name.text, i ? "" : " takes",
				 bytes.text);
		append(words, text);
	}
	return words->text;
}

/* "Thread 12 (worker)": the function that the thread began in, where the stack could be followed so far. */
static const char *thread_words(struct words *words, const struct overflow *overflow)
{
	const struct thread_stack *stack = overflow->stack;
	const struct frame *outer = NULL;

	snprintf(words->text, sizeof(words->text), "Thread %" PRIu32, evidence_dead_thread(overflow->crash));
	if (overflow->use->area.kind != STACK_THREAD || stack->end_reason)
		return words->text;
	/* Beyond the runtime's own frames: libc's, and what Rust's std puts around a closure. */
	for (size_t i = stack->frame_count; i-- > 0 && !outer;) {
		const struct frame *frame = &stack->frames[i];

		if (frame->symbol.function && !strstr(frame->symbol.function, "clone") &&
		    !strstr(frame->symbol.function, "start_thread") && !ending_is_runtime(frame) &&
		    !strstr(frame->symbol.function, "core..ops..function"))
			outer = frame;
	}
	if (outer) {
		struct words name;

		snprintf(words->text, sizeof(words->text), "Thread %" PRIu32 " (%.200s)",
			 evidence_dead_thread(overflow->crash), function_name(&name, outer));
	}
	return words->text;
}

/* A round size above what was needed. */
static uint64_t ample_bytes(uint64_t needed)
{
	uint64_t size = 1 << 16;

	while (size < needed + needed / 4 && size < 1ULL << 40)
		size *= 2;
	return size;
}

static uint64_t needed_bytes(const struct overflow *overflow)
{
	return (overflow->use->area.end - overflow->lowest + 4095) & ~4095ULL;
}

/* ---- the finding ---- */

/* "of 8 MiB", or for a stack that grows by itself, where it was not near its limit yet, "which had grown to 132 KiB,".
 */
static void size_words(struct words *words, const struct overflow *overflow)
{
	const struct stack_area *area = &overflow->use->area;
	uint64_t size = area->end - area->start;
	struct words bytes;

	words_bytes(&bytes, size);
	if (area->kind == STACK_MAIN && area->start > overflow->lowest && area->start - overflow->lowest > size / 8)
		snprintf(words->text, sizeof(words->text), ", which had grown to %.60s,", bytes.text);
	else
		snprintf(words->text, sizeof(words->text), " of %.60s", bytes.text);
}

static struct error *summarize(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_area *area = &overflow->use->area;
	const struct stack_usage *usage = &overflow->usage;
	struct words thread, size, list, needed, round, ample;

	thread_words(&thread, overflow);
	size_words(&size, overflow);
	if (usage->period) {
		words_bytes(&round, usage->round_bytes);
		return finding_set_summary(finding, "%s overflowed %s%s by recursion: %s, %s%" PRIu64 " rounds of %s.",
					   thread.text, stack_kind_name(area->kind), size.text,
					   cycle_words(&list, overflow), usage->cut_off ? "about " : "", usage->depth,
					   round.text);
	}
	if (usage->irregular)
		return finding_set_summary(
			finding, "%s overflowed %s%s by irregular recursion: %s, in the %zu frames %s.", thread.text,
			stack_kind_name(area->kind), size.text, consumer_words(&list, overflow), usage->frames,
			usage->cut_off ? "that were unwound" : "on it");
	words_bytes(&needed, needed_bytes(overflow));
	words_bytes(&ample, ample_bytes(needed_bytes(overflow)));
	if (!usage->consumer_count)
		return finding_set_summary(finding, "%s overflowed %s%s: it needed at least %s.", thread.text,
					   stack_kind_name(area->kind), size.text, needed.text);
	return finding_set_summary(finding,
				   "%s overflowed %s%s without recursion: %s, in %zu frames. It needed at least %s; %s "
				   "is enough.",
				   thread.text, stack_kind_name(area->kind), size.text, consumer_words(&list, overflow),
				   usage->frames, needed.text, ample.text);
}

/* The stack pointer that ran off: the thread's register; a goroutine's is in the runtime's own description of it. */
static struct evidence pointer_citation(const struct overflow *overflow)
{
	bool in_register = overflow->use->area.kind != STACK_GOROUTINE;

	return (struct evidence){.kind = in_register ? EVIDENCE_REGISTER : EVIDENCE_MEMORY,
				 .id = in_register ? CORE_RSP : 0,
				 .address = overflow->use->sp};
}

/* Where the frame was that ran off; 0 where it is not known. */
static uint64_t frame_pc(const struct overflow *overflow)
{
	size_t frame = overflow->use->frame;

	return overflow->stack && frame < overflow->stack->frame_count ? overflow->stack->frames[frame].pc : 0;
}

static struct error *add_touch(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;
	bool in_guard = use->touched >= use->area.guard_start && use->touched < use->area.start;
	struct words below, guard;

	if (use->area.kind == STACK_GOROUTINE)
		return finding_add_evidence(
			finding, EVIDENCE_FRAME, (int64_t)use->frame, frame_pc(overflow),
			"Go's runtime ended the program in runtime.newstack, which could not grow the "
			"stack any more");
	if (overflow->no_room)
		return finding_add_evidence(
			finding, EVIDENCE_SIGNAL, 0, use->sp,
			"the kernel sent SIGSEGV itself, with an empty siginfo, and there is no room for "
			"a signal frame below the stack pointer");
	words_bytes(&below, use->area.start - use->touched);
	words_bytes(&guard, use->area.start - use->area.guard_start);
	return finding_add_evidence(finding, use->touched_source == TOUCHED_SIGNAL ? EVIDENCE_SIGNAL : EVIDENCE_FRAME,
				    use->touched_source == TOUCHED_SIGNAL ? 0 : (int64_t)use->frame,
				    use->touched_source == TOUCHED_SIGNAL ? use->touched : frame_pc(overflow),
				    "%s 0x%" PRIx64 ", %s below the lowest byte of the stack%s%s%s",
				    use->touched_source == TOUCHED_SIGNAL ? "the fault is at"
									  : "the instruction touches",
				    use->touched, below.text,
				    in_guard				      ? ", in its guard of "
				    : use->area.guard_start < use->area.start ? ", past its guard of "
									      : "",
				    use->area.guard_start < use->area.start ? guard.text : "",
				    use->area.kind == STACK_MAIN ? ", where the kernel did not let it grow" : "");
}

static struct error *add_bounds(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;
	struct evidence citation = pointer_citation(overflow);
	bool below = use->sp < use->area.start;
	struct words distance;

	words_bytes(&distance, below ? use->area.start - use->sp : use->sp - use->area.start);
	return finding_add_evidence(finding, citation.kind, citation.id, citation.address,
				    "the stack pointer 0x%" PRIx64 " is %s %s the start of %s, 0x%" PRIx64
				    "-0x%" PRIx64,
				    use->sp, distance.text, below ? "below" : "above", stack_kind_name(use->area.kind),
				    use->area.start, use->area.end);
}

static struct error *add_frames(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_usage *usage = &overflow->usage;
	struct error *err = NULL;
	struct words symbol, bytes, each;

	for (size_t i = 0; i < usage->consumer_count && !err; i++) {
		const struct stack_consumer *consumer = &usage->consumers[i];
		const struct frame *frame = &overflow->stack->frames[consumer->frame];

		if (i && consumer->bytes < usage->bytes / 64)
			break;
		words_bytes(&bytes, consumer->bytes);
		words_bytes(&each, consumer->largest);
		if (consumer->count == 1)
			err = finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)consumer->frame, frame->pc,
						   "frame %zu takes %s: %s", consumer->frame, bytes.text,
						   words_symbol(&symbol, &frame->symbol));
		else
			err = finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)consumer->frame, frame->pc,
						   "%zu frames take %s, the largest %s: %s", consumer->count,
						   bytes.text, each.text, words_symbol(&symbol, &frame->symbol));
	}
	return err;
}

/* By the stack pointer that ran off. */
static struct error *rule_out_by_pointer(const struct overflow *overflow, struct finding *finding, const char *name,
					 const char *text)
{
	struct evidence citation = pointer_citation(overflow);

	return link_rule_out(finding, name, citation.kind, citation.id, citation.address, "%s", text);
}

static struct error *examine_pointer(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;

	if (overflow->usage.joined || use->area.kind == STACK_GOROUTINE)
		return rule_out_by_pointer(overflow, finding, "overwritten-stack-pointer",
					   "the frames lead from the stack pointer back into the stack");
	if (use->area.start > use->sp && use->area.start - use->sp > 1 << 20)
		return finding_add_missing(finding, "frames that lead from the stack pointer back into the stack")
			       ?: link_leave_as_likely(
					  finding, "overwritten-stack-pointer",
					  "the stack pointer is far off the stack: it may have been overwritten");
	return finding_add_missing(finding,
				   "frames that lead from the stack pointer back into the stack: it may have been "
				   "overwritten")
		       ?: link_leave_unseen(finding, "overwritten-stack-pointer",
					    "no frames lead from the stack pointer back into the stack");
}

static struct error *examine_bounds(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;

	if (use->area.kind == STACK_OTHER)
		return finding_add_missing(finding,
					   "who made this stack: its bounds are those of the mapping around it")
			       ?: link_leave_unseen(finding, "guessed-bounds",
						    "the stack's bounds are those of the mapping around it");
	return link_rule_out(finding, "guessed-bounds", EVIDENCE_MEMORY, 0, use->area.start,
			     "the stack's bounds are those that its maker wrote down");
}

static struct error *examine_signal(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;

	if (overflow->no_room)
		return finding_add_missing(finding, "which signal the kernel could not deliver: its number is lost")
			       ?: link_leave_unseen(finding, "undelivered-signal",
						    "only the missing room for a signal frame shows the overflow");
	if (use->area.kind == STACK_GOROUTINE)
		return rule_out_by_pointer(overflow, finding, "undelivered-signal", "Go's runtime saw the overflow");
	return link_rule_out(finding, "undelivered-signal", EVIDENCE_FRAME, (int64_t)use->frame, frame_pc(overflow),
			     "the access itself was below the stack");
}

static struct error *examine_throw(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;

	if (use->area.kind != STACK_GOROUTINE)
		return rule_out_by_pointer(overflow, finding, "other-throw", "it is no goroutine's stack");
	if (use->sp - use->area.start > (use->area.end - use->area.start) / 4)
		return link_leave_as_likely(finding, "other-throw",
					    "runtime.newstack has other reasons to throw, and the stack has room left");
	return link_rule_out(finding, "other-throw", EVIDENCE_MEMORY, 0, use->sp,
			     "less than a quarter of the goroutine's stack is left");
}

/* A wild pointer that happens to hit the guard is no overflow: the stack pointer is at the access. */
static struct error *examine_access(const struct overflow *overflow, struct finding *finding)
{
	return rule_out_by_pointer(overflow, finding, "not-a-stack",
				   "the stack pointer itself is at the lower end of the stack");
}

/* A guard in the stack's own mapping is known only by how the access failed; a record may have the call. */
static struct error *examine_guard(const struct overflow *overflow, struct finding *finding)
{
	const struct crash *crash = overflow->crash;
	const struct biography *biography = &crash->facts.biography;
	const struct stack_use *use = overflow->use;
	const struct life *life;
	size_t call = SIZE_MAX;

	/* A goroutine's stack is a part of Go's heap: the runtime knows its bounds. */
	if (use->area.kind == STACK_GOROUTINE)
		return rule_out_by_pointer(overflow, finding, "mapped-since", "Go's runtime saw the overflow");
	if (!use->has_inner_guard)
		return link_rule_out(finding, "mapped-since", EVIDENCE_MEMORY, 0, use->area.start,
				     "the stack's mapping was there, and what lies below it does not allow the access");
	life = crash->facts.has_biography && biography->address == use->touched
		       ? evidence_life_at_death(crash, biography)
		       : NULL;
	if (life)
		call = evidence_guard_call(biography, life);
	if (call == SIZE_MAX)
		return finding_add_missing(finding,
					   "the madvise(MADV_GUARD_INSTALL) that guards the stack's lowest pages: no "
					   "core shows guards")
			       ?: link_leave_unseen(finding, "mapped-since",
						    "a page that was mapped after the fault looks like a guard");
	return evidence_add_call(crash, biography, finding, call, "guarded")
		       ?: link_rule_out(finding, "mapped-since", EVIDENCE_EVENT, biography->events[call].id, 0,
					"the guard was recorded");
}

/* What is not known, and leaves nothing open. */
static struct error *add_missing(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_use *use = overflow->use;
	struct error *err = NULL;

	if (use->area.kind == STACK_GOROUTINE)
		err = finding_add_missing(finding, "the runtime's message, which goes to standard error");
	if (!err && use->area.kind == STACK_MAIN)
		err = finding_add_missing(finding,
					  "the stack's limit (ulimit -s), which a core does not hold: its size is "
					  "what it had grown to");
	if (!err && use->frame == 0 && use->code == SI_KERNEL && !overflow->no_room)
		err = finding_add_missing(finding,
					  "the kernel's fault address, which it leaves out when it finds no room "
					  "to run a handler: computed from the instruction");
	if (!err && use->frame == 0 && use->code <= 0)
		err = finding_add_missing(finding,
					  "the first signal: a handler sent it again; the address was computed "
					  "from the instruction");
	return err;
}

/* Bytes that the frames of `frame`'s function take in one round. */
static uint64_t bytes_in_round(const struct overflow *overflow, const struct frame *frame)
{
	const struct stack_usage *usage = &overflow->usage;
	uint64_t bytes = 0;

	for (size_t i = usage->first; i < usage->first + usage->period && i + 1 < overflow->stack->frame_count; i++) {
		const struct frame *other = &overflow->stack->frames[i];

		if (other->symbol.function && strcmp(other->symbol.function, frame->symbol.function) == 0 &&
		    other[1].sp > other->sp)
			bytes += other[1].sp - other->sp;
	}
	return bytes;
}

/* Of the functions of a round, the program's before a library's (qsort calls back), then the one that takes most of the
 * stack, then the first by name: the same whatever frame was the last. SIZE_MAX: none has a name. */
static size_t worst_of_round(const struct overflow *overflow)
{
	const struct stack_usage *usage = &overflow->usage;
	size_t worst = SIZE_MAX;

	/* From the second frame on: the first is where it crashed, not where it calls the next. */
	for (size_t i = usage->first + 1; i <= usage->first + usage->period && i < overflow->stack->frame_count; i++) {
		const struct frame *frame = &overflow->stack->frames[i], *best;
		uint64_t bytes, most;

		if (!frame->symbol.function)
			continue;
		if (worst == SIZE_MAX) {
			worst = i;
			continue;
		}
		best = &overflow->stack->frames[worst];
		if (ending_is_runtime(frame) != ending_is_runtime(best)) {
			worst = ending_is_runtime(best) ? i : worst;
			continue;
		}
		bytes = bytes_in_round(overflow, frame);
		most = bytes_in_round(overflow, best);
		if (bytes > most || (bytes == most && strcmp(frame->symbol.function, best->symbol.function) < 0))
			worst = i;
	}
	return worst;
}

/* The frame whose function used most of the stack; SIZE_MAX when no frame is known. */
static size_t worst_frame(const struct overflow *overflow)
{
	const struct stack_usage *usage = &overflow->usage;
	size_t worst;

	if (usage->period) {
		worst = worst_of_round(overflow);
		return worst == SIZE_MAX ? usage->first : worst;
	}
	for (size_t i = 0; usage->irregular && i < usage->consumer_count; i++) {
		if (!ending_is_runtime(&overflow->stack->frames[usage->consumers[i].frame]))
			return usage->consumers[i].frame;
	}
	return usage->consumer_count ? usage->consumers[0].frame : SIZE_MAX;
}

static struct error *set_next_step(const struct overflow *overflow, struct finding *finding)
{
	size_t worst = worst_frame(overflow);
	struct words name, ample;

	if (overflow->usage.period || overflow->usage.irregular)
		return finding_set_next_step(finding, "what should have ended the recursion (corelate stack shows the "
						      "frames)?");
	words_bytes(&ample, ample_bytes(needed_bytes(overflow)));
	if (overflow->use->area.kind == STACK_MAIN)
		return finding_set_next_step(finding, "raise ulimit -s, or take the large locals off the stack");
	if (overflow->use->area.kind == STACK_SIGNAL)
		return finding_set_next_step(finding, "register a larger stack with sigaltstack(), or do less in the "
						      "handler");
	return finding_set_next_step(
		finding,
		"give the thread a stack of %s (pthread_attr_setstacksize, Rust's thread::Builder::stack_size or "
		"RUST_MIN_STACK), or take the locals of %s off it",
		ample.text, worst != SIZE_MAX ? function_name(&name, &overflow->stack->frames[worst]) : "its frames");
}

static struct error *add_death(const struct overflow *overflow, struct finding *finding)
{
	const struct crash *crash = overflow->crash;
	struct words signal, first;

	if (overflow->use->frame == 0 || overflow->use->area.kind == STACK_GOROUTINE)
		return NULL;
	return finding_add_evidence(
		finding, EVIDENCE_FRAME, (int64_t)overflow->use->frame, frame_pc(overflow),
		"a signal handler ran on top of it, for %s, and the process ended with %s: frame %zu is what it "
		"interrupted",
		overflow->use->number ? words_signal(&first, overflow->use->number) : "a fault",
		words_signal(&signal, crash->facts.signal.number), overflow->use->frame);
}

static struct node stack_node(const struct overflow *overflow)
{
	const struct stack_area *area = &overflow->use->area;

	return (struct node){.kind = NODE_STACK, .start = area->start, .end = area->end, .id = -1};
}

static struct error *append_ran_off(const struct overflow *overflow, struct finding *finding)
{
	struct words bytes;

	return link_append(finding, &link_ran_off_stack, BASIS_COMPUTED, stack_node(overflow),
			   "the thread ran off the lower end of %s (%s)", stack_kind_name(overflow->use->area.kind),
			   words_bytes(&bytes, overflow->use->area.end - overflow->use->area.start))
		?: add_touch(overflow, finding)
		?: add_bounds(overflow, finding)
		?: add_death(overflow, finding)
		?: examine_pointer(overflow, finding)
		?: examine_bounds(overflow, finding)
		?: examine_signal(overflow, finding)
		?: examine_throw(overflow, finding)
		?: examine_access(overflow, finding)
		?: examine_guard(overflow, finding);
}

static struct error *append_used_up(const struct overflow *overflow, struct finding *finding)
{
	const struct stack_usage *usage = &overflow->usage;
	size_t worst = worst_frame(overflow);
	const struct frame *frame = worst == SIZE_MAX ? NULL : &overflow->stack->frames[worst];
	struct symbol whole = {0};
	struct words name;
	struct error *err;

	err = link_append(finding, &link_used_up_stack, BASIS_COMPUTED,
			  frame ? (struct node){.kind = NODE_CODE, .start = frame->pc, .id = (int64_t)worst}
				: stack_node(overflow),
			  "%s%s%s", usage->period || usage->irregular ? "recursion" : "its frames",
			  frame ? ", above all of " : "", frame ? function_name(&name, frame) : "");
	if (!err && !frame)
		return finding_add_evidence(finding, EVIDENCE_REGISTER, CORE_RSP, overflow->use->sp,
					    "the stack pointer is 0x%" PRIx64, overflow->use->sp)
			?: finding_add_missing(finding, "the frames that took the stack")
			?: link_leave_unseen(finding, "unseen-frames", "no frame of the stack is known");
	if (!err)
		err = finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)worst, frame->pc, "frame %zu: %s", worst,
					   words_symbol(&name, &frame->symbol));
	err = err ?: add_frames(overflow, finding)
		?: link_rule_out(finding, "unseen-frames", EVIDENCE_FRAME, (int64_t)worst, frame->pc,
				 "the frames that were unwound take the stack");
	/* The frame is the whole function's, whatever was inlined at the call. */
	whole = frame->symbol;
	whole.inlined = NULL;
	/* Of several functions that call each other in turn none alone did it. */
	if (usage->period > 1 || usage->irregular || frame->trust == FRAME_SCAN || frame->trust == FRAME_INFERRED)
		return err ?: evidence_suspect_code(finding, &whole, EVIDENCE_FRAME, (int64_t)worst, frame->pc);
	return err ?: evidence_accuse_code(finding, &whole, EVIDENCE_FRAME, (int64_t)worst, frame->pc);
}

/* Without a core the stack is not known, but what is touched right below the stack pointer, where nothing is, was the
 * stack's next byte. */
static struct error *report_without_core(const struct crash *crash, struct finding_list *findings)
{
	uint64_t sp = crash->facts.registers[CORE_RSP], touched = crash->facts.signal.address;
	int64_t row = crash->record.has_signal_event ? crash->record.signal_event.id : 0;
	struct finding *finding;
	struct error *err;

	if (!crash->facts.has_registers || !sp || crash->facts.signal.number != SIGSEGV ||
	    !crash->facts.signal.trustworthy || !crash->facts.signal.has_address || touched + BELOW_SP_BYTES < sp ||
	    touched >= sp + 8)
		return NULL;
	err = finding_append(findings, FINDING_STACK_OVERFLOW, &finding)
		?: link_append(finding, &link_ran_off_stack, BASIS_INFERRED,
			       (struct node){.kind = NODE_REGISTER, .start = sp, .id = CORE_RSP},
			       "thread %" PRIu32 " touched 0x%" PRIx64 ", right at its stack pointer",
			       evidence_dead_thread(crash), touched)
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, row, touched,
					"the fault is at 0x%" PRIx64 ", and the stack pointer was 0x%" PRIx64, touched, sp)
		?: finding_add_missing(finding, "the core, which would show the stack's bounds and its frames")
		?: link_leave_unseen(finding, "overwritten-stack-pointer", "no frames are known")
		?: link_leave_unseen(finding, "guessed-bounds", "the stack's bounds are not known")
		?: link_rule_out(finding, "undelivered-signal", EVIDENCE_SIGNAL, row, touched,
				 "the signal has its fault address")
		?: link_leave_unseen(finding, "other-throw", "no frames are known")
		?: link_rule_out(finding, "not-a-stack", EVIDENCE_REGISTER, CORE_RSP, sp,
				 "the stack pointer itself is at the access")
		?: link_leave_unseen(finding, "mapped-since", "nothing shows what was mapped there");
	return err
		?: link_append(finding, &link_used_up_stack, BASIS_INFERRED,
			       (struct node){.kind = NODE_REGISTER, .start = sp, .id = CORE_RSP},
			       "its frames took the stack")
		?: finding_add_evidence(finding, EVIDENCE_REGISTER, CORE_RSP, sp, "the stack pointer was 0x%" PRIx64, sp)
		?: link_leave_unseen(finding, "unseen-frames", "no frame of the stack is known")
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " touched 0x%" PRIx64 ", right at its stack pointer, where no "
				       "memory is accessible: it may have overflowed its stack.",
				       evidence_dead_thread(crash), touched);
}

struct error *cause_stack_overflow(const struct crash *crash, struct finding_list *findings)
{
	struct overflow overflow = {.crash = crash};
	struct finding *finding;

	if (!crash->core.image && !crash->facts.stacks.thread_count)
		return report_without_core(crash, findings);
	if (!crash->facts.stacks.thread_count)
		return NULL;
	overflow.stack = &crash->facts.stacks.threads[0];
	overflow.use = find_use(crash, &overflow.no_room);
	if (!overflow.use && crash->facts.goroutine.area.kind == STACK_GOROUTINE && runtime_threw(overflow.stack))
		overflow.use = &crash->facts.goroutine;
	if (!overflow.use)
		return NULL;
	overflow.lowest =
		overflow.no_room || overflow.use->sp < overflow.use->touched ? overflow.use->sp : overflow.use->touched;
	return stack_usage_measure(overflow.stack, overflow.use->frame, &overflow.use->area, &overflow.usage)
		?: finding_append(findings, FINDING_STACK_OVERFLOW, &finding)
		?: append_ran_off(&overflow, finding)
		?: append_used_up(&overflow, finding)
		?: add_missing(&overflow, finding)
		?: summarize(&overflow, finding)
		?: set_next_step(&overflow, finding);
}
