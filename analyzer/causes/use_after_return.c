/* SPDX-License-Identifier: MIT */
/*
 * use-after-return: the access hit the stack of a thread that had ended, so what the pointer named, a local or a
 * thread-local variable, had ended with it.
 *
 * What is seen: the mapping that the access hit was made as a stack (MAP_STACK), and a munmap of it all was recorded
 * before the use. The C library keeps the stacks of ended threads for the next, up to 40 MiB in all, and unmaps the
 * rest; a smaller dead stack is therefore still mapped, and is not seen here.
 *
 * What it could be mistaken for: a thread whose own stack was taken away while it ran (its stack pointer lies in the
 * range: use-after-munmap); memory that was only flagged as a stack and used as a buffer: MAP_STACK does nothing on
 * Linux, so a program may set it on anything, and this stays open unless the C library itself made the mapping. Who let
 * the pointer escape is not seen: nobody is accused.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/words.h"

static const char *const alternatives[] = {"running-thread", "not-a-stack", "earlier-mapping", NULL};

const struct link_kind link_dead_stack = {"dead-stack", FINDING_USE_AFTER_RETURN, alternatives};

static struct error *examine_thread(const struct crash *crash, const struct node *stack, struct finding *finding)
{
	uint64_t sp = crash->facts.registers[CORE_RSP];

	if (!crash->facts.has_registers)
		return link_leave_unseen(finding, "running-thread", "the stack pointer of the thread is not known");
	if (sp >= stack->start && sp <= stack->end)
		return link_leave_as_likely(finding, "running-thread",
					    "the thread's own stack pointer lies in it: its stack was taken away");
	return link_rule_out(finding, "running-thread", EVIDENCE_REGISTER, CORE_RSP, sp,
			     "the thread that used it has its stack elsewhere (rsp)");
}

/* pthread_create makes the mapping inside the C library. */
static struct error *examine_maker(const struct crash *crash, const struct life *life, struct finding *finding)
{
	if (link_made_by_library(&crash->facts.biography.contexts[life->born]))
		return link_rule_out(finding, "not-a-stack", EVIDENCE_EVENT,
				     crash->facts.biography.events[life->born].id, 0,
				     "the C library made it as a thread's stack");
	return link_leave_open(finding, "not-a-stack",
			       "the flag MAP_STACK does nothing on Linux: the memory may have been used otherwise");
}

struct error *cause_use_after_return(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *life = evidence_ended_life(crash);
	const struct memory_event *born, *died;
	struct words size, when;
	struct finding *finding;
	struct node stack;
	struct error *err;

	if (!life)
		return NULL;
	born = &biography->events[life->born];
	died = &biography->events[life->died];
	if (born->kind != MEMORY_MMAP || !(born->args[3] & MAP_STACK) || died->kind != MEMORY_MUNMAP)
		return NULL;
	stack = link_mapping_node(biography, life);
	stack.kind = NODE_STACK;
	err = finding_append(findings, FINDING_USE_AFTER_RETURN, &finding)
		      ?: link_append_ended_mapping(crash, finding, life, born->enter_ns,
						   "another mapping may have come and gone there unseen")
		      ?: link_append(finding, &link_dead_stack, BASIS_OBSERVED, stack,
				     "the mapping was the stack of a thread, and had been unmapped after its end")
		      ?: evidence_add_call(crash, biography, finding, life->died, "the stack was unmapped")
		      ?: examine_thread(crash, &stack, finding)
		      ?: examine_maker(crash, life, finding)
		      ?: link_examine_earlier_lives(crash, finding, "earlier-mapping", life);
	if (err)
		return err;
	return finding_set_summary(
		       finding,
		       "Thread %" PRIu32 " used 0x%" PRIx64 ", in the stack of a thread that had ended: the %s stack "
		       "was unmapped %s.",
		       evidence_dead_thread(crash), crash->facts.fault.address,
		       words_bytes(&size, stack.end - stack.start), words_before_crash(&when, crash, died->exit_ns))
		       ?: finding_set_next_step(finding,
						"which function of that thread passed out a pointer to its local?");
}
