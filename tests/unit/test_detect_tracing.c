/* SPDX-License-Identifier: MIT */
/* The causes of tracing over made-up crashes: what they must say, and where they must be silent. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/causes.h"

#define TRAMPOLINE 0x7fffffffe000ULL
#define PROBED 0x401000ULL
#define STACK 0x7ffd00001000ULL

/* A crash with one probed function, its breakpoint in the text, and the trampoline's page. */
struct scene {
	struct crash crash;
	struct core core;
	struct probe probe;
	struct trampoline_word word;
	struct repaired_slot slot;
	struct return_instance instance;
	struct thread_stack stack;
	struct frame frames[8];
};

static void set_scene(struct scene *scene, int number, int code)
{
	*scene = (struct scene){
		.probe = {.address = PROBED,
			  .sources = PROBE_IN_TEXT,
			  .symbol = {.module = (char *)"/opt/victim", .function = (char *)"probed"}},
		.word = {.address = STACK + 0x100, .thread = 0},
		.slot = {.slot = STACK + 0x100,
			 .return_address = 0x402000,
			 .trust = FRAME_INFERRED,
			 .function = PROBED},
	};
	scene->crash.core.image = &scene->core;
	scene->crash.facts.has_registers = true;
	scene->crash.facts.registers[CORE_RSP] = STACK;
	scene->crash.facts.signal = (struct crash_signal){.number = number, .code = code};
	scene->crash.facts.exception = (struct exception_path){.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX};
	scene->crash.facts.repair.trampoline = TRAMPOLINE;
	scene->crash.facts.repair.probes = &scene->probe;
	scene->crash.facts.repair.probe_count = 1;
	scene->crash.facts.repair.words = &scene->word;
	scene->crash.facts.repair.word_count = 1;
	scene->stack = (struct thread_stack){.tid = 1, .crashed = true, .frames = scene->frames};
	scene->crash.facts.stacks.threads = &scene->stack;
	scene->crash.facts.stacks.thread_count = 1;
}

static void add_frame(struct scene *scene, const char *function, enum frame_trust trust)
{
	size_t number = scene->stack.frame_count++;

	scene->frames[number] = (struct frame){
		.pc = 0x400000 + 0x100 * number,
		.sp = STACK + 0x20 * number,
		.trust = trust,
		.symbol = {.module = (char *)"/opt/victim", .function = (char *)function},
	};
}

/* A uretprobe took the return address that led to that frame. */
static void take_return(struct scene *scene, size_t frame)
{
	scene->slot.slot = scene->frames[frame].sp - 8;
	scene->crash.facts.repair.slots = &scene->slot;
	scene->crash.facts.repair.slot_count = 1;
}

/* The verdict's class; its confidence through the second argument. */
static enum finding_class verdict(const struct scene *scene, enum finding_confidence *ret_confidence)
{
	struct finding_list findings;
	enum finding_class class;

	assert_null(causes_judge(&scene->crash, &findings));
	class = findings.findings[0].class;
	*ret_confidence = findings.findings[0].confidence;
	assert_non_null(findings.findings[0].summary);
	finding_list_deinit(&findings);
	return class;
}

static void sigill_in_the_trampoline(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, SIGILL, SI_KERNEL);
	scene.crash.facts.registers[CORE_RIP] = TRAMPOLINE + 0xd;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_SIGILL);
	assert_int_equal(confidence, CONFIDENCE_PROVEN);
	/* An undefined instruction elsewhere, under the same probe. */
	scene.crash.facts.registers[CORE_RIP] = 0x401234;
	scene.crash.facts.signal.code = 2;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* In that page, but sent by somebody. */
	scene.crash.facts.registers[CORE_RIP] = TRAMPOLINE + 0xd;
	scene.crash.facts.signal.code = SI_USER;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* Nobody knows of a trampoline. */
	scene.crash.facts.signal.code = SI_KERNEL;
	scene.crash.facts.repair.trampoline = 0;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

static void seccomp_refused_it(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, SIGSYS, 1);
	scene.core.signal.system_call = 335;
	scene.crash.facts.registers[CORE_RIP] = TRAMPOLINE + 0xd;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_SECCOMP);
	assert_int_equal(confidence, CONFIDENCE_PROVEN);
	/* The number without the page is less. */
	scene.crash.facts.registers[CORE_RIP] = 0x401234;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_SECCOMP);
	assert_int_equal(confidence, CONFIDENCE_LIKELY);
	/* Another system call. */
	scene.core.signal.system_call = 59;
	assert_int_equal(verdict(&scene, &confidence), FINDING_SECCOMP_KILL);
}

static void breakpoint_of_nobody(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, SIGTRAP, SI_KERNEL);
	scene.crash.facts.registers[CORE_RIP] = PROBED + 1;
	assert_int_equal(verdict(&scene, &confidence), FINDING_STRAY_BREAKPOINT);
	assert_int_equal(confidence, CONFIDENCE_PROVEN);
	/* The program's own breakpoint, which its file has too. */
	scene.crash.facts.registers[CORE_RIP] = 0x401235;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* The text could not be compared. */
	scene.crash.facts.registers[CORE_RIP] = PROBED + 1;
	scene.probe.sources = PROBE_RECORDED;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* Somebody sent the signal. */
	scene.probe.sources = PROBE_IN_TEXT;
	scene.crash.facts.signal.sender_pid = 7;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

