/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/ending.h"

#include <signal.h>
#include <string.h>

#include "analyzer/words.h"
#include "common/array.h"

/* Frames without a telling name between two of the known way: helpers, handlers that a program has set itself. */
#define GAP_MAX 3
#define SEARCH_MAX 40

enum match { EXACT, PREFIX, INSIDE };

struct row {
	enum match match;
	enum ending_kind kind;
	const char *name;
};

/* glibc, musl; libstdc++, libc++; GLib, Boost, Qt, glog and Abseil; rustc; gc. */
static const struct row rows[] = {
	{EXACT, ENDING_PLAIN, "raise"},
	{EXACT, ENDING_PLAIN, "gsignal"},
	{EXACT, ENDING_PLAIN, "abort"},
	{EXACT, ENDING_PLAIN, "kill"},
	{EXACT, ENDING_PLAIN, "killpg"},
	{EXACT, ENDING_PLAIN, "tgkill"},
	{EXACT, ENDING_PLAIN, "syscall"},
	{EXACT, ENDING_PLAIN, "sigqueue"},
	{EXACT, ENDING_PLAIN, "pthread_kill"},
	{EXACT, ENDING_PLAIN, "pthread_sigqueue"},
	{PREFIX, ENDING_PLAIN, "__pthread_kill"},
	{EXACT, ENDING_PLAIN, "runtime.raise"},
	{EXACT, ENDING_PLAIN, "runtime.raise.abi0"},
	{EXACT, ENDING_PLAIN, "runtime.dieFromSignal"},
	{EXACT, ENDING_PLAIN, "runtime.crash"},
	{INSIDE, ENDING_PLAIN, "14abort_internal"},
	{INSIDE, ENDING_PLAIN, "3std7process5abort"},
	{EXACT, ENDING_LIBRARY, "__libc_message"},
	{EXACT, ENDING_LIBRARY, "__libc_message_impl"},
	{EXACT, ENDING_LIBRARY, "__libc_fatal"},
	{EXACT, ENDING_LIBRARY, "malloc_printerr"},
	{EXACT, ENDING_LIBRARY, "__fortify_fail"},
	{PREFIX, ENDING_SANITIZER, "_ZN11__sanitizer"},
	{PREFIX, ENDING_SANITIZER, "_ZN6__asan"},
	{PREFIX, ENDING_SANITIZER, "_ZN6__lsan"},
	{PREFIX, ENDING_SANITIZER, "_ZN6__msan"},
	{PREFIX, ENDING_SANITIZER, "_ZN6__tsan"},
	{PREFIX, ENDING_SANITIZER, "_ZN7__ubsan"},
	{PREFIX, ENDING_SANITIZER, "_ZN8__hwasan"},
	{PREFIX, ENDING_SANITIZER, "__asan_"},
	{PREFIX, ENDING_SANITIZER, "__hwasan_"},
	{PREFIX, ENDING_SANITIZER, "__msan_"},
	{PREFIX, ENDING_SANITIZER, "__tsan_"},
	{PREFIX, ENDING_SANITIZER, "__ubsan_"},
	{EXACT, ENDING_CANARY, "__stack_chk_fail"},
	{EXACT, ENDING_CANARY, "__stack_chk_fail_local"},
	{EXACT, ENDING_FORTIFY, "__chk_fail"},
	{EXACT, ENDING_ASSERT, "__assert_fail_base"},
	{EXACT, ENDING_ASSERT, "__assert_fail"},
	{EXACT, ENDING_ASSERT, "__assert_perror_fail"},
	{EXACT, ENDING_ASSERT, "__assert"},
	{PREFIX, ENDING_ASSERT, "g_assertion_message"},
	{PREFIX, ENDING_ASSERT, "_ZSt21__glibcxx_assert_fail"},
	{PREFIX, ENDING_ASSERT, "_ZSt20__replacement_assert"},
	{INSIDE, ENDING_ASSERT, "__libcpp_verbose_abort"},
	{PREFIX, ENDING_ASSERT, "_ZN5boost16assertion_failed"},
	{PREFIX, ENDING_ASSERT, "_Z9qt_assert"},
	{INSIDE, ENDING_ASSERT, "LogMessageFatal"},
	{INSIDE, ENDING_ASSERT, "11__gnu_debug16_Error_formatter8_M_error"},
	{EXACT, ENDING_TERMINATE, "_ZSt9terminatev"},
	{EXACT, ENDING_TERMINATE, "_ZSt11__terminatePFvvE"},
	{EXACT, ENDING_TERMINATE, "_ZN10__cxxabiv111__terminateEPFvvE"},
	{PREFIX, ENDING_TERMINATE, "_ZN9__gnu_cxx27__verbose_terminate_handlerEv"},
	{EXACT, ENDING_TERMINATE, "__clang_call_terminate"},
	{EXACT, ENDING_TERMINATE, "__cxa_call_terminate"},
	{PREFIX, ENDING_TERMINATE, "__gxx_personality"}, /* it calls __cxa_call_terminate, which is not exported */
	{INSIDE, ENDING_RUST_PANIC, "rust_panic"},
	{INSIDE, ENDING_RUST_PANIC, "__rust_start_panic"},
	{INSIDE, ENDING_RUST_PANIC, "12___rust_abort"},
	{INSIDE, ENDING_RUST_PANIC, "rust_begin_unwind"},
	{INSIDE, ENDING_RUST_PANIC, "4core9panicking"},
	{INSIDE, ENDING_RUST_PANIC, "3std9panicking"},
	{INSIDE, ENDING_RUST_PANIC, "__rust_end_short_backtrace"},
	{EXACT, ENDING_GO_PANIC, "runtime.fatalpanic"},
	{EXACT, ENDING_GO_PANIC, "runtime.gopanic"},
	{EXACT, ENDING_GO_THROW, "runtime.throw"},
	{EXACT, ENDING_GO_THROW, "runtime.fatal"},
	{EXACT, ENDING_GO_THROW, "runtime.fatalthrow"},
};

