/* SPDX-License-Identifier: MIT */
/*
 * illegal-instruction: the processor would not execute what is at the instruction pointer.
 *
 * What is seen: SIGILL from the processor, and the bytes. ud2 is there to trap: compilers emit it where they know that
 * execution cannot go on (__builtin_trap, unreachable code, a missing return value in C++). A well-formed instruction
 * that was refused all the same belongs to an extension that this processor, or its operating system, does not offer:
 * the refusal is what shows that, no list of features. Bytes that are no instruction mean that the instruction pointer
 * is astray, or that the code was overwritten; which of them is not claimed.
 *
 * Also a privileged instruction, which comes as SIGSEGV without an address. hlt is how musl and, as a last resort,
 * glibc stop a program (deliberate-abort says so).
 *
 * What it could be mistaken for: a uretprobe's SIGILL, which has the code SI_KERNEL; a SIGILL that a process sent; the
 * kernel's SIGILL for a register state that it could not restore, which comes without such an instruction.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/facts/fault.h"

static bool is_made_to_trap(const struct fault *fault)
{
	return strcmp(fault->mnemonic, "ud2") == 0 || strcmp(fault->mnemonic, "ud1") == 0 ||
	       strcmp(fault->mnemonic, "ud0") == 0;
}

static void write_bytes(const struct fault *fault, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < fault->byte_count && i < 8; i++)
		snprintf(text + 3 * i, size - 3 * i, "%02x ", fault->bytes[i]);
	if (text[0])
		text[strlen(text) - 1] = '\0';
}

static struct error *set_lost_pointer(struct finding *finding)
{
	return finding_set_lost(finding,
				"how the instruction pointer came there, or who overwrote the code, is not known",
				"the caller's frame (corelate stack), or a processor trace");
}

static struct error *judge(const struct crash *crash, struct finding *finding)
{
	const struct fault *fault = &crash->facts.fault;
	struct words code;
	char bytes[32];

	finding->confidence = CONFIDENCE_PROVEN;
	evidence_fault_code(&code, crash);
	write_bytes(fault, bytes, sizeof(bytes));
	if (!fault->byte_count) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_add_missing(finding, "the bytes of the instruction")
			?: finding_set_lost(finding, "the bytes at the instruction pointer are not known",
					    "the core, or the file of the code")
			?: finding_set_summary(finding, "The processor refused an instruction in %s.", code.text);
	}
	if (evidence_is_inside_instruction(crash)) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_add_missing(finding, "how the instruction pointer came there")
			?: set_lost_pointer(finding)
			?: finding_set_summary(finding,
					       "The instruction pointer is inside an instruction of %s; the bytes there "
					       "(%s) are no valid one.",
					       code.text, bytes);
	}
	if (is_made_to_trap(fault))
		return finding_set_lost(finding, "which check or unreachable path led to the trap is not known",
					"the source line of the instruction")
			       ?: finding_set_summary(finding,
						      "Thread %" PRIu32
						      " ran into %s in %s: compilers emit it where execution "
						      "cannot go on (__builtin_trap, unreachable code).",
						      evidence_dead_thread(crash), fault->mnemonic, code.text);
	if (fault->length && fault->instruction_set[0])
		return finding_set_lost(finding, "why code for another processor was run is not known",
					"the flags of the build (-march), and the program's check of the processor")
			       ?: finding_set_summary(finding,
						      "This processor, or its operating system, does not offer %s: it "
						      "refused %s in %s.",
						      fault->instruction_set, fault->instruction, code.text);
	finding->confidence = CONFIDENCE_LIKELY;
	return finding_add_missing(finding, "how these bytes came there")
		?: set_lost_pointer(finding)
		?: finding_set_summary(finding, "%s%s%s at 0x%" PRIx64 " in %s: the processor refused %s.",
				       fault->length ? "Invalid form of an instruction, " : "The bytes are no instruction (",
				       fault->length ? fault->instruction : bytes, fault->length ? "," : ")",
				       fault->registers[CORE_RIP], code.text, fault->length ? "it" : "them");
}

static struct error *judge_privileged(const struct crash *crash, struct finding *finding)
{
	struct words code;

	finding->confidence = CONFIDENCE_LIKELY;
	return finding_add_missing(finding, "how the instruction pointer came there")
		?: set_lost_pointer(finding)
		?: finding_set_summary(finding, "Thread %" PRIu32 " executed %s, a privileged instruction, in %s.",
				       evidence_dead_thread(crash), crash->facts.fault.instruction,
				       evidence_fault_code(&code, crash));
}

struct error *end_illegal_instruction(const struct crash *crash, struct finding_list *findings)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	bool privileged = crash->facts.fault.is_fault && crash->facts.fault.cause == FAULT_PRIVILEGED;
	struct words name, code;
	struct finding *finding;
	struct error *err;
	char bytes[32];

	if (!privileged && (signal->number != SIGILL || !signal->trustworthy))
		return NULL;
	err = finding_append(findings, FINDING_ILLEGAL_INSTRUCTION, &finding)
		      ?: (privileged ? judge_privileged(crash, finding) : judge(crash, finding));
	write_bytes(&crash->facts.fault, bytes, sizeof(bytes));
	return err
		?: finding_add_evidence(
			finding, EVIDENCE_SIGNAL, crash->record.has_signal_event ? crash->record.signal_event.id : 0,
			signal->address, "%s, %s; the bytes at 0x%" PRIx64 " are %s%s%s",
			words_signal(&name, signal->number), words_signal_code(&code, signal->number, signal->code),
			crash->facts.fault.registers[CORE_RIP], bytes[0] ? bytes : "not known",
			crash->facts.fault.instruction[0] ? ": " : "", crash->facts.fault.instruction)
		?: finding_set_next_step(finding, "%s",
					 is_made_to_trap(&crash->facts.fault)
						 ? "what does the source assume at that line?"
						 : "compare the code there with the file's, and the build's target with "
						   "the processor");
}
