/* SPDX-License-Identifier: MIT */
#include "analyzer/signature.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/facts/event_stack.h"
#include "common/array.h"

static void copy_text(const char *text, size_t length, char *out, size_t size)
{
	if (length >= size)
		length = size - 1;
	memcpy(out, text, length);
	out[length] = 0;
}

/* The length of `text` up to a "-1.2.3" at its end, or all of it. */
static size_t without_dashed_version(const char *text, size_t length)
{
	size_t start = length;

	while (start > 0 && (isdigit((unsigned char)text[start - 1]) || text[start - 1] == '.'))
		start--;
	return start > 1 && start < length && text[start - 1] == '-' ? start - 1 : length;
}

void signature_module(const char *path, char *out, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *name = words_base_name(path);
	size_t length = strlen(name);
	const char *suffix;

	if (length > sizeof(deleted) - 1 && strcmp(name + length - (sizeof(deleted) - 1), deleted) == 0)
		length -= sizeof(deleted) - 1;
	suffix = strstr(name, ".so");
	if (suffix && (size_t)(suffix - name) < length && (suffix[3] == 0 || suffix[3] == '.' || suffix[3] == ' ')) {
		size_t stem = without_dashed_version(name, (size_t)(suffix - name));

		copy_text(name, stem, out, size);
		strncat(out, ".so", size - strlen(out) - 1);
		return;
	}
	copy_text(name, length, out, size);
}

/* The suffixes that GCC and LLVM give to parts and copies of a function. */
static bool is_copy_suffix(const char *at)
{
	static const char *const suffixes[] = {".constprop.", ".isra.",	 ".part.",	".cold",    ".lto_priv.",
					       ".llvm.",      ".clone.", ".localalias", ".resolver"};

	for (size_t i = 0; i < array_size(suffixes); i++) {
		if (strncmp(at, suffixes[i], strlen(suffixes[i])) == 0)
			return true;
	}
	return false;
}

/* Rust's older mangling ends in 17h, sixteen hexadecimal digits and E: a hash that changes with the compiler. */
static size_t without_rust_hash(const char *name, size_t length)
{
	const char *hash;

	if (length < 20 || name[length - 1] != 'E' || strncmp(name, "_ZN", 3) != 0)
		return length;
	hash = name + length - 20;
	return strncmp(hash, "17h", 3) == 0 && strspn(hash + 3, "0123456789abcdef") >= 16 ? length - 20 : length;
}

void signature_function(const char *name, char *out, size_t size)
{
	size_t length = 0;

	while (name[length] && !(length && is_copy_suffix(name + length)) && !(length && name[length] == '@'))
		length++;
	copy_text(name, without_rust_hash(name, length), out, size);
}

/* "/opt/libx.so.1 walk.part.0" becomes "libx.so walk". What is after the first blank that follows a module's name is the
 * function's; an offender of another shape stays as it is. */
static void normalize(const char *offender, char *out, size_t size)
{
	const char *blank = strrchr(offender, ' ');
	char module[128], function[160];

	if (!blank) {
		const char *offset = strstr(offender, "+0x");

		copy_text(offender, offset ? (size_t)(offset - offender) : strlen(offender), function, sizeof(function));
		signature_module(function, module, sizeof(module));
		snprintf(out, size, "%s%s", module, offset ? offset : "");
		return;
	}
	copy_text(offender, (size_t)(blank - offender), function, sizeof(function));
	signature_module(function, module, sizeof(module));
	signature_function(blank + 1, function, sizeof(function));
	snprintf(out, size, "%s %s", module, function);
}

/* The expression of "prog: file.c:12: f: Assertion `x > 0' failed."; "" for none. */
static void take_expression(const char *message, char *out, size_t size)
{
	const char *start = message ? strstr(message, "Assertion `") : NULL;
	const char *end = start ? strstr(start, "' failed") : NULL;

	out[0] = 0;
	if (end)
		copy_text(start + strlen("Assertion `"), (size_t)(end - start) - strlen("Assertion `"), out, size);
}

static const struct frame *frame_of_program(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		if (stack->frames[i].symbol.module && !event_stack_is_library(&stack->frames[i]))
			return &stack->frames[i];
	}
	return stack && stack->frame_count ? &stack->frames[0] : NULL;
}

static void name_stand_in(const struct crash *crash, char *out, size_t size)
{
	const struct frame *frame = frame_of_program(crash);
	char module[128] = "", function[160] = "";
	struct words signal;

	if (frame && frame->symbol.module)
		signature_module(frame->symbol.module, module, sizeof(module));
	if (frame && frame->symbol.function)
		signature_function(frame->symbol.function, function, sizeof(function));
	else if (frame && frame->symbol.module)
		snprintf(function, sizeof(function), "+0x%" PRIx64, frame->symbol.module_offset);
	snprintf(out, size, "%s %s %s", words_signal(&signal, crash->facts.signal.number), module, function);
}

const char *signature_text(struct words *words, const struct crash *crash, const struct finding_list *findings)
{
	const struct finding *verdict = &findings->findings[0];
	char code[300], more[120] = "";

	if (verdict->class == FINDING_KILLED_BY_PROCESS && crash->facts.signal.sender_comm[0]) {
		struct words signal;

		snprintf(code, sizeof(code), "%s by %s", words_signal(&signal, crash->facts.signal.number),
			 crash->facts.signal.sender_comm);
	} else if (verdict->offender) {
		normalize(verdict->offender, code, sizeof(code));
	} else {
		name_stand_in(crash, code, sizeof(code));
	}
	if (verdict->class == FINDING_ASSERTION_FAILURE)
		take_expression(crash->core.abort_message, more, sizeof(more));
	snprintf(words->text, sizeof(words->text), "%s %s%s%s", finding_class_name(verdict->class), code,
		 more[0] ? " " : "", more);
	return words->text;
}

void signature_hash(const struct crash *crash, const struct finding_list *findings, char ret_signature[17])
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	struct words words;

	/* FNV-1a. */
	for (const char *at = signature_text(&words, crash, findings); *at; at++) {
		hash ^= (unsigned char)*at;
		hash *= 0x100000001b3ULL;
	}
	snprintf(ret_signature, 17, "%016" PRIx64, hash);
}
