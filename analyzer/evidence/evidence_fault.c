/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_fault.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/facts/fault.h"
#include "common/array.h"

/* How deep inside a C library a bad argument of its caller's is used. */
#define LIBRARY_DEPTH 4

/* Code that does what it is told: a bad argument is its caller's. */
static bool is_language_library(const char *module)
{
	static const char *const prefixes[] = {"libc.so.",   "libc-2.",	 "ld-linux",   "ld-musl",     "libstdc++.so.",
					       "libc++.so.", "libm.so.", "libpthread", "libgcc_s.so."};
	const char *name = words_base_name(module);

	for (size_t i = 0; i < array_size(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

/* The first frame from the fault on that is the program's own. */
static const struct frame *blamed_frame(const struct crash *crash)
{
	const struct frame *frame = fault_frame_of(crash), *first = frame;
	const struct thread_stack *stack;

	if (!frame)
		return NULL;
	stack = &crash->facts.stacks.threads[0];
	for (; frame < stack->frames + stack->frame_count; frame++) {
		if (frame->symbol.module && !is_language_library(frame->symbol.module))
			break;
	}
	if (frame == stack->frames + stack->frame_count)
		return first->symbol.module ? first : NULL;
	/* A static program's C library is in the program, and has no line numbers where the rest has some. */
	for (const struct frame *other = frame;
	     !frame->symbol.file && other < frame + LIBRARY_DEPTH && other < stack->frames + stack->frame_count;
	     other++) {
		if (other->symbol.module && other->symbol.file &&
		    strcmp(other->symbol.module, frame->symbol.module) == 0)
			return other;
	}
	if (frame->symbol.module)
		return frame;
	return first->symbol.module ? first : NULL;
}

const char *evidence_fault_code(struct words *words, const struct crash *crash)
{
	const struct frame *frame = fault_frame_of(crash), *blamed = blamed_frame(crash);
	struct words inner, outer;

	if (frame && frame->symbol.module && blamed && blamed != frame)
		snprintf(words->text, sizeof(words->text), "%.200s, called by %.280s",
			 words_symbol(&inner, &frame->symbol), words_symbol(&outer, &blamed->symbol));
	else if (blamed)
		return words_symbol(words, &blamed->symbol);
	else if (crash->facts.fault.has_registers)
		snprintf(words->text, sizeof(words->text), "code at 0x%" PRIx64,
			 crash->facts.fault.registers[CORE_RIP]);
	else
		snprintf(words->text, sizeof(words->text), "unknown code");
	return words->text;
}

struct error *evidence_add_refusal(const struct crash *crash, struct finding *finding)
{
	struct words signal, code;
	struct error *err = evidence_add_fault(crash, finding);

	if (!err && crash->facts.fault.in_handler && !crash->facts.interruption.found)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, 0,
					   "the process sent itself %s, which ended it, at an instruction that faults "
					   "with the registers of "
					   "then: a handler had passed the fault on",
					   words_signal(&signal, crash->facts.signal.number));
	else if (!err && crash->facts.fault.in_handler)
		err = finding_add_evidence(
			finding, EVIDENCE_MEMORY, 0, crash->facts.interruption.address,
			"the process was ended from within a signal handler; the frame of that handler on the stack "
			"has "
			"%s, %s, and the registers of then",
			words_signal(&signal, crash->facts.fault.signal.number),
			words_signal_code(&code, crash->facts.fault.signal.number, crash->facts.fault.signal.code));
	return err;
}

struct error *evidence_add_operand(const struct crash *crash, struct finding *finding)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;
	char index[80] = "", base[80] = "";

	if (fault->operand >= fault->operand_count)
		return NULL;
	operand = &fault->operands[fault->operand];
	if (operand->base >= 0 && operand->base != CORE_RIP)
		snprintf(base, sizeof(base), "%s is 0x%" PRIx64, fault_register_name(operand->base),
			 fault->registers[operand->base]);
	if (operand->index >= 0)
		snprintf(index, sizeof(index), "%s%s is 0x%" PRIx64, base[0] ? ", " : "",
			 fault_register_name(operand->index), fault->registers[operand->index]);
	if (!base[0] && !index[0])
		return finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, operand->address,
					    "%s: the address 0x%" PRIx64 " is written into the instruction",
					    operand->text, operand->address);
	return finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, operand->address, "%s is 0x%" PRIx64 ": %s%s",
				    operand->text, operand->address, base, index);
}

