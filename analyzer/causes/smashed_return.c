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
 * Near misses: a call or jump through a bad pointer (null-call, wild-jump): a call leaves its return address behind; a
 * uretprobe whose trampoline returned wrongly; code without call frame information, which breaks unwinding without any
 * fault of the stack's; a stack pointer that was changed on purpose.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/evidence/evidence_stack.h"
#include "analyzer/facts/stack_corruption.h"

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

static struct error *weigh(const struct crash *crash, const struct smashed *smashed, struct finding *finding)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	struct error *err = NULL;

	finding->confidence = CONFIDENCE_PROVEN;
	/* Memory below the stack pointer is often zero, and a target of zero has other causes. */
	if (!smashed->refused && smashed->target < 65536) {
		finding->confidence = jump->has_return_address ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
		err = finding_add_missing(finding, "the return itself: the word that it took is as small as unused "
						   "memory is");
	} else if (!smashed->refused && jump->has_return_address) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_counter(finding, "a return address lies on top of the stack, as after a call");
	}
	/* Code that was unloaded while a function of it had called elsewhere: the return address is right, and nothing
	 * is there any more. Only text, an address that is none, or a mapping that holds no code rules that out. */
	if (!err && !smashed->refused && !crash->facts.fault.mapped && !corruption_is_text(smashed->target) &&
	    !crash->facts.overrun.run.make && finding->confidence > CONFIDENCE_LIKELY) {
		finding->confidence = near_code(crash, smashed->target) ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
		err = finding_add_missing(finding,
					  "what was mapped there before: code that was unloaded would look the "
					  "same");
	}
	if (!err && !crash->facts.overrun.run.make && !smashed->refused && !on_own_stack(crash)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding,
					  "the stack pointer is on no thread's own stack: a switch to a stack that "
					  "was not made ready looks the same");
	}
	if (!err && !crash->facts.overrun.run.make && evidence_return_probes_seen(crash)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "uretprobes were at work in the process, which replace return "
						   "addresses");
	}
	return err;
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

static struct error *set_offender(struct finding *finding, const struct symbol *symbol)
{
	if (!symbol->module || !symbol->function)
		return NULL;
	return finding_set_offender(finding, "%s %s", words_base_name(symbol->module), symbol->function);
}

/* Who returned, by what is left below the stack pointer. */
static struct error *add_owner(struct finding *finding, const struct returned *owner)
{
	struct words function;

	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, owner->found_at,
				    "the word at 0x%" PRIx64
				    ", below the stack pointer, is left of the last call in %s: the frame around "
				    "that call ended at 0x%" PRIx64,
				    owner->found_at, words_symbol(&function, &owner->symbol), owner->slot)
		       ?: set_offender(finding, &owner->symbol);
}

static struct error *report_return(const struct crash *crash, const struct smashed *smashed,
				   struct finding_list *findings)
{
	const struct returned *owner = &crash->facts.overrun.owner;
	struct words target, returning;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_SMASHED_RETURN, &finding);

	if (err)
		return err;
	words_spelled(&target, smashed->target);
	if (owner->return_address)
		words_symbol(&returning, &owner->symbol);
	else
		evidence_frame_words(&returning, crash, smashed->refused ? 0 : SIZE_MAX);
	err = finding_set_summary(
		finding,
		"%s%s returned to %s, where it was never called from: its return address on the stack "
		"had been overwritten. The stack is corrupted.",
		returning.text[0] ? "" : "A function", returning.text, target.text)
		?: weigh(crash, smashed, finding)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, smashed->slot,
					smashed->refused ? "the return address at 0x%" PRIx64
							   ", on top of the stack, is %s"
							 : "the word at 0x%" PRIx64
							   ", right below the stack pointer, is %s: a return took it",
					smashed->slot, target.text)
		?: add_run(crash, finding)
		?: evidence_add_corruption(crash, finding)
		?: evidence_add_signal(crash, finding);
	if (!err && smashed->refused)
		err = evidence_set_frame_offender(crash, finding, 0);
	else if (!err && owner->return_address)
		err = add_owner(finding, owner);
	else if (!err)
		err = finding_add_missing(finding, "which function returned: nothing on the stack says it");
	if (err)
		return err;
	return finding_set_next_step(finding, "build with -fstack-protector-strong or -fsanitize=address: they "
					      "stop at the function that is overrun");
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

/* A register was given back with what an overrun had left in its place. */
static struct error *report_register(const struct crash *crash, struct finding_list *findings)
{
	const struct overrun *overrun = &crash->facts.overrun;
	const char *name = fault_register_name((int)overrun->number);
	struct words value, owner;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_SMASHED_RETURN, &finding);

	if (err)
		return err;
	finding->confidence = overrun_is_of_registers(overrun) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	err = finding_set_summary(finding,
				  "The frame of %s was overrun: it gave %s back to its caller as %s, and the caller "
				  "used that as an address. The stack is corrupted.",
				  words_owner(&owner, &overrun->owner), name, words_spelled(&value, overrun->value))
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, overrun->slot,
					"%s was saved at 0x%" PRIx64 ", which holds %s", name, overrun->slot,
					value.text)
		?: add_run(crash, finding)
		?: evidence_add_signal(crash, finding)
		?: set_offender(finding, &overrun->owner.symbol);
	if (!err && !overrun_is_of_registers(overrun))
		err = finding_add_counter(finding,
					  "an array that is just full ends where the register was saved, which "
					  "may have held that value before");
	if (!err)
		err = finding_add_missing(finding, "what the register held when that function was called");
	if (err)
		return err;
	return finding_set_next_step(finding, "build with -fstack-protector-strong or -fsanitize=address: they "
					      "stop at the function that is overrun");
}

/* The crash is elsewhere, but the stack above it is overwritten. */
static struct error *report_corruption(const struct crash *crash, size_t lost, struct finding_list *findings)
{
	const struct frame *frame = &crash->facts.stacks.threads[0].frames[lost];
	bool text = corruption_is_text(frame->pc);
	struct words word, owner;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_SMASHED_RETURN, &finding);

	if (err)
		return err;
	finding->confidence = text ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	words_spelled(&word, frame->pc);
	evidence_frame_words(&owner, crash, lost - 1);
	err = finding_set_summary(
		finding,
		"The stack is corrupted: the return address of %s is %s. The crash is of something in "
		"the memory that was overwritten.",
		owner.text[0] ? owner.text : "a frame", word.text)
		?: evidence_add_corruption(crash, finding)
		?: evidence_add_signal(crash, finding)
		?: evidence_set_frame_offender(crash, finding, lost - 1);
	if (err)
		return err;
	return finding_add_missing(finding, "that the crash comes from the overwritten memory, and not the other "
					    "way round");
}

struct error *cause_smashed_return(const struct crash *crash, struct finding_list *findings)
{
	size_t lost = corruption_first_lost(crash);
	struct smashed smashed;

	/* The record knows what was there: a mapping whose end is the cause. */
	if (evidence_ended_life(crash))
		return NULL;
	if (corruption_find_return(crash, &smashed))
		return report_return(crash, &smashed, findings);
	if (crash->facts.overrun.by == TAKEN_REGISTER)
		return report_register(crash, findings);
	/* The first frame's own return address is that of a leaf function, which may have moved the stack pointer. */
	if (crash->facts.fault.is_fault && lost != SIZE_MAX && !corruption_ran_off_the_top(crash))
		return report_corruption(crash, lost, findings);
	return NULL;
}
