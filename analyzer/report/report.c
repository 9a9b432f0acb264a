/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report.h"

#include "analyzer/signature.h"

void report_init(struct report *report, const struct crash *crash, const struct finding_list *findings)
{
	*report = (struct report){.crash = crash, .findings = findings};
	signature_hash(crash, findings, report->signature);
}
