/* SPDX-License-Identifier: MIT */
#include "analyzer/signature_stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/facts/event_stack.h"
#include "analyzer/signature_name.h"
#include "analyzer/words.h"
#include "common/array.h"

/* How far is looked for functions that come again, in frames of the program. */
#define LOOKED_AT 256

#define MODULE_SIZE 80
#define FUNCTION_SIZE 160

static bool has_prefix(const char *text, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

static bool is_runtime_module(const char *path)
{
	static const char *const prefixes[] = {
		"libstdc++.so.", "libgcc_s.so.", "libc++.so.",	"libc++abi.so.", "libm.so.",
		"libm-2.",	 "libubsan.so.", "libtsan.so.", "liblsan.so.",	 "libstd-",
	};

	return has_prefix(words_base_name(path), prefixes, array_size(prefixes));
}

/* Rust's older mangling: "_ZN", then a crate of the standard library, or an implementation ("22_$LT$core..…") for a
 * type of one. */
static bool is_rust_standard(const char *name)
{
	static const char *const crates[] = {"4core",	   "3std",	     "5alloc",
					     "9hashbrown", "12panic_unwind", "11panic_abort"};
	static const char *const types[] = {"core..", "std..", "alloc..", "hashbrown.."};
	static const char type_of[] = "_$LT$";
	const char *at;

	if (strncmp(name, "_ZN", 3) != 0)
		return false;
	if (has_prefix(name + 3, crates, array_size(crates)))
		return true;
	at = name + 3 + strspn(name + 3, "0123456789");
	return strncmp(at, type_of, sizeof(type_of) - 1) == 0 &&
	       has_prefix(at + sizeof(type_of) - 1, types, array_size(types));
}

/* By name, for what is linked into the program. Names that begin with two underscores, or with one and a capital, are
 * the implementation's (C17 7.1.3); of those _Z and _R are mangled names of programs, too. */
static bool is_runtime_function(const char *name)
{
	static const char *const names[] = {
		"abort",
		"raise",
		"gsignal",
		"kill",
		"tgkill",
		"pthread_kill",
		"malloc_printerr",
		"unlink_chunk",
		"tcache_get",
		"tcache_put",
		"tcache_init",
		"tcache_thread_shutdown",
		"rust_panic",
		"crosscall_amd64",
		"rust_begin_unwind",
		"rust_eh_personality",
		"start_thread",
		"clone",
		"clone3",
		"_start",
	};
	static const char *const prefixes[] = {
		"_ZSt",	    "_ZNSt", "_ZNKSt", "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx", "_ZN10__cxxabiv1",
		"_Unwind_", "_dl_",  "_IO_",   "_nl_",
	};

	if (strncmp(name, "__", 2) == 0 || has_prefix(name, prefixes, array_size(prefixes)) || is_rust_standard(name))
		return true;
	for (size_t i = 0; i < array_size(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool signature_is_library(const struct frame *frame)
{
	const struct symbol *symbol = &frame->symbol;
	char function[FUNCTION_SIZE];

	if (event_stack_is_library(frame) || (symbol->module && is_runtime_module(symbol->module)))
		return true;
	if (!symbol->function)
		return false;
	signature_function(symbol->function, function, sizeof(function));
	return is_runtime_function(function);
}

void signature_code(const struct symbol *symbol, char ret[SIGNATURE_CODE])
{
	char module[MODULE_SIZE], function[FUNCTION_SIZE];

	ret[0] = 0;
	if (!symbol->module)
		return;
	signature_module(symbol->module, module, sizeof(module));
	if (!symbol->function) {
		snprintf(ret, SIGNATURE_CODE, "%s+0x%" PRIx64, module, symbol->module_offset);
		return;
	}
	signature_function(symbol->function, function, sizeof(function));
	snprintf(ret, SIGNATURE_CODE, "%s %s", module, function);
}

/* A function of the program, by its code. */
struct seen {
	char code[SIGNATURE_CODE];
	size_t times;
};

static void count_code(struct seen *all, size_t *count, const char *code)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(all[i].code, code) == 0) {
			all[i].times++;
			return;
		}
	}
	memcpy(all[*count].code, code, SIGNATURE_CODE);
	all[(*count)++].times = 1;
}

static int compare_codes(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->code, ((const struct seen *)b)->code);
}

/* Functions next to each other that all come again stand by name. */
static void order_recursions(struct seen *all, size_t count)
{
	for (size_t i = 0, end; i < count; i = end) {
		end = i + 1;
		if (all[i].times == 1)
			continue;
		while (end < count && all[end].times > 1)
			end++;
		qsort(&all[i], end - i, sizeof(*all), compare_codes);
	}
}

/* Where a signal handler of a runtime returns to: it begins where another function ends, so that no name was found at
 * the instruction before. The frame inside it is the runtime's handler, in the same module. */
static bool is_signal_return(const struct frame *inner, const struct frame *frame)
{
	return !frame->symbol.function && inner->symbol.function && signature_is_library(inner) &&
	       inner->symbol.module && strcmp(inner->symbol.module, frame->symbol.module) == 0;
}

/* C's main is at the bottom of every program's stack. Unwinders do not always get there. */
static bool is_main(const char *code)
{
	const char *blank = strrchr(code, ' ');

	return blank && strcmp(blank, " main") == 0;
}

size_t signature_stack(const struct thread_stack *stack, size_t skipped,
		       char ret_codes[SIGNATURE_FRAMES][SIGNATURE_CODE])
{
	/* No more different ones are needed than these to know which the first are, unless more than that recur
	 * together. */
	struct seen all[LOOKED_AT];
	size_t count = 0, kept;

	for (size_t i = skipped, looked = 0; i < stack->frame_count && looked < LOOKED_AT; i++) {
		const struct frame *frame = &stack->frames[i];
		char code[SIGNATURE_CODE];

		if (frame->trust == FRAME_LOST)
			break;
		if (frame->trust == FRAME_TAIL_CALL || !frame->symbol.module || signature_is_library(frame) ||
		    (i && is_signal_return(frame - 1, frame)))
			continue;
		signature_code(&frame->symbol, code);
		count_code(all, &count, code);
		looked++;
	}
	if (count > 1 && is_main(all[count - 1].code))
		count--;
	order_recursions(all, count);
	kept = count < SIGNATURE_FRAMES ? count : SIGNATURE_FRAMES;
	for (size_t i = 0; i < kept; i++)
		memcpy(ret_codes[i], all[i].code, SIGNATURE_CODE);
	return kept;
}
