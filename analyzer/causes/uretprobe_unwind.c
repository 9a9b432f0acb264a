/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-unwind: a runtime unwound the stack, met the kernel's trampoline where a return address should be, and gave
 * up.
 *
 * Two shapes are known. An exception: the unwinder that looks for a handler stops at the trampoline, finds none and the
 * runtime calls terminate or abort, although a frame above the trampoline would have caught it. And Go, whose own
 * unwinder checks every return address when it grows or scans a stack, and throws "unexpected return pc".
 *
 * The third leaves no core: Crystal's raise finds no handler past the trampoline, prints "Failed to raise an exception:
 * END_OF_STACK" and exits with status 5. The recorder keeps the exits of processes that are inside probed functions.
 *
 * A trampoline on the stack is not enough. For an exception the handler must lie above the hijacked frame: with the
 * handler below it, or with no handler at all, the exception was uncaught or caught without the probe mattering. For Go
 * the throw must come from its unwinder.
 *
 * Heuristic: a handler for some types is taken for one that would have caught (other-handler), and clang writes
 * noexcept as a handler for every exception; so an exception's verdict is at most likely.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/link_probe.h"
#include "common/array.h"

static const char *const exception_alternatives[] = {"uncaught", "other-handler", NULL};

const struct link_kind link_unwinder_stopped = {"unwinder-stopped", FINDING_URETPROBE_UNWIND, exception_alternatives};

static const char *const go_alternatives[] = {"other-bad-return", NULL};

const struct link_kind link_runtime_threw = {"runtime-threw", FINDING_URETPROBE_UNWIND, go_alternatives};

static const char *const exit_alternatives[] = {"deliberate-exit", NULL};

const struct link_kind link_exit_in_probed = {"exit-in-probed-function", FINDING_URETPROBE_UNWIND, exit_alternatives};

const struct link_kind link_taken_unwind = {"return-taken-unwind", FINDING_URETPROBE_UNWIND, link_taken_alternatives};

/* The first frame above the throw whose return address a uretprobe had taken, or SIZE_MAX. */
static size_t first_hijacked(const struct crash *crash, const struct thread_stack *stack)
{
	for (size_t i = crash->facts.exception.thrown_at + 1; i < stack->frame_count; i++) {
		if (evidence_return_taken(crash, i))
			return i;
	}
	return SIZE_MAX;
}

static struct error *add_frame(struct finding *finding, const struct thread_stack *stack, size_t index,
			       const char *what)
{
	struct words words;

	return finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)index, stack->frames[index].pc,
				    "%s: frame %zu, %s", what, index,
				    words_symbol(&words, &stack->frames[index].symbol));
}

/* Would the handler have taken the exception? */
static struct error *examine_handler(const struct exception_path *exception, struct finding *finding)
{
	static const char name[] = "other-handler";

	if (exception->caught_at == SIZE_MAX)
		return finding_add_missing(finding, "the frames above the trampoline, where a handler would be")
			?: link_leave_as_likely(finding, "uncaught",
						"no handler is seen: the exception may be one that nothing catches")
			?: link_leave_unseen(finding, name, "no handler is seen");
	return link_rule_out(finding, "uncaught", EVIDENCE_FRAME, (int64_t)exception->caught_at, 0,
			     "a handler is above the trampoline")
		?: finding_add_missing(finding, "%s",
				       exception->handler == HANDLER_ALL
					       ? "whether that handler takes the exception, or is a noexcept that ends the "
						 "program: clang writes both alike"
					       : "whether the handler takes an exception of the type that was thrown")
		?: link_leave_unseen(finding, name, "the handler may not take this exception");
}

static struct error *append_unwinding(const struct crash *crash, const struct thread_stack *stack, size_t hijacked,
				      struct finding *finding)
{
	const struct exception_path *exception = &crash->facts.exception;
	struct node node = {.kind = NODE_CODE, .start = stack->frames[hijacked].pc, .id = (int64_t)hijacked};
	struct error *err = link_append(finding, &link_unwinder_stopped, BASIS_COMPUTED, node,
					"the unwinder stopped at a trampoline between throw and handler")
		?: add_frame(finding, stack, exception->thrown_at, "the exception was thrown")
		?: add_frame(finding, stack, hijacked, "the return address that the trampoline replaced");

	if (!err && exception->caught_at != SIZE_MAX)
		err = add_frame(finding, stack, exception->caught_at,
				exception->handler == HANDLER_ALL ? "a handler for every exception" : "a handler");
	return err ?: examine_handler(exception, finding);
}

