/* SPDX-License-Identifier: MIT */
/*
 * smashed-return: a function returned to where it was never called from, because its return address on the stack had
 * been overwritten.
 *
 * What is seen: a return instruction whose target the processor refused; or an instruction pointer where no code is,
 * and the word right below the stack pointer equal to it: a return takes its target from there, while a call leaves a
 * return address above. Text in the word, or in the frame pointer that is saved beside it, says what overran it.
 * Which function it was, the words below the stack pointer tell, where they are left (returned.h).
 * Also: a function that overran its frame up to the registers that it had saved, but not to the return address; it came
 * back, gave them back to its caller, and the caller used one as an address (`possible` where one register alone was
 * reached: an array that is full, and a register that held that value before, look the same).
 * Less surely: the crash is elsewhere, but the unwinder meets a return address that is no code, so the stack is
 * corrupted above the crash; what crashed may have been a local of the same frames.
 *
 * What it could be mistaken for: a call or jump through a bad pointer (null-call, wild-jump): a call leaves its return
 * address behind; code that was unloaded while one of its functions had called elsewhere: the return address is right,
 * and nothing is there any more; a uretprobe whose trampoline returned wrongly; a switch to a stack that was not made
 * ready, and a stack pointer that was changed on purpose; code without call frame information, which breaks unwinding
 * without any fault of the stack's. Who wrote is not on the stack: the function whose frame was overwritten is a
 * suspect.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/evidence_stack.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/stack_corruption.h"

static const char *const return_alternatives[] = {"call-through-pointer", "unloaded-code", "switched-stack",
						  "uretprobe", NULL};
static const char *const register_alternatives[] = {"held-before", "other-write", NULL};
static const char *const corruption_alternatives[] = {"consequence", "missing-unwind-tables", NULL};

const struct link_kind link_overwritten_return = {"overwritten-return", FINDING_SMASHED_RETURN, return_alternatives};
const struct link_kind link_overwritten_register = {"overwritten-register", FINDING_SMASHED_RETURN,
						    register_alternatives};
const struct link_kind link_overwritten_stack = {"overwritten-stack", FINDING_SMASHED_RETURN, corruption_alternatives};

/* Does it look like an address of code: with a module within a gigabyte? */
static bool near_code(const struct crash *crash, uint64_t target)
{
	for (size_t i = 0; crash->core.image && i < crash->core.image->module_count; i++) {
		const struct core_module *module = &crash->core.image->modules[i];
		uint64_t distance = target < module->start ? module->start - target : target - module->start;

		if (distance < 1 << 30)
			return true;
	}
	return false;
}

/* True also where stacks are not known. */
static bool on_own_stack(const struct crash *crash)
{
	enum stack_kind kind = crash->facts.stack_use_count ? crash->facts.stack_uses[0].area.kind : STACK_MAIN;

	return kind == STACK_MAIN || kind == STACK_THREAD || kind == STACK_SIGNAL;
}

/* Memory below the stack pointer is often zero, and a target of zero has other causes. */
static struct error *examine_call(const struct crash *crash, const struct smashed *smashed, struct finding *finding)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;

	if (!smashed->refused && smashed->target < 65536 && jump->has_return_address)
		return link_leave_as_likely(
			finding, "call-through-pointer",
			"a return address is on top of the stack, as after a call of a null pointer");
	if (!smashed->refused && smashed->target < 65536)
		return finding_add_missing(finding,
					   "the return itself: the word that it took is as small as unused memory "
					   "is")
			       ?: link_leave_unseen(finding, "call-through-pointer",
						    "unused memory looks like this word");
	if (!smashed->refused && jump->has_return_address)
		return link_leave_open(finding, "call-through-pointer",
				       "a return address is on top of the stack, as after a call");
	return link_rule_out(finding, "call-through-pointer", EVIDENCE_MEMORY, 0, smashed->slot,
			     smashed->refused
				     ? "the instruction that was refused is a return"
				     : "the word right below the stack pointer is the target: a return took it");
}

/* Only text, an address that is none, or a mapping that holds no code rules unloaded code out. */
static struct error *examine_unloaded(const struct crash *crash, const struct smashed *smashed, struct finding *finding)
{
	struct error *err;

	if (smashed->refused || crash->facts.fault.mapped || corruption_is_text(smashed->target) ||
	    crash->facts.overrun.run.make || smashed->target < 65536)
		return link_rule_out(finding, "unloaded-code", EVIDENCE_MEMORY, 0, smashed->slot,
				     "the word at 0x%" PRIx64 " was no address of code that could have been unloaded",
				     smashed->slot);
	err = finding_add_missing(finding, "what was mapped there before: code that was unloaded would look the same");
	if (err)
		return err;
	if (near_code(crash, smashed->target))
		return link_leave_as_likely(finding, "unloaded-code",
					    "the target is near code: a module may have been "
					    "unloaded there");
	return link_leave_unseen(finding, "unloaded-code", "no record shows what was mapped there");
}

