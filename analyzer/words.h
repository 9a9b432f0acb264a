/* SPDX-License-Identifier: MIT */
/* Facts in words, the same everywhere: durations, times, events. Pure; each returns a pointer into the caller's buffer.
 */
#ifndef ANALYZER_WORDS_H
#define ANALYZER_WORDS_H

#include <stdint.h>

#include "analyzer/crash.h"

struct words {
	char text[512];
};

/* "812 ns", "3.2 us", "14.1 ms", "2.50 s", "3 min 12 s", "5 h 02 min". */
const char *words_duration(struct words *words, uint64_t ns);

/* "1 byte", "612 bytes", "20.1 KiB", "8.0 MiB", "2.5 GiB". */
const char *words_bytes(struct words *words, uint64_t bytes);

/* How sure the verdict is: "proven", "cause not known" of an end, "" of what says so itself ("unknown", "snapshot").
 * The names are those of findings[0] in the JSON; `confidence` is NULL when it is not known. */
const char *words_sureness(const char *class, const char *confidence);

/* The two together: "double-munmap (proven)", "null-dereference (cause not known)", "unknown". */
const char *words_verdict(struct words *words, const char *class, const char *confidence);

/* "203.1 ms before the crash". */
const char *words_before_crash(struct words *words, const struct crash *crash, uint64_t time_ns);

/* "munmap(0x7f…, 578560) = 0", "mmap(NULL, …) = -1 ENOMEM": the call as strace writes it. words_call.c. */
const char *words_call(struct words *words, const struct memory_event *event);

/* Who made the call of biography event `index`: "libwalker.so walker_step+0x12 (walker.c:31)", as far as it is known;
 * the instruction's address when nothing is. */
const char *words_caller(struct words *words, const struct biography *biography, size_t index);

/* The same for a context that is not of the biography; "" when nothing is known. */
const char *words_context(struct words *words, const struct event_context *context);

/* The module of whoever made it ("libwalker.so"), or NULL. */
const char *words_caller_module(struct words *words, const struct biography *biography, size_t index);

/* "between markers 8888 and 9999", "after marker 2222", or "". */
const char *words_markers(struct words *words, const struct event_context *context);

/* "libc.so.6 read+0x1c (file.c:12)" for a symbol, or "" when it has no module. */
const char *words_symbol(struct words *words, const struct symbol *symbol);

/* What a function is called, for a person: "parse_item", "ns::Class::method". Mangled names of C++ and Rust lose their
 * parameters and hashes; "" without a name. */
const char *words_function(struct words *words, const struct symbol *symbol);

/* The code at a symbol, for a signature: module and function, or module and offset; nothing that changes from run to
 * run. "" when it has no module. */
const char *words_code(struct words *words, const struct symbol *symbol);

/* "session_find returned 0x0 to session_send": how the function to blame made the bad value (facts/blame.h); "" where
 * that is not known. words_blame.c. */
const char *words_blame(struct words *words, const struct crash *crash);

/* The last component of a path. */
const char *words_base_name(const char *path);

/* "rw-" for PROT_* bits, "???" for -1. */
const char *words_protection(struct words *words, int protection);

/* "SIGSEGV", "SEGV_MAPERR"; "signal 77" and "code 99" for what has no name. */
const char *words_signal(struct words *words, int number);
const char *words_signal_code(struct words *words, int number, int code);

/* The same of a crash's signal; "no siginfo" where only its number is known. */
const char *words_signal_origin(struct words *words, const struct crash_signal *signal);

/* "read", "write", "execute", "access". */
const char *words_access(enum access_kind access);

/* "used", "read", "wrote", "jumped to". */
const char *words_did(enum access_kind access);

#endif
