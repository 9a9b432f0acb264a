/* SPDX-License-Identifier: MIT */
/* main sets the field to null, calls a function that does nothing to it, then one that uses it. */
#include "common.h"
struct report { int lines; const int *widths; };
separate int count_lines(const struct report *report) { return report->lines + 1; }
separate int print(const struct report *report) { return report->widths[report->lines]; }
int main(int argc, char **argv)
{
	struct report report = {.lines = argc};
	int lines;

	(void)argv;
	report.widths = NULL;
	lines = count_lines(&report);
	return print(&report) + lines;
}
