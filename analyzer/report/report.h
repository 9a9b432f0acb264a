/* SPDX-License-Identifier: MIT */
/*
 * The report: a crash and its findings, rendered. One shape, several forms; each form is one function that writes to a
 * stream and decides nothing.
 */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/signature.h"

#define REPORT_SCHEMA_VERSION 2

struct report {
	const struct crash *crash;
	const struct finding_list *findings;
	char signature[SIGNATURE_HEX]; /* signatures.any */
	struct signatures signatures;
	bool one_line; /* JSON without line breaks and indentation; false unless somebody sets it */
};

/* The signatures are those of signature.h. */
void report_init(struct report *report, const struct crash *crash, const struct finding_list *findings);

/* The width of lines where nobody says another. */
#define REPORT_COLUMNS 80

struct report_style {
	bool colour;
	bool all;	  /* every thread and every event, not the first few */
	unsigned columns; /* lines are wrapped to this width where they can be; 0: REPORT_COLUMNS */
};

/* For a person: the verdict first, then its story in the order of time, the stack, who it was, the chain. */
void report_write_text(const struct report *report, const struct report_style *style, FILE *out);

/* Only who died, when and how; no judgement. */
void report_write_facts(const struct report *report, FILE *out);

/* Only the stacks, as `corelate stack` shows them. */
void report_write_stacks(const struct report *report, const struct report_style *style, FILE *out);

/* Only the stack of the thread that crashed; nothing without one. */
void report_write_crashed_stack(const struct report *report, const struct report_style *style, FILE *out);

/* Only the life of the biography's address, as `corelate why` shows it. */
void report_write_biography(const struct report *report, const struct report_style *style, FILE *out);

/* The same as JSON, the document of `corelate why --json`: the address, what is mapped there at the end, and the lines
 * in the order of time, each with thread, caller and stack. */
struct error *report_write_biography_json(const struct report *report, FILE *out) must_check;

/* The JSON of report.schema.json, with a newline at its end. */
struct error *report_write_json(const struct report *report, FILE *out) must_check;

/* For an issue on GitHub and the like. */
struct error *report_write_markdown(const struct report *report, FILE *out) must_check;

/* One file for a browser: no script, nothing loaded from elsewhere, a content security policy that says so. */
struct error *report_write_html(const struct report *report, FILE *out) must_check;

/* SARIF 2.1.0 (OASIS), as code-scanning services take it: a finding is a result, its class the rule. */
struct error *report_write_sarif(const struct report *report, FILE *out) must_check;

#endif