static struct error *blame_exception(const struct crash *crash, struct finding_list *findings)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	const struct exception_path *exception = &crash->facts.exception;
	bool handler_known = exception->caught_at != SIZE_MAX;
	size_t hijacked = first_hijacked(crash, stack);
	const struct repaired_slot *slot;
	const struct probe *probe;
	struct words thrower, catcher, words;
	struct finding *finding;

	/* Where no exception may pass, the runtime ends the program by rule. */
	if (handler_known && exception->handler == HANDLER_TERMINATE)
		return NULL;
	if (hijacked == SIZE_MAX || exception->thrown_at + 1 >= stack->frame_count)
		return NULL;
	/* A stack that is lost at the trampoline may have its handler in the part that is not seen. */
	if (handler_known ? exception->caught_at < hijacked : stack->frames[hijacked].trust != FRAME_LOST)
		return NULL;
	slot = evidence_slot_of_frame(crash, hijacked);
	probe = evidence_probe_of_slot(crash, slot);
	return finding_append(findings, FINDING_URETPROBE_UNWIND, &finding)
		?: append_unwinding(crash, stack, hijacked, finding)
		?: finding_set_summary(
			finding,
			"An exception thrown in %s was not caught%s%s: the unwinder stopped at the trampoline of %s.",
			words_symbol(&thrower, &stack->frames[exception->thrown_at + 1].symbol),
			handler_known ? " in " : "",
			handler_known ? words_symbol(&catcher, &stack->frames[exception->caught_at].symbol) : "",
			words_probe(&words, probe))
		?: link_append_probes(crash, finding, &link_taken_unwind, slot ? slot->slot : 0, probe);
}

static bool is_function(const struct frame *frame, const char *name)
{
	return frame->symbol.function && strcmp(frame->symbol.function, name) == 0;
}

/* Where Go's unwinder threw: runtime.throw, called by what walks a stack. */
static size_t go_unwinder_threw(const struct thread_stack *stack)
{
	static const char *const walkers[] = {"runtime.gentraceback",	    "runtime.copystack",
					      "runtime.adjustframe",	    "runtime.(*unwinder).next",
					      "runtime.(*unwinder).initAt", "runtime.unwindm"};

	for (size_t i = 0; i + 1 < stack->frame_count; i++) {
		if (!is_function(&stack->frames[i], "runtime.throw"))
			continue;
		for (size_t j = 0; j < array_size(walkers); j++) {
			if (is_function(&stack->frames[i + 1], walkers[j]))
				return i;
		}
	}
	return SIZE_MAX;
}

/* The place of the trampoline that the runtime's walk has met: the first one on the stack of the goroutine that the
 * thread was at, else, where the collector scans another, the only one whose function is known. 0: none is, or several
 * are. */
static uint64_t go_word(const struct crash *crash, const struct thread_stack *stack, size_t threw)
{
	uint64_t found = 0, word = 0;

	for (size_t i = threw + 1; i < stack->frame_count; i++) {
		uint64_t slot = stack->frames[i].sp - 8;

		if (evidence_slot_at(crash, slot) || stack->frames[i].pc == crash->facts.repair.trampoline)
			return slot;
	}
	for (size_t i = 0; i < crash->facts.repair.word_count; i++) {
		uint64_t function = evidence_function_of_word(crash, crash->facts.repair.words[i].address);

		if (!function || function == found)
			continue;
		if (found)
			return 0;
		found = function;
		word = crash->facts.repair.words[i].address;
	}
	return word;
}

static struct error *append_throw(const struct crash *crash, const struct thread_stack *stack, size_t threw,
				  uint64_t word, bool is_replaced, struct finding *finding)
{
	const struct repair *repair = &crash->facts.repair;
	struct node node = {.kind = NODE_CODE, .start = stack->frames[threw + 1].pc, .id = (int64_t)threw + 1};
	struct error *err = link_append(finding, &link_runtime_threw, BASIS_COMPUTED, node,
					"Go's runtime found a trampoline where a return address should be")
				    ?: add_frame(finding, stack, threw + 1, "Go's unwinder threw");

	for (size_t i = 0; i < repair->word_count && i < 4 && !err; i++)
		err = finding_add_evidence(
			finding, EVIDENCE_MEMORY, 0, repair->words[i].address,
			"the trampoline's address is at 0x%" PRIx64 "%s", repair->words[i].address,
			repair->words[i].thread == SIZE_MAX ? ", on no thread's own stack: a goroutine's" : "");
	if (err)
		return err;
	if (is_replaced)
		return link_rule_out(finding, "other-bad-return", EVIDENCE_MEMORY, 0, word,
				     "the trampoline replaced a return address on the stack that the runtime walked");
	return finding_add_missing(finding,
				   "whose return address the trampoline replaced on the stack that the runtime "
				   "walked")
		       ?: link_leave_unseen(
				  finding, "other-bad-return",
				  "the trampolines in memory may be on other stacks than the one that was walked");
}

