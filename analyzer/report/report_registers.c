/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_registers.h"

#include <inttypes.h>
#include <signal.h>

#include "analyzer/facts/fault.h"
#include "analyzer/report/report_stack.h"
#include "common/array.h"
#include "common/inert.h"

/* Of the stack, from the stack pointer up. */
#define STACK_WORDS 32

const char *words_fault_cause(enum fault_cause cause)
{
	static const char *const names[] = {
		[FAULT_UNMAPPED] = "unmapped",
		[FAULT_PERMISSION] = "permission",
		[FAULT_NON_CANONICAL] = "non-canonical",
		[FAULT_MISALIGNED] = "misaligned",
		[FAULT_PRIVILEGED] = "privileged",
		[FAULT_NO_FILE_PAGE] = "no-file-page",
		[FAULT_PROTECTION_KEY] = "protection-key",
	};

	return cause < array_size(names) ? names[cause] : NULL;
}

static void raised_again(struct words *words, const struct crash *crash)
{
	const struct crash_signal *signal = &crash->facts.fault.signal;
	struct words name, code;
	char address[32] = "";

	if (signal->has_address || signal->address)
		snprintf(address, sizeof(address), " at 0x%" PRIx64, signal->address);
	snprintf(words->text, sizeof(words->text), "%s: before, there had been %s, %s%s",
		 crash->facts.interruption.found
			 ? "a handler ended the process, and the frame of that handler has what it was called for"
			 : "the process sent the signal to itself again, and died at an instruction that faults",
		 words_signal(&name, signal->number), words_signal_code(&code, signal->number, signal->code), address);
}

const char *words_signal_trust(struct words *words, const struct crash *crash)
{
	const struct crash_signal *signal = &crash->facts.signal;
	bool synchronous = signal->number == SIGSEGV || signal->number == SIGBUS || signal->number == SIGILL ||
			   signal->number == SIGFPE || signal->number == SIGTRAP;

	words->text[0] = '\0';
	if (crash->facts.fault.in_handler)
		raised_again(words, crash);
	else if (!synchronous || signal->trustworthy || crash->record.has_exit_state || crash->core.snapshot)
		return words->text;
	else if (signal->only_number)
		snprintf(words->text, sizeof(words->text),
			 crash->facts.fault.is_fault
				 ? "no siginfo: the fault is told by the instruction and the registers"
				 : "no siginfo: whether the processor or a process raised it is not known");
	else if (signal->code == SI_KERNEL && crash->facts.fault.source == ADDRESS_INSTRUCTION)
		snprintf(words->text, sizeof(words->text),
			 "the kernel gave no fault address; 0x%" PRIx64 " computed from the instruction",
			 crash->facts.fault.address);
	else if (signal->code == SI_KERNEL)
		snprintf(words->text, sizeof(words->text),
			 "the kernel gave no fault address, and the instruction does not show it");
	else if (signal->sender_pid)
		snprintf(words->text, sizeof(words->text), "the signal was sent: it is no fault of the instruction");
	else
		snprintf(words->text, sizeof(words->text), "the signal does not tell what the processor saw");
	return words->text;
}

static bool is_number(const struct place *place)
{
	return place->kind == PLACE_NULL;
}

static void write_pointer(const struct crash *crash, const char *name, uint64_t value, const struct place *place,
			  FILE *out)
{
	struct words words;

	fprintf(out, "  %-10s 0x%016" PRIx64, name, value);
	if (!is_number(place)) {
		fputs("  ", out);
		inert_write(words_place(&words, crash, place), out);
	}
	fputc('\n', out);
}

/* The word number `index` from the stack pointer up, and where it points. */
static bool stack_word(const struct crash *crash, size_t index, uint64_t *ret_address, uint64_t *ret_value,
		       struct place *ret_place)
{
	*ret_address = crash->facts.fault.registers[CORE_RSP] + 8 * index;
	if (!crash->core.image || !crash->facts.fault.has_registers ||
	    !core_read_word(crash->core.image, *ret_address, ret_value))
		return false;
	place_of(crash, *ret_value, ret_place);
	return true;
}

void report_write_registers(const struct crash *crash, FILE *out)
{
	uint64_t address, value;
	struct place place;
	char name[32];

	for (size_t i = 0; i < crash->facts.pointer_count; i++)
		write_pointer(crash, fault_register_name(crash->facts.pointers[i].number),
			      crash->facts.pointers[i].value, &crash->facts.pointers[i].place, out);
	for (size_t i = 0; i < STACK_WORDS && stack_word(crash, i, &address, &value, &place); i++) {
		if (is_number(&place) || (!place.mapped && !place.ended.known))
			continue;
		snprintf(name, sizeof(name), "[rsp+0x%zx]", 8 * i);
		write_pointer(crash, name, value, &place, out);
	}
}

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *place_json(const struct crash *crash, const struct place *place)
{
	struct words words;

	return is_number(place) ? json_null() : report_text_json(words_place(&words, crash, place));
}

json_t *report_registers_json(const struct crash *crash)
{
	json_t *array = json_array();

	for (size_t i = 0; i < crash->facts.pointer_count; i++) {
		json_t *entry = json_object();

		json_object_set_new(entry, "name", json_string(fault_register_name(crash->facts.pointers[i].number)));
		json_object_set_new(entry, "value", hex(crash->facts.pointers[i].value));
		json_object_set_new(entry, "place", place_json(crash, &crash->facts.pointers[i].place));
		json_array_append_new(array, entry);
	}
	return array;
}

json_t *report_stack_words_json(const struct crash *crash)
{
	json_t *array = json_array();
	uint64_t address, value;
	struct place place;

	for (size_t i = 0; i < STACK_WORDS && stack_word(crash, i, &address, &value, &place); i++) {
		json_t *entry = json_object();

		json_object_set_new(entry, "address", hex(address));
		json_object_set_new(entry, "value", hex(value));
		json_object_set_new(entry, "place", place_json(crash, &place));
		json_array_append_new(array, entry);
	}
	return array;
}
