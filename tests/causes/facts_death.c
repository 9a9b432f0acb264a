/* SPDX-License-Identifier: MIT */
/* Lines about the signal, what faulted, and when. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/causes/facts_parser.h"

/* signal NAME [untrustworthy] [at ADDRESS] [from PID] */
static void read_signal(struct parser *parser)
{
	static const struct {
		const char *name;
		int number, code;
	} signals[] = {
		{"SEGV_MAPERR", SIGSEGV, SEGV_MAPERR}, {"SEGV_ACCERR", SIGSEGV, SEGV_ACCERR},
		{"BUS_ADRERR", SIGBUS, BUS_ADRERR},    {"SEGV_KERNEL", SIGSEGV, SI_KERNEL},
		{"SEGV_USER", SIGSEGV, SI_USER},       {"ABRT_TKILL", SIGABRT, SI_TKILL},
		{"SEGV_TKILL", SIGSEGV, SI_TKILL},     {"SEGV_PKUERR", SIGSEGV, SEGV_PKUERR},
		{"BUS_KERNEL", SIGBUS, SI_KERNEL},     {"ILL_ILLOPN", SIGILL, ILL_ILLOPN},
		{"FPE_INTDIV", SIGFPE, FPE_INTDIV},    {"FPE_FLTDIV", SIGFPE, FPE_FLTDIV},
		{"FPE_FLTINV", SIGFPE, FPE_FLTINV},    {"FPE_USER", SIGFPE, SI_USER},
		{"ILL_USER", SIGILL, SI_USER},	       {"TRAP_KERNEL", SIGTRAP, SI_KERNEL},
		{"ILL_KERNEL", SIGILL, SI_KERNEL},     {"SYS_SECCOMP", SIGSYS, 1},
	};
	struct crash_signal *signal = &parser->crash->facts.signal;
	char word[32];

	facts_read_word(parser, word, sizeof(word));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcmp(word, signals[i].name) == 0) {
			signal->number = signals[i].number;
			signal->code = signals[i].code;
		}
	}
	if (!signal->number)
		facts_fail(parser, "unknown signal: \"%s\"", word);
	signal->trustworthy = signal->code > 0 && signal->code != SI_KERNEL;
	if (facts_accept(parser, "untrustworthy"))
		signal->trustworthy = false;
	if (facts_accept(parser, "at")) {
		signal->address = facts_read_number(parser);
		signal->has_address = true;
	}
	if (facts_accept(parser, "from"))
		signal->sender_pid = (uint32_t)facts_read_number(parser);
	parser->has_signal = true;
}

/* fault ADDRESS read|write|execute [from-instruction] [not-a-fault] */
static void read_fault(struct parser *parser)
{
	struct fault *fault = &parser->crash->facts.fault;

	fault->address = facts_read_number(parser);
	fault->is_fault = true;
	fault->source = ADDRESS_SIGNAL;
	if (facts_accept(parser, "read"))
		fault->access = ACCESS_READ;
	else if (facts_accept(parser, "write"))
		fault->access = ACCESS_WRITE;
	else if (facts_accept(parser, "execute"))
		fault->access = ACCESS_EXECUTE;
	else
		facts_fail(parser, "expected read, write or execute before \"%s\"", parser->at);
	if (facts_accept(parser, "from-instruction"))
		fault->source = ADDRESS_INSTRUCTION;
	if (facts_accept(parser, "not-a-fault"))
		fault->is_fault = false;
	parser->crash->facts.signal.has_address = fault->source == ADDRESS_SIGNAL;
	parser->crash->facts.signal.address = parser->crash->facts.signal.has_address ? fault->address : 0;
}

/* The signal so far is what a handler was called for; behind the death stands what the handler's process died of. */
static void set_mapped_since(struct crash *crash)
{
	struct fault *fault = &crash->facts.fault;

	fault->mapping_known = fault->mapped_since = fault->in_handler = true;
	fault->signal = crash->facts.signal;
}

/* page mapped|unmapped|mapped-since|no-core */
static void read_page(struct parser *parser)
{
	struct crash *crash = parser->crash;

	if (facts_accept(parser, "mapped-since"))
		set_mapped_since(crash);
	else if (facts_accept(parser, "mapped"))
		crash->facts.fault.mapped = crash->facts.fault.mapping_known = true;
	else if (facts_accept(parser, "unmapped"))
		crash->facts.fault.mapping_known = true;
	else if (!facts_accept(parser, "no-core"))
		facts_fail(parser, "expected mapped, unmapped, mapped-since or no-core before \"%s\"", parser->at);
	parser->has_page = true;
}

/* death TIME THREAD | death unrecorded THREAD */
static void read_death(struct parser *parser)
{
	struct crash *crash = parser->crash;

	if (!facts_accept(parser, "unrecorded")) {
		crash->record.time_ns = facts_read_time(parser);
		crash->record.has_signal_event = true;
		crash->record.signal_event.id = 1;
		crash->record.signal_event.time_ns = crash->record.time_ns;
	}
	crash->facts.tid = (uint32_t)facts_read_number(parser);
	crash->facts.pid = crash->facts.tid;
	if (crash->record.has_signal_event)
		crash->record.signal_event.tid = crash->facts.tid;
	parser->has_death = true;
}

bool facts_read_death_line(struct parser *parser, const char *keyword)
{
	static const struct facts_line lines[] = {
		{"signal", read_signal},
		{"fault", read_fault},
		{"page", read_page},
		{"death", read_death},
	};

	return facts_read_by(lines, sizeof(lines) / sizeof(lines[0]), parser, keyword);
}