bool ending_is_function(const struct frame *frame, const char *name)
{
	const char *function = frame->symbol.function;
	size_t length = strlen(name);

	if (!function)
		return false;
	if (strncmp(function, "__GI_", 5) == 0)
		function += 5;
	/* What the compiler splits off gets a point and a reason. A name with points of its own is matched whole. */
	return strncmp(function, name, length) == 0 && (!function[length] || function[length] == '.');
}

static const struct row *find_row(const struct frame *frame)
{
	const char *function = frame->symbol.function;

	for (size_t i = 0; function && i < array_size(rows); i++) {
		const struct row *row = &rows[i];

		if (row->match == EXACT	   ? ending_is_function(frame, row->name)
		    : row->match == PREFIX ? strncmp(function, row->name, strlen(row->name)) == 0
					   : strstr(function, row->name) != NULL)
			return row;
	}
	return NULL;
}

static bool is_runtime_library(const char *module)
{
	static const char *const libraries[] = {"libstdc++.so", "libgcc_s.so", "libc++", "libunwind.so",
						"libc.so",	"ld-linux",    "libc-2."};
	const char *name = module ? words_base_name(module) : "";

	for (size_t i = 0; i < array_size(libraries); i++) {
		if (strncmp(name, libraries[i], strlen(libraries[i])) == 0)
			return true;
	}
	return false;
}

static bool is_c_library(const char *module)
{
	const char *name = module ? words_base_name(module) : "";

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2.", 7) == 0;
}