static struct error *blame_go(const struct crash *crash, const struct thread_stack *stack, size_t threw,
			      struct finding_list *findings)
{
	uint64_t word = go_word(crash, stack, threw), replaced = word ? evidence_function_of_word(crash, word) : 0;
	const struct probe *probe = evidence_return_probe_at(crash, replaced);
	struct finding *finding;
	struct words words;

	return finding_append(findings, FINDING_URETPROBE_UNWIND, &finding)
		?: append_throw(crash, stack, threw, word, replaced != 0, finding)
		?: finding_set_summary(finding,
				       "Go's runtime found a uretprobe trampoline where a return address should be "
				       "(\"unexpected return pc\") and ended the process; %s put it there.",
				       words_probe(&words, probe))
		?: link_append_probes(crash, finding, &link_taken_unwind, word, probe);
}

#define CRYSTAL_FAILED_RAISE 5 /* Crystal, src/raise.cr: __crystal_raise ends in exit 5 */

/* The uretprobe that an unwinder of the thread that exited meets first. */
static const struct return_instance *innermost_instance(const struct crash *crash)
{
	const struct return_instance *found = NULL;

	for (size_t i = 0; i < crash->record.instance_count; i++) {
		const struct return_instance *instance = &crash->record.instances[i];

		if (instance->tid == crash->record.exit_state.tid && (!found || instance->depth < found->depth))
			found = instance;
	}
	return found;
}

static struct error *append_exit(const struct crash *crash, const struct return_instance *innermost, bool failed_raise,
				 struct finding *finding)
{
	int status = crash->record.exit_state.status >> 8 & 0xff;
	struct node node = {.kind = NODE_PROCESS, .id = crash->facts.pid};
	struct error *err;

	err = link_append(finding, &link_exit_in_probed, BASIS_OBSERVED, node,
			  "the process exited before a function under a uretprobe returned")
		      ?: finding_add_evidence(finding, EVIDENCE_INSTANCE, innermost ? innermost->id : 0,
					      innermost ? innermost->stack : 0,
					      "exit_group(%d) while %zu uretprobe%s of the process had not returned",
					      status, crash->record.instance_count,
					      crash->record.instance_count == 1 ? "" : "s");
	if (!err && failed_raise)
		err = finding_add_evidence(finding, EVIDENCE_FILE, 0, 0,
					   "the executable is a Crystal program (__crystal_main)");
	if (err)
		return err;
	err = finding_add_missing(
		finding, "the stack and memory of the process: it left no core; its standard error may tell more");
	if (err)
		return err;
	return failed_raise
		       ? link_leave_unseen(finding, "deliberate-exit", "the program itself may exit with this status")
		       : link_leave_as_likely(finding, "deliberate-exit",
					      "nothing shows that the process did not mean to exit");
}

/* An exit from within a probed function. For Crystal with that status there is one common reason; any other program may
 * exit from wherever it likes. */
static struct error *blame_exit(const struct crash *crash, struct finding_list *findings)
{
	const struct return_instance *innermost = innermost_instance(crash);
	const struct probe *probe = innermost ? evidence_return_probe_at(crash, innermost->function) : NULL;
	int status = crash->record.exit_state.status >> 8 & 0xff;
	bool failed_raise = crash->facts.is_crystal && status == CRYSTAL_FAILED_RAISE;
	struct finding *finding;
	struct words words;
	struct error *err = finding_append(findings, FINDING_URETPROBE_UNWIND, &finding)
				    ?: append_exit(crash, innermost, failed_raise, finding);

	if (!err && failed_raise)
		err = finding_set_summary(
			finding,
			"A Crystal exception could not be raised past %s: the unwinder met its trampoline "
			"(END_OF_STACK), and the runtime exited with status %d.",
			words_probe(&words, probe), status);
	else if (!err)
		err = finding_set_summary(
			finding,
			"The process exited inside a function under %s, with status %d; a runtime whose "
			"unwinder meets the trampoline may exit so.",
			words_probe(&words, probe), status);
	return err ?: link_append_probes(crash, finding, &link_taken_unwind, innermost ? innermost->stack : 0, probe);
}

struct error *cause_uretprobe_unwind(const struct crash *crash, struct finding_list *findings)
{
	if (crash->record.has_exit_state)
		return crash->record.instance_count ? blame_exit(crash, findings) : NULL;
	if (!crash->facts.repair.trampoline || !crash->facts.stacks.thread_count || !crash->facts.repair.word_count)
		return NULL;
	for (size_t i = 0; i < crash->facts.stacks.thread_count; i++) {
		size_t threw = go_unwinder_threw(&crash->facts.stacks.threads[i]);

		if (threw != SIZE_MAX)
			return blame_go(crash, &crash->facts.stacks.threads[i], threw, findings);
	}
	if (crash->facts.signal.number != SIGABRT || crash->facts.exception.thrown_at == SIZE_MAX)
		return NULL;
	return blame_exception(crash, findings);
}