static void set_exception(struct scene *scene)
{
	set_scene(scene, SIGABRT, SI_TKILL);
	add_frame(scene, "abort", FRAME_REGISTERS);
	add_frame(scene, "__cxa_throw", FRAME_CFI);
	add_frame(scene, "thrower", FRAME_CFI);
	add_frame(scene, "probed", FRAME_CFI);
	add_frame(scene, "caller", FRAME_INFERRED);
	add_frame(scene, "main", FRAME_CFI);
	take_return(scene, 4);
	scene->crash.facts.exception =
		(struct exception_path){.thrown_at = 1, .caught_at = 5, .handler = HANDLER_TYPED};
}

static void exception_past_a_trampoline(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_exception(&scene);
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_LIKELY);
	/* The handler lies below the trampoline: the exception never met it. */
	scene.crash.facts.exception.caught_at = 3;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* No handler anywhere. */
	scene.crash.facts.exception.caught_at = SIZE_MAX;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* noexcept ends the program by rule. */
	scene.crash.facts.exception =
		(struct exception_path){.thrown_at = 1, .caught_at = 5, .handler = HANDLER_TERMINATE};
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* The stack is lost at the trampoline: a handler may be beyond, nobody has seen it. */
	set_exception(&scene);
	scene.frames[4].trust = FRAME_LOST;
	scene.stack.frame_count = 5;
	scene.crash.facts.exception.caught_at = SIZE_MAX;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_POSSIBLE);
	/* It is lost for another reason. */
	scene.crash.facts.repair.slot_count = 0;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* A plain abort with a trampoline on the stack. */
	scene.crash.facts.exception.thrown_at = SIZE_MAX;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

static void go_threw(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, SIGABRT, SI_TKILL);
	add_frame(&scene, "runtime.raise", FRAME_REGISTERS);
	add_frame(&scene, "runtime.throw", FRAME_CFI);
	add_frame(&scene, "runtime.gentraceback", FRAME_CFI);
	/* A trampoline somewhere, and not on the stack that is known to have been walked. */
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_LIKELY);
	scene.word.function = PROBED;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_PROVEN);
	scene.word.function = 0;
	add_frame(&scene, "main.caller", FRAME_INFERRED);
	take_return(&scene, 3);
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_PROVEN);
	/* It threw for a reason of its own. */
	scene.frames[2].symbol.function = (char *)"runtime.mallocgc";
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* Its unwinder threw, but no trampoline is anywhere. */
	scene.frames[2].symbol.function = (char *)"runtime.gentraceback";
	scene.crash.facts.repair.word_count = 0;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

static void exit_inside_a_probed_function(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, 0, 5 << 8);
	scene.crash.core.image = NULL;
	scene.crash.facts.stacks.thread_count = 0;
	scene.crash.record.has_exit_state = true;
	scene.crash.record.exit_state.status = 5 << 8;
	scene.crash.facts.is_crystal = true;
	scene.instance.function = PROBED;
	scene.crash.record.instances = &scene.instance;
	scene.crash.record.instance_count = 1;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_LIKELY);
	/* Another status, or another language: it may have meant to. */
	scene.crash.record.exit_state.status = 1 << 8;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_UNWIND);
	assert_int_equal(confidence, CONFIDENCE_POSSIBLE);
	/* Nothing was pending. */
	scene.crash.record.instance_count = 0;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

static void returned_to_another(void **state)
{
	enum finding_confidence confidence;
	struct scene scene;

	(void)state;
	set_scene(&scene, SIGSEGV, 1);
	scene.stack.end_reason = (char *)"the return address is zero";
	add_frame(&scene, "high_main", FRAME_REGISTERS);
	/* A trampoline that nobody will return through, and a stack that breaks off. */
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_WRONG_RETURN);
	assert_int_equal(confidence, CONFIDENCE_POSSIBLE);
	scene.crash.record.has_signal_event = true;
	scene.crash.record.signal_event.tid = 1;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_WRONG_RETURN);
	assert_int_equal(confidence, CONFIDENCE_LIKELY);
	/* A stack that could not be unwound at all breaks off nowhere. */
	scene.stack.frame_count = 0;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	scene.stack.frame_count = 1;
	/* The kernel still has it pending: nothing went wrong with it. */
	scene.instance = (struct return_instance){.tid = 1, .stack = scene.word.address};
	scene.crash.record.instances = &scene.instance;
	scene.crash.record.instance_count = 1;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
	/* Pending, though its slot is popped. */
	scene.instance.stack = STACK - 8;
	scene.instance.function = PROBED;
	scene.word.in_chain = true;
	assert_int_equal(verdict(&scene, &confidence), FINDING_URETPROBE_WRONG_RETURN);
	/* A null dereference on a whole stack. */
	scene.crash.record.instance_count = 0;
	scene.word.in_chain = false;
	scene.stack.end_reason = NULL;
	assert_int_equal(verdict(&scene, &confidence), FINDING_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sigill_in_the_trampoline),
		cmocka_unit_test(seccomp_refused_it),
		cmocka_unit_test(breakpoint_of_nobody),
		cmocka_unit_test(exception_past_a_trampoline),
		cmocka_unit_test(go_threw),
		cmocka_unit_test(exit_inside_a_probed_function),
		cmocka_unit_test(returned_to_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