bool ending_is_runtime(const struct frame *frame)
{
	static const char *const prefixes[] = {
		"__cxa_",   "_Unwind_", "__gxx_",  "_ZSt",	"_ZNSt",  "_ZNKSt",  "_ZN9__gnu_cxx", "_ZN10__cxxabiv1",
		"runtime.", "_ZN4core", "_ZN3std", "_ZN5alloc", "__rust", "__libc_", "__clang_call"};
	/* Rust's newer names begin with the path's shape and the crate's hash. */
	static const char *const crates[] = {"_4core", "_3std", "_5alloc"};
	const char *function = frame->symbol.function;

	if (is_runtime_library(frame->symbol.module))
		return true;
	if (!function)
		return false;
	for (size_t i = 0; i < array_size(prefixes); i++) {
		if (strncmp(function, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	/* Checked functions of the C library, in a static program. */
	if (strncmp(function, "__", 2) == 0 && strlen(function) > 6 &&
	    strcmp(function + strlen(function) - 4, "_chk") == 0)
		return true;
	for (size_t i = 0; strncmp(function, "_R", 2) == 0 && i < array_size(crates); i++) {
		if (strstr(function, crates[i]))
			return true;
	}
	return find_row(frame) != NULL;
}

bool ending_is_own_signal(const struct crash *crash, const struct crash_signal *signal)
{
	return (signal->code == SI_USER || signal->code == SI_TKILL || signal->code == SI_QUEUE) &&
	       signal->sender_pid != 0 && signal->sender_pid == crash->facts.pid;
}

/* Handlers that ran because the process had sent itself a signal stand on top of the way that is looked for. */
static void skip_own_handlers(const struct crash *crash, struct ending *ending)
{
	for (size_t i = 0; i < crash->facts.interruption_count; i++) {
		const struct interruption *interruption = &crash->facts.interruptions[i];

		/* A signal to itself that arrived elsewhere was not sent by what it interrupted. */
		if (!ending_is_own_signal(crash, &interruption->signal) || !interruption->sends) {
			ending->in_handler = true;
			ending->interruption = i;
			return;
		}
		ending->first = interruption->frame;
	}
}

static bool is_gone(const struct crash *crash, const struct frame *frame)
{
	for (size_t i = 0; frame->symbol.module && i < crash->core.gone_module_count; i++) {
		if (strcmp(crash->core.gone_modules[i], frame->symbol.module) == 0)
			return true;
	}
	return false;
}

static void lose_way(const struct crash *crash, size_t frame, struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	bool is_there = frame < stack->frame_count && stack->frames[frame].trust != FRAME_LOST;

	ending->lost = is_there && is_gone(crash, &stack->frames[frame]) ? LOST_GONE : LOST_NAMELESS;
	ending->lost_frame = is_there ? frame : SIZE_MAX;
}

/* Follows the known names from `first` on. Only the C library's exported functions may have a name: those between them
 * and the system call are passed over. */
static void follow_names(const struct crash *crash, size_t end, struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	size_t gap = 0;

	for (size_t i = ending->first; i < end && i < ending->first + SEARCH_MAX && gap <= GAP_MAX; i++) {
		const struct row *row = find_row(&stack->frames[i]);

		if (row && !(row->kind == ENDING_PLAIN && gap && ending->kind != ENDING_NONE)) {
			gap = 0;
			ending->teller = i;
			if (row->kind > ENDING_PLAIN || ending->kind == ENDING_NONE)
				ending->kind = row->kind;
			continue;
		}
		if (ending->kind == ENDING_NONE &&
		    (stack->frames[i].symbol.function || is_gone(crash, &stack->frames[i])))
			return;
		gap++;
	}
}

/* The function that the thread sent the signal in is none of a library's: it made the system call itself. */
static void take_own_call(const struct crash *crash, struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	if (ending->first >= stack->frame_count || !stack->frames[ending->first].symbol.function) {
		lose_way(crash, ending->first, ending);
		return;
	}
	ending->kind = ENDING_PLAIN;
	ending->teller = ending->first;
	if (!ending_is_runtime(&stack->frames[ending->first]))
		ending->caller = ending->first;
}

/* No runtime ends a program in that way: whoever called it, it is the program's own decision. */
static bool is_explicit(const struct crash *crash, const struct frame *teller)
{
	return crash->facts.signal.number != SIGABRT || ending_is_function(teller, "kill") ||
	       ending_is_function(teller, "killpg") || ending_is_function(teller, "sigqueue");
}

/* abort() is also how runtimes end a program: who called it must be known by name. */
static void check_caller(const struct crash *crash, size_t end, struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	size_t direct = ending->teller + 1;

	if (is_explicit(crash, &stack->frames[ending->teller]))
		return;
	if (direct < end && stack->frames[direct].trust != FRAME_LOST && stack->frames[direct].symbol.function)
		return;
	if (direct >= end && ending->in_handler)
		return;
	lose_way(crash, direct, ending);
	/* The C library's own functions that are not exported: what it objects to ends there. */
	if (ending->lost == LOST_NAMELESS && ending->lost_frame != SIZE_MAX && !ending->in_handler &&
	    is_c_library(stack->frames[direct].symbol.module))
		ending->kind = ENDING_LIBRARY;
}

void ending_find(const struct crash *crash, struct ending *ret_ending)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	bool recorded = crash->record.has_sender && crash->record.sender.pid == crash->record.process.pid;
	/* With sigqueue the sender chooses the id that siginfo has: it may be the receiver's. */
	bool by_another = crash->record.has_sender && !recorded;
	size_t end;

	*ret_ending = (struct ending){.teller = SIZE_MAX, .caller = SIZE_MAX, .lost_frame = SIZE_MAX};
	ret_ending->sends = crash->facts.sending.crashed != 0;
	/* Where there is no siginfo, the call that the thread is in is the word that there is. */
	ret_ending->own = recorded || (crash->facts.signal.only_number
					       ? !crash->record.has_sender && ret_ending->sends
					       : !by_another && ending_is_own_signal(crash, &crash->facts.signal));
	if (!stack)
		return;
	skip_own_handlers(crash, ret_ending);
	/* Its frames tell of something else. */
	if (ret_ending->own && !ret_ending->sends)
		return;
	end = ret_ending->in_handler ? crash->facts.interruptions[ret_ending->interruption].frame : stack->frame_count;
	follow_names(crash, end, ret_ending);
	if (ret_ending->kind == ENDING_NONE && ret_ending->own)
		take_own_call(crash, ret_ending);
	if (ret_ending->teller == SIZE_MAX)
		return;
	for (size_t i = ret_ending->teller + 1; i < end && ret_ending->caller == SIZE_MAX; i++) {
		if (!ending_is_runtime(&stack->frames[i]))
			ret_ending->caller = i;
	}
	if (ret_ending->own && ret_ending->kind == ENDING_PLAIN && ret_ending->caller != ret_ending->teller)
		check_caller(crash, end, ret_ending);
}
