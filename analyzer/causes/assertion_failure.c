/* SPDX-License-Identifier: MIT */
/*
 * assertion-failure: the program checked something with an assertion, it did not hold, and the assertion's own function
 * aborted.
 *
 * What is seen: SIGABRT that the process sent to itself, from a function that only a failed assertion calls (the list
 * is in ending.c), or the words that glibc keeps of one: "PROGRAM: FILE:LINE: FUNCTION: Assertion `EXPRESSION' failed."
 * (glibc assert/assert.c). GLib's are "FILE:LINE:FUNCTION: assertion failed: (EXPRESSION)".
 *
 * What it could be mistaken for: abort() after a check of the program's own, which is a deliberate abort; the C
 * library's complaints about its heap or a canary, whose words are others; a message that has these words but is the
 * heap's.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"

static const char *const alternatives[] = {"other-abort", "library-complaint", "guessed-frames", NULL};

const struct link_kind link_failed_assertion = {"failed-assertion", FINDING_ASSERTION_FAILURE, alternatives};

struct assertion {
	char expression[400];
	char place[200];    /* "file.c:12" */
	char function[200]; /* "" when not said */
	bool is_errno;	    /* assert_perror: the expression is an error's text */
};

static void take(char *out, size_t size, const char *from, size_t length)
{
	snprintf(out, size, "%.*s", (int)(length < size ? length : size - 1), from);
}

/* What stands between the last ": " before `end` and `end`; moves *end to before that mark. */
static void take_last_part(const char *message, const char **end, char *out, size_t size)
{
	const char *start = *end;

	while (start > message && !(start[-1] == ' ' && start - 1 > message && start[-2] == ':'))
		start--;
	take(out, size, start, (size_t)(*end - start));
	*end = start - message >= 2 ? start - 2 : message;
}