int evidence_base_register(const struct crash *crash, uint64_t *ret_value)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (fault->operand >= fault->operand_count)
		return -1;
	operand = &fault->operands[fault->operand];
	if (operand->base < 0 || operand->base == CORE_RIP)
		return -1;
	*ret_value = fault->registers[operand->base];
	return operand->base;
}

bool evidence_is_error_value(uint64_t value)
{
	return value >= (uint64_t)-4095 && value % 8 != 0;
}

bool evidence_is_shifted_pointer(const struct crash *crash)
{
	struct place place;
	uint64_t value;

	if (evidence_base_register(crash, &value) < 0 || !value || value >= 1ULL << 35)
		return false;
	place_of(crash, value << 12, &place);
	return place.kind == PLACE_HEAP ||
	       (place.kind == PLACE_ANONYMOUS && place.protection == (PROT_READ | PROT_WRITE));
}

static const char *text_of(uint64_t value, char text[9])
{
	size_t length = 0, letters = 0;

	/* Little endian: the lowest byte comes first in memory. What follows the text may be zeroes. */
	while (length < 8 && isprint((int)(value >> (8 * length) & 0xff))) {
		text[length] = (char)(value >> (8 * length) & 0xff);
		letters += isalpha((unsigned char)text[length]) != 0 || text[length] == ' ';
		length++;
	}
	text[length] = '\0';
	if (length < 6 || letters < 3 || (length < 8 && value >> (8 * length)))
		return NULL;
	return text;
}

/* What is commonly written over memory to make its use stand out. */
static const struct {
	uint64_t pattern; /* of `bytes` bytes, repeated */
	unsigned bytes;
	const char *meaning;
} patterns[] = {
	{0x6b, 1, "the byte that the Linux slab allocator, and others after it, write over freed memory"},
	{0x5a, 1, "the byte that jemalloc writes over freed memory"},
	{0xa5, 1, "the byte that jemalloc and others write over new memory"},
	{0xcc, 1, "the byte of int3, and of debug builds for uninitialized stack"},
	{0xcd, 1, "a debug allocator's byte for new, uninitialized memory"},
	{0xdd, 1, "a debug allocator's byte for freed memory"},
	{0xdf, 1, "the byte that mimalloc writes over freed memory"},
	{0xd0, 1, "the byte that mimalloc writes over new memory"},
	{0xfd, 1, "a debug allocator's byte for the guard around a block"},
	{0xab, 1, "a debug allocator's byte for the guard behind a block"},
	{0xbe, 1, "the byte that AddressSanitizer writes over new memory"},
	{0xaa, 1, "the byte that compilers write over uninitialized variables (Clang, Zig)"},
	{0xfe, 1, "the byte that GCC writes over uninitialized variables"},
	{0xdeadbeef, 4, "0xdeadbeef, a marker of memory that must not be used"},
	{0xbaadf00d, 4, "0xbaadf00d, a marker of uninitialized memory"},
	{0xfeeefeee, 4, "0xfeeefeee, a marker of freed memory"},
	{0xdeadc0de, 4, "0xdeadc0de, a marker of memory that must not be used"},
	{0xcafebabe, 4, "0xcafebabe, a marker"},
	{0xdeaddeaddeaddeaf, 8, "the marker of dead pointers in Go's runtime"},
	{0xdeadbeefdeadbeef, 8, "0xdeadbeef, a marker of memory that must not be used"},
};

/* A pointer read from such memory may have a small offset on it: the upper six bytes are compared, all eight for a
 * pattern of eight. */
static const char *pattern_of(uint64_t value)
{
	for (size_t i = 0; i < array_size(patterns); i++) {
		uint64_t whole = patterns[i].pattern;

		for (unsigned bits = 8 * patterns[i].bytes; bits < 64; bits *= 2)
			whole |= whole << bits;
		if (value >> 16 == whole >> 16)
			return patterns[i].meaning;
	}
	return NULL;
}

const char *words_pointer_value(struct words *words, uint64_t value)
{
	const char *meaning = pattern_of(value);
	char text[9];

	words->text[0] = '\0';
	if (meaning)
		snprintf(words->text, sizeof(words->text), "looks like %s", meaning);
	else if (text_of(value, text))
		snprintf(words->text, sizeof(words->text), "spells \"%s\" in bytes", text);
	else if (evidence_is_error_value(value))
		snprintf(words->text, sizeof(words->text), "is %" PRId64 "%s", (int64_t)value,
			 value == UINT64_MAX ? ": MAP_FAILED, or an error used as a pointer"
					     : ": an error number used as a pointer");
	return words->text;
}