static struct error *examine_stack(const struct crash *crash, const struct smashed *smashed, struct finding *finding)
{
	bool known = crash->facts.overrun.run.make || smashed->refused;

	if (!known && !on_own_stack(crash))
		return link_leave_as_likely(
			finding, "switched-stack",
			"the stack pointer is on no thread's own stack: a switch to a stack that was "
			"not made ready looks the same");
	return link_rule_out(finding, "switched-stack", EVIDENCE_REGISTER, CORE_RSP, crash->facts.registers[CORE_RSP],
			     known ? "the return address is among overwritten words"
				   : "the stack pointer is on the thread's own stack");
}

static struct error *examine_probes(const struct crash *crash, const struct smashed *smashed, struct finding *finding)
{
	if (!crash->facts.overrun.run.make && evidence_return_probes_seen(crash))
		return link_leave_as_likely(finding, "uretprobe",
					    "uretprobes were at work in the process, which replace return addresses");
	return link_rule_out(finding, "uretprobe", EVIDENCE_MEMORY, 0, smashed->slot,
			     crash->facts.overrun.run.make ? "the return address is one of a run of written words"
							   : "no uretprobe was seen in the process");
}

static struct error *add_run(const struct crash *crash, struct finding *finding)
{
	const struct overrun *overrun = &crash->facts.overrun;
	struct words run;

	if (!overrun->run.make)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, overrun->run.start,
				    "%s, and the word at 0x%" PRIx64 " is a part of them",
				    words_run(&run, &overrun->run), overrun->slot);
}

/* Who returned, by what is left below the stack pointer. */
static struct error *add_owner(struct finding *finding, const struct returned *owner)
{
	struct words function;

	return finding_add_evidence(
		       finding, EVIDENCE_MEMORY, 0, owner->found_at,
		       "the word at 0x%" PRIx64
		       ", below the stack pointer, is left of the last call in %s: the frame around that call "
		       "ended at 0x%" PRIx64,
		       owner->found_at, words_symbol(&function, &owner->symbol), owner->slot)
		       ?: evidence_suspect_code(finding, &owner->symbol, EVIDENCE_MEMORY, 0, owner->found_at);
}

static struct error *set_next_step(struct finding *finding)
{
	return finding_set_next_step(finding,
				     "build with -fstack-protector-strong or -fsanitize=address: they stop in the "
				     "function whose buffer overflows");
}

static struct node slot_node(uint64_t slot)
{
	return (struct node){.kind = NODE_WORD, .start = slot, .end = slot + 8};
}

static struct error *report_return(const struct crash *crash, const struct smashed *smashed,
				   struct finding_list *findings)
{
	const struct returned *owner = &crash->facts.overrun.owner;
	struct words target, returning;
	struct finding *finding;
	struct error *err;

	words_spelled(&target, smashed->target);
	if (owner->return_address)
		words_symbol(&returning, &owner->symbol);
	else
		evidence_frame_words(&returning, crash, smashed->refused ? 0 : SIZE_MAX);
	err = finding_append(findings, FINDING_SMASHED_RETURN, &finding)
		?: link_append(finding, &link_overwritten_return, BASIS_COMPUTED, slot_node(smashed->slot),
			       "the return address at 0x%" PRIx64 " was overwritten with %s", smashed->slot, target.text)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, smashed->slot,
					smashed->refused ? "the return address at 0x%" PRIx64
							   ", on top of the stack, is %s"
							 : "the word at 0x%" PRIx64
							   ", right below the stack pointer, is %s: a return took it",
					smashed->slot, target.text)
		?: add_run(crash, finding)
		?: evidence_add_corruption(crash, finding)
		?: evidence_add_signal(crash, finding)
		?: examine_call(crash, smashed, finding)
		?: examine_unloaded(crash, smashed, finding)
		?: examine_stack(crash, smashed, finding)
		?: examine_probes(crash, smashed, finding)
		?: finding_set_summary(finding, "%s%s returned to %s: its return address on the stack was overwritten.",
				       returning.text[0] ? "" : "A function", returning.text, target.text);
	if (!err && smashed->refused)
		err = evidence_add_crash_frame(crash, finding, 0, "it returned")
			      ?: evidence_suspect_frame(crash, finding, 0);
	else if (!err && owner->return_address)
		err = add_owner(finding, owner);
	else if (!err)
		err = finding_add_missing(finding, "which function returned: nothing on the stack shows it");
	return err ?: set_next_step(finding);
}

/* "work (smash.c:9)" where the function is known, else "a function". */
static const char *words_owner(struct words *words, const struct returned *owner)
{
	if (!owner->symbol.module)
		snprintf(words->text, sizeof(words->text), "a function");
	else
		words_symbol(words, &owner->symbol);
	return words->text;
}

