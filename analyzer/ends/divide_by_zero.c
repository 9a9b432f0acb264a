/* SPDX-License-Identifier: MIT */
/*
 * divide-by-zero: the processor refused a division.
 *
 * What is seen: SIGFPE from the processor (not sent), and with the core the div or idiv instruction and its operands as
 * they were. The same trap comes when the quotient does not fit (the most negative number divided by -1): then the
 * divisor is not zero, and the end says so. A floating point trap, which a program has to enable (feenableexcept), has
 * a code of its own. Where the divisor came from is not claimed.
 *
 * What it could be mistaken for: SIGFPE that a process sent (its code is not positive).
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"

static bool is_minus_one(const struct fault_division *division)
{
	uint64_t mask = division->bits == 64 ? UINT64_MAX : (1ULL << division->bits) - 1;

	return division->is_signed && (division->divisor & mask) == mask;
}

static const char *division_words(const struct fault_division *division, char *text, size_t size)
{
	if (division->divisor == 0)
		snprintf(text, size, "%s, the divisor, is 0", division->operand);
	else if (is_minus_one(division))
		snprintf(text, size,
			 "the quotient does not fit: the most negative number of %u bits was divided by -1 (%s)",
			 division->bits, division->operand);
	else
		snprintf(text, size,
			 "the quotient does not fit into %u bits: 0x%" PRIx64 ":%" PRIx64 " was divided by 0x%" PRIx64
			 " (%s)",
			 division->bits, division->dividend_high, division->dividend_low, division->divisor,
			 division->operand);
	return text;
}

static struct error *judge_integer(const struct crash *crash, struct finding *finding)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_division *division = &fault->division;
	struct words code;
	char text[200];

	if (!division->known) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_set_summary(finding,
					   "Thread %" PRIu32 " divided an integer by zero, or the quotient did not fit, "
					   "in %s.",
					   evidence_dead_thread(crash), evidence_fault_code(&code, crash))
			?: finding_add_missing(finding, "the divisor: the instruction or its operand is not known")
			?: finding_set_lost(finding, "the divisor is not known", "the core, or the file of the code");
	}
	finding->confidence = CONFIDENCE_PROVEN;
	return finding_set_summary(finding, "Thread %" PRIu32 " %s in %s: %s.", evidence_dead_thread(crash),
				   division->divisor ? "divided with overflow" : "divided by zero",
				   evidence_fault_code(&code, crash), division_words(division, text, sizeof(text)))
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, fault->registers[CORE_RIP], "%s: %s",
					fault->instruction, text)
		?: finding_set_lost(finding,
				    division->divisor ? "the operands came from earlier code"
						      : "the divisor was computed as 0, or never set",
				    "the variables of that frame in a debugger, or a watchpoint on the divisor");
}

static struct error *judge_floating(const struct crash *crash, struct finding *finding)
{
	struct words code;

	finding->confidence = CONFIDENCE_PROVEN;
	return finding_set_summary(finding,
				   "Thread %" PRIu32
				   " divided a floating point number by zero, with that trap enabled, "
				   "in %s.",
				   evidence_dead_thread(crash), evidence_fault_code(&code, crash))
		       ?: finding_set_lost(finding, "the divisor was computed as 0, or never set",
					   "the variables of that frame in a debugger");
}

struct error *end_divide_by_zero(const struct crash *crash, struct finding_list *findings)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	struct words code, name;
	struct finding *finding;
	struct error *err;

	if (signal->number != SIGFPE || (signal->code != FPE_INTDIV && signal->code != FPE_FLTDIV) ||
	    !signal->trustworthy)
		return NULL;
	err = finding_append(findings, FINDING_DIVIDE_BY_ZERO, &finding);
	if (err)
		return err;
	err = signal->code == FPE_INTDIV ? judge_integer(crash, finding) : judge_floating(crash, finding);
	return err
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL,
					crash->record.has_signal_event ? crash->record.signal_event.id : 0,
					signal->address, "%s, %s at 0x%" PRIx64, words_signal(&name, signal->number),
					words_signal_code(&code, signal->number, signal->code), signal->address)
		?: finding_set_next_step(finding, "where does the divisor come from?");
}
