/* SPDX-License-Identifier: MIT */
/*
 * assertion-failure: the program checked something with an assertion, it did not hold, and the assertion's own function
 * aborted.
 *
 * What is seen: SIGABRT that the process sent to itself, from a function that only a failed assertion calls (the list
 * is in ending.c), or the words that glibc keeps of one: "PROGRAM: FILE:LINE: FUNCTION: Assertion `EXPRESSION' failed."
 * (glibc assert/assert.c). GLib's are "FILE:LINE:FUNCTION: assertion failed: (EXPRESSION)".
 *
 * Near misses: abort() after a check of the program's own, which is a deliberate abort; the C library's own complaints
 * about its heap or a canary, whose words are others; a message that has these words but is the heap's.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"

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

static struct error *set_summary(const struct crash *crash, const struct ending *ending,
				 const struct assertion *assertion, bool has_text, struct finding *finding)
{
	struct words caller;

	evidence_frame_words(&caller, crash, ending->kind == ENDING_ASSERT ? ending->caller : SIZE_MAX);
	if (has_text && assertion->is_errno)
		return finding_set_summary(finding, "The assertion that there is no error failed%s%s: %s%s%s%s.",
					   assertion->function[0] ? " in " : "", assertion->function,
					   assertion->expression, assertion->place[0] ? " (" : "", assertion->place,
					   assertion->place[0] ? ")" : "");
	if (has_text)
		return finding_set_summary(finding, "The assertion \"%s\" failed%s%s%s%s%s.", assertion->expression,
					   assertion->function[0] ? " in " : "", assertion->function,
					   assertion->place[0] ? " (" : "", assertion->place,
					   assertion->place[0] ? ")" : "");
	if (caller.text[0])
		return finding_set_summary(finding, "An assertion failed in %s; its text is not kept in the core.",
					   caller.text);
	return finding_set_summary(finding, "An assertion failed; its text is not kept in the core.");
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
	/* The C library's own assertions are about its heap. */
	if (message && (strstr(message, "malloc.c:") || strstr(message, "arena.c:")))
		return NULL;
	has_text = message && (parse_glibc(message, &assertion) || parse_glib(message, &assertion));
	if (ending.kind != ENDING_ASSERT && !(has_text && ending.kind <= ENDING_LIBRARY))
		return NULL;
	err = finding_append(findings, FINDING_ASSERTION_FAILURE, &finding);
	if (err)
		return err;
	finding->confidence = ending.kind == ENDING_ASSERT ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY;
	err = set_summary(crash, &ending, &assertion, has_text, finding);
	if (!err && has_text)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "it said: %s", message);
	if (!err && ending.kind == ENDING_ASSERT) {
		err = evidence_add_crash_frame(crash, finding, ending.teller, "the assertion's own function")
			?: evidence_add_crash_frame(crash, finding, ending.caller, "called by")
			?: evidence_set_frame_offender(crash, finding, ending.caller);
	} else if (!err) {
		err = finding_add_missing(finding, "the frame of the assertion's function: the stack does not show it");
		if (!err && assertion.function[0])
			err = finding_set_offender(finding, "%s %s",
						   crash->facts.executable ? words_base_name(crash->facts.executable)
									   : crash->facts.comm,
						   assertion.function);
	}
	return err
		?: evidence_add_signal(crash, finding)
		?: finding_set_next_step(finding, "look at the values that the assertion is about, in the frame of "
						  "its caller");
}