/* A register was restored from a word that an overrun had written. */
static struct error *report_register(const struct crash *crash, struct finding_list *findings)
{
	const struct overrun *overrun = &crash->facts.overrun;
	const char *name = fault_register_name((int)overrun->number);
	struct words value, owner;
	struct finding *finding;
	struct error *err;

	words_spelled(&value, overrun->value);
	err = finding_append(findings, FINDING_SMASHED_RETURN, &finding)
		?: link_append(finding, &link_overwritten_register, BASIS_COMPUTED, slot_node(overrun->slot),
			       "%s was restored from 0x%" PRIx64 ", which an overflow had overwritten", name,
			       overrun->slot)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, overrun->slot,
					"%s was saved at 0x%" PRIx64 ", which holds %s", name, overrun->slot, value.text)
		?: add_run(crash, finding)
		?: evidence_add_signal(crash, finding);
	if (!err && overrun_is_of_registers(overrun))
		err = link_rule_out(finding, "held-before", EVIDENCE_MEMORY, 0, overrun->run.start,
				    "the written words go over several saved registers");
	else if (!err)
		err = link_leave_as_likely(
			finding, "held-before",
			"an array that is just full ends where the register was saved, which may have "
			"held that value before");
	return err
		?: finding_add_missing(finding, "what the register held when that function was called")
		?: link_leave_unseen(finding, "other-write", "the register may have held that value when it was saved")
		?: evidence_suspect_code(finding, &overrun->owner.symbol, EVIDENCE_MEMORY, 0, overrun->slot)
		?: finding_set_summary(finding, "The frame of %s was overrun: it restored %s as %s, which its caller "
						"dereferenced.",
				       words_owner(&owner, &overrun->owner), name, value.text)
		?: set_next_step(finding);
}

/* The crash is elsewhere, but the stack above it is overwritten. */
static struct error *report_corruption(const struct crash *crash, size_t lost, struct finding_list *findings)
{
	const struct frame *frame = &crash->facts.stacks.threads[0].frames[lost];
	struct words word, owner;
	struct finding *finding;
	struct error *err;

	words_spelled(&word, frame->pc);
	evidence_frame_words(&owner, crash, lost - 1);
	err = finding_append(findings, FINDING_SMASHED_RETURN, &finding)
		?: link_append(finding, &link_overwritten_stack, BASIS_COMPUTED, slot_node(frame->sp - 8),
			       "the return address of frame %zu, at 0x%" PRIx64 ", was overwritten", lost - 1,
			       frame->sp - 8)
		?: evidence_add_corruption(crash, finding)
		?: evidence_add_signal(crash, finding)
		?: evidence_add_crash_frame(crash, finding, lost - 1, "its return address is overwritten")
		?: finding_add_missing(finding, "that the crash comes from the overwritten memory, and not the other way "
						"round")
		?: link_leave_unseen(finding, "consequence", "the stack may have been overwritten by what crashed");
	if (!err && corruption_is_text(frame->pc))
		err = link_rule_out(finding, "missing-unwind-tables", EVIDENCE_MEMORY, 0, frame->sp - 8,
				    "the word is text, not an address");
	else if (!err)
		err = link_leave_as_likely(finding, "missing-unwind-tables",
					   "code without unwind tables breaks unwinding the same way");
	return err
		?: evidence_suspect_frame(crash, finding, lost - 1)
		?: finding_set_summary(finding, "The stack is corrupted: the return address of %s is %s; the crash is in "
						"code that works on that memory.",
				       owner.text[0] ? owner.text : "a frame", word.text)
		?: set_next_step(finding);
}

/* A zero below the stack pointer, and above it an address of code that cannot be read: a call of a null pointer leaves
 * the same, and nothing speaks for a return. */
static bool is_unused_memory(const struct crash *crash, const struct smashed *smashed)
{
	return !smashed->refused && smashed->target < 65536 && crash->facts.fault.jump.is_unread &&
	       !crash->facts.overrun.run.make;
}

struct error *cause_smashed_return(const struct crash *crash, struct finding_list *findings)
{
	size_t lost = corruption_first_lost(crash);
	struct smashed smashed;

	/* The record shows what was there: a mapping whose end is the cause. */
	if (evidence_ended_life(crash))
		return NULL;
	if (corruption_find_return(crash, &smashed))
		return is_unused_memory(crash, &smashed) ? NULL : report_return(crash, &smashed, findings);
	if (crash->facts.overrun.by == TAKEN_REGISTER)
		return report_register(crash, findings);
	/* The first frame's own return address is that of a leaf function, which may have moved the stack pointer. */
	if (crash->facts.fault.is_fault && lost != SIZE_MAX && !corruption_ran_off_the_top(crash))
		return report_corruption(crash, lost, findings);
	return NULL;
}