/* "file.c:12" */
static bool is_place(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

/* "prog: file.c:12: func: Assertion `x' failed." The function may be left out, and may hold blanks (C++). */
static bool parse_glibc(const char *message, struct assertion *assertion)
{
	const char *mark = strstr(message, "Assertion `"), *end, *tail;

	assertion->is_errno = !mark;
	if (!mark)
		mark = strstr(message, "Unexpected error: ");
	if (!mark)
		return false;
	end = strchr(mark, assertion->is_errno ? ':' : '`');
	end += assertion->is_errno ? 2 : 1;
	tail = assertion->is_errno ? mark + strlen(mark) : strstr(end, "' failed");
	for (const char *next = tail; next && !assertion->is_errno; next = strstr(next + 1, "' failed"))
		tail = next; /* an expression may hold these words itself */
	if (!tail)
		return false;
	if (assertion->is_errno && tail[-1] == '.')
		tail--;
	take(assertion->expression, sizeof(assertion->expression), end, (size_t)(tail - end));
	if (mark - message < 2)
		return true;
	end = mark - 2;
	take_last_part(message, &end, assertion->function, sizeof(assertion->function));
	if (end > message && !is_place(assertion->function)) {
		take_last_part(message, &end, assertion->place, sizeof(assertion->place));
	} else {
		snprintf(assertion->place, sizeof(assertion->place), "%s", assertion->function);
		assertion->function[0] = 0;
	}
	return true;
}

/* "ERROR:file.c:12:func: assertion failed: (x)" */
static bool parse_glib(const char *message, struct assertion *assertion)
{
	static const char mark[] = ": assertion failed";
	const char *start = strstr(message, "ERROR:"), *end = strstr(message, mark), *colon;

	if (!start || !end || end < start)
		return false;
	start += strlen("ERROR:");
	colon = memrchr(start, ':', (size_t)(end - start));
	if (colon) {
		take(assertion->place, sizeof(assertion->place), start, (size_t)(colon - start));
		take(assertion->function, sizeof(assertion->function), colon + 1, (size_t)(end - colon - 1));
	}
	end += strlen(mark);
	end += strspn(end, ": (");
	take(assertion->expression, sizeof(assertion->expression), end, strcspn(end, "\n"));
	if (assertion->expression[0] && assertion->expression[strlen(assertion->expression) - 1] == ')')
		assertion->expression[strlen(assertion->expression) - 1] = 0;
	return true;
}

/* The program's function that holds the assertion: by its frame, else by the message; "" for neither. */
static void name_caller(const struct crash *crash, const struct ending *ending, const struct assertion *assertion,
			struct words *ret)
{
	evidence_frame_words(ret, crash, ending->kind == ENDING_ASSERT ? ending->caller : SIZE_MAX);
	if (!ret->text[0])
		snprintf(ret->text, sizeof(ret->text), "%s", assertion->function);
}

static struct error *summarize(const struct crash *crash, const struct ending *ending,
			       const struct assertion *assertion, bool has_text, struct finding *finding)
{
	const char *in = assertion->function[0] ? " in " : "";
	bool placed = assertion->place[0];
	struct words caller;

	if (has_text && assertion->is_errno)
		return finding_set_summary(finding, "Assertion failed%s%s: unexpected error: %s%s%s%s.", in,
					   assertion->function, assertion->expression, placed ? " (" : "",
					   assertion->place, placed ? ")" : "");
	if (has_text)
		return finding_set_summary(finding, "Assertion \"%s\" failed%s%s%s%s%s.", assertion->expression, in,
					   assertion->function, placed ? " (" : "", assertion->place,
					   placed ? ")" : "");
	name_caller(crash, ending, assertion, &caller);
	return finding_set_summary(finding, "An assertion failed%s%s; the core does not hold its text.",
				   caller.text[0] ? " in " : "", caller.text);
}

/* Did something else abort, with the C library's words of an earlier assertion still in memory? */
static struct error *examine_abort(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	if (ending->kind == ENDING_ASSERT)
		return link_rule_out(finding, "other-abort", EVIDENCE_FRAME, (int64_t)ending->teller,
				     stack->frames[ending->teller].pc, "the assertion's function called abort");
	return finding_add_missing(finding, "the frame of the assertion's function: the stack does not show it")
		       ?: link_leave_unseen(finding, "other-abort", "the stack does not show what called abort");
}

/* The C library's own assertions are about its heap, and were sorted out by the message. */
static struct error *examine_library(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	if (crash->core.abort_message)
		return link_rule_out(finding, "library-complaint", EVIDENCE_MEMORY, 0, 0,
				     "the C library's message names no file of its own");
	return link_rule_out(finding, "library-complaint", EVIDENCE_FRAME, (int64_t)ending->teller,
			     crash->facts.stacks.threads[0].frames[ending->teller].pc,
			     "the assertion's function is not the C library's own check");
}

static struct error *append_links(const struct crash *crash, const struct ending *ending, bool has_text,
				  struct finding *finding)
{
	bool shown = ending->kind == ENDING_ASSERT;
	size_t last = !shown ? ending->first : ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	struct node node = crash->facts.stacks.thread_count && last < crash->facts.stacks.threads[0].frame_count
				   ? link_frame_node(crash, last)
				   : (struct node){.kind = NODE_CODE, .id = -1};
	struct error *err = NULL;

	if (ending->kind != ENDING_NONE)
		err = link_append_own_signal(crash, ending, finding);
	err = err ?: link_append(finding, &link_failed_assertion, BASIS_COMPUTED, node, "a failed assertion aborted");
	if (!err && ending->kind == ENDING_NONE)
		err = evidence_add_signal(crash, finding);
	if (!err && has_text)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "the C library printed: %s",
					   crash->core.abort_message);
	if (!err && shown)
		err = evidence_add_crash_frame(crash, finding, ending->teller, "the assertion's own function")
			      ?: evidence_add_crash_frame(crash, finding, ending->caller, "called by");
	err = err ?: examine_abort(crash, ending, finding) ?: examine_library(crash, ending, finding);
	if (!err && !shown)
		return link_leave_unseen(finding, "guessed-frames", "the stack does not show the assertion's function");
	return err ?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last);
}

struct error *cause_assertion_failure(const struct crash *crash, struct finding_list *findings)
{
	const char *message = crash->core.abort_message;
	struct assertion assertion = {0};
	struct finding *finding;
	struct ending ending;
	bool has_text;
	struct error *err;

	ending_find(crash, &ending);
	if (crash->facts.signal.number != SIGABRT || !ending.own)
		return NULL;
	if (message && (strstr(message, "malloc.c:") || strstr(message, "arena.c:")))
		return NULL;
	has_text = message && (parse_glibc(message, &assertion) || parse_glib(message, &assertion));
	if (ending.kind != ENDING_ASSERT && !(has_text && ending.kind <= ENDING_LIBRARY))
		return NULL;
	err = finding_append(findings, FINDING_ASSERTION_FAILURE, &finding)
		      ?: append_links(crash, &ending, has_text, finding)
		      ?: summarize(crash, &ending, &assertion, has_text, finding);
	if (!err && ending.kind == ENDING_ASSERT)
		err = evidence_accuse_frame(crash, finding, ending.caller);
	return err
		       ?: finding_set_next_step(finding,
						"which values did the assertion check, in the frame of its caller?");
}
