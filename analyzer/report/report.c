/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report.h"

#include <string.h>

void report_init(struct report *report, const struct crash *crash, const struct finding_list *findings)
{
	*report = (struct report){.crash = crash, .findings = findings};
	signatures_make(crash, findings, &report->signatures);
	memcpy(report->signature, report->signatures.any, sizeof(report->signature));
}
