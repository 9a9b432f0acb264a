/* SPDX-License-Identifier: MIT */
#include "analyzer/words.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/elf/elf_demangle.h"
#include "analyzer/finding.h"
#include "common/array.h"
#include "common/cleanup.h"

static const char *put(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *put(struct words *words, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(words->text, sizeof(words->text), format, args);
	va_end(args);
	return words->text;
}

const char *words_duration(struct words *words, uint64_t ns)
{
	uint64_t seconds = ns / 1000000000;

	/* Each border lies where rounding would reach the next unit. */
	if (ns == 0)
		return put(words, "0");
	if (ns < 1000)
		return put(words, "%" PRIu64 " ns", ns);
	if (ns < 999950)
		return put(words, "%.1f us", (double)ns / 1e3);
	if (ns < 999950000)
		return put(words, "%.1f ms", (double)ns / 1e6);
	if (ns < 119995000000)
		return put(words, "%.2f s", (double)ns / 1e9);
	if (seconds < 7200)
		return put(words, "%" PRIu64 " min %02" PRIu64 " s", seconds / 60, seconds % 60);
	return put(words, "%" PRIu64 " h %02" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
}

const char *words_bytes(struct words *words, uint64_t bytes)
{
	if (bytes < 10240)
		return put(words, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	/* Each border lies where rounding would reach the next unit. */
	if (bytes < 1048525)
		return put(words, "%.1f KiB", (double)bytes / 1024);
	if (bytes < 1073689395)
		return put(words, "%.1f MiB", (double)bytes / 1048576);
	return put(words, "%.1f GiB", (double)bytes / 1073741824);
}

const char *words_before_crash(struct words *words, const struct crash *crash, uint64_t time_ns)
{
	struct words duration;

	if (!crash->record.time_ns)
		return put(words, "at an unknown time before the crash");
	if (time_ns > crash->record.time_ns)
		return put(words, "%s after the signal", words_duration(&duration, time_ns - crash->record.time_ns));
	return put(words, "%s before the crash", words_duration(&duration, crash->record.time_ns - time_ns));
}

const char *words_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

#define FUNCTION_BYTES 256

/* The function's name as people write it; the end of a long one, mostly arguments of templates, is left out. */
static const char *readable(const char *function, char *name)
{
	static const char cut[] = "...";
	cleanup_free char *demangled = elf_demangle(function, false);

	if (snprintf(name, FUNCTION_BYTES, "%s", demangled ?: function) >= FUNCTION_BYTES)
		memcpy(name + FUNCTION_BYTES - sizeof(cut), cut, sizeof(cut));
	return name;
}

const char *words_symbol(struct words *words, const struct symbol *symbol)
{
	char place[256] = "", name[FUNCTION_BYTES], inlined[FUNCTION_BYTES];

	if (!symbol->module)
		return put(words, "%s", "");
	if (symbol->file && symbol->line) /* line 0: the compiler's own code */
		snprintf(place, sizeof(place), " (%s:%d)", words_base_name(symbol->file), symbol->line);
	if (symbol->inlined && symbol->function)
		return put(words, "%s %s%s, inlined in %s+0x%" PRIx64, words_base_name(symbol->module),
			   readable(symbol->inlined, inlined), place, readable(symbol->function, name),
			   symbol->function_offset);
	if (symbol->function)
		return put(words, "%s %s+0x%" PRIx64 "%s", words_base_name(symbol->module),
			   readable(symbol->function, name), symbol->function_offset, place);
	return put(words, "%s+0x%" PRIx64, words_base_name(symbol->module), symbol->module_offset);
}

const char *words_function(struct words *words, const struct symbol *symbol)
{
	char name[FUNCTION_BYTES];

	return put(words, "%s",
		   symbol->inlined    ? readable(symbol->inlined, name)
		   : symbol->function ? readable(symbol->function, name)
				      : "");
}

const char *words_code(struct words *words, const struct symbol *symbol)
{
	if (!symbol->module)
		return put(words, "%s", "");
	if (symbol->function)
		return put(words, "%s %s", words_base_name(symbol->module), symbol->function);
	return put(words, "%s+0x%" PRIx64, words_base_name(symbol->module), symbol->module_offset);
}

const char *words_context(struct words *words, const struct event_context *context)
{
	struct words jumper, caller;

	if (context->jumper.module)
		return put(words, "%s, called by %s", words_symbol(&jumper, &context->jumper),
			   words_symbol(&caller, &context->caller));
	if (context->caller.module)
		return words_symbol(words, &context->caller);
	return words_symbol(words, &context->at);
}

const char *words_caller(struct words *words, const struct biography *biography, size_t index)
{
	if (words_context(words, &biography->contexts[index])[0])
		return words->text;
	if (biography->events[index].ip)
		return put(words, "code at 0x%" PRIx64, biography->events[index].ip);
	return put(words, "the kernel");
}

const char *words_caller_module(struct words *words, const struct biography *biography, size_t index)
{
	const struct event_context *context = &biography->contexts[index];
	const struct symbol *caller = context->jumper.module ? &context->jumper : &context->caller;

	return caller->module ? put(words, "%s", words_base_name(caller->module)) : NULL;
}

static void marker_name(const struct marker *marker, char *out, size_t size)
{
	if (marker->text && marker_has_number(marker))
		snprintf(out, size, "%" PRIu64 " \"%s\"", marker->args[0], marker->text);
	else if (marker_has_number(marker))
		snprintf(out, size, "%" PRIu64, marker->args[0]);
	else if (marker->text)
		snprintf(out, size, "prctl %d \"%s\"", marker->option, marker->text);
	else
		snprintf(out, size, "prctl %d", marker->option);
}

const char *words_markers(struct words *words, const struct event_context *context)
{
	char before[160], after[160];

	marker_name(&context->before, before, sizeof(before));
	marker_name(&context->after, after, sizeof(after));
	if (context->before.id && context->after.id)
		return put(words, "between markers %s and %s", before, after);
	if (context->before.id)
		return put(words, "after marker %s", before);
	if (context->after.id)
		return put(words, "before marker %s", after);
	return put(words, "%s", "");
}

const char *words_protection(struct words *words, int protection)
{
	if (protection < 0)
		return put(words, "???");
	return put(words, "%c%c%c", protection & PROT_READ ? 'r' : '-', protection & PROT_WRITE ? 'w' : '-',
		   protection & PROT_EXEC ? 'x' : '-');
}

const char *words_sureness(const char *class, const char *confidence)
{
	if (!confidence || strcmp(class, finding_class_name(FINDING_UNKNOWN)) == 0 ||
	    strcmp(class, finding_class_name(FINDING_SNAPSHOT)) == 0)
		return "";
	return strcmp(confidence, finding_confidence_name(CONFIDENCE_NONE)) == 0 ? "cause not known" : confidence;
}

const char *words_verdict(struct words *words, const char *class, const char *confidence)
{
	const char *sure = words_sureness(class, confidence);

	return sure[0] ? put(words, "%s (%s)", class, sure) : put(words, "%s", class);
}

const char *words_signal(struct words *words, int number)
{
	const char *abbreviation = sigabbrev_np(number);

	if (number == 0)
		return put(words, "exit");
	if (abbreviation)
		return put(words, "SIG%s", abbreviation);
	return put(words, "signal %d", number);
}

/* include/uapi/asm-generic/siginfo.h */
static const struct code_name {
	int number; /* 0: any signal */
	int code;
	const char *name;
} code_names[] = {
	{0, SI_USER, "SI_USER"},     {0, SI_KERNEL, "SI_KERNEL"},  {0, SI_QUEUE, "SI_QUEUE"},
	{0, SI_TKILL, "SI_TKILL"},   {0, SI_TIMER, "SI_TIMER"},	   {SIGSEGV, 1, "SEGV_MAPERR"},
	{SIGSEGV, 2, "SEGV_ACCERR"}, {SIGSEGV, 3, "SEGV_BNDERR"},  {SIGSEGV, 4, "SEGV_PKUERR"},
	{SIGSEGV, 10, "SEGV_CPERR"}, {SIGBUS, 1, "BUS_ADRALN"},	   {SIGBUS, 2, "BUS_ADRERR"},
	{SIGBUS, 3, "BUS_OBJERR"},   {SIGBUS, 4, "BUS_MCEERR_AR"}, {SIGBUS, 5, "BUS_MCEERR_AO"},
	{SIGILL, 1, "ILL_ILLOPC"},   {SIGILL, 2, "ILL_ILLOPN"},	   {SIGILL, 3, "ILL_ILLADR"},
	{SIGILL, 4, "ILL_ILLTRP"},   {SIGILL, 5, "ILL_PRVOPC"},	   {SIGFPE, 1, "FPE_INTDIV"},
	{SIGFPE, 2, "FPE_INTOVF"},   {SIGFPE, 3, "FPE_FLTDIV"},	   {SIGFPE, 4, "FPE_FLTOVF"},
	{SIGFPE, 5, "FPE_FLTUND"},   {SIGFPE, 6, "FPE_FLTRES"},	   {SIGFPE, 7, "FPE_FLTINV"},
	{SIGTRAP, 1, "TRAP_BRKPT"},  {SIGTRAP, 2, "TRAP_TRACE"},   {SIGSYS, 1, "SYS_SECCOMP"},
};

const char *words_signal_code(struct words *words, int number, int code)
{
	if (number == 0)
		return put(words, "status %d", code >> 8 & 0xff);
	for (size_t i = 0; i < array_size(code_names); i++) {
		if ((code_names[i].number == 0 || code_names[i].number == number) && code_names[i].code == code)
			return put(words, "%s", code_names[i].name);
	}
	return put(words, "code %d", code);
}

const char *words_signal_origin(struct words *words, const struct crash_signal *signal)
{
	if (signal->number && signal->only_number)
		return put(words, "no siginfo");
	return words_signal_code(words, signal->number, signal->code);
}

const char *words_did(enum access_kind access)
{
	static const char *const names[] = {"used", "read", "wrote", "jumped to"};

	return names[access];
}

const char *words_access(enum access_kind access)
{
	static const char *const names[] = {"access", "read", "write", "execute"};

	return names[access];
}
