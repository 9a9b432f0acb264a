/* SPDX-License-Identifier: MIT */
/* null among variable arguments. */
#include <stdarg.h>
#include "common.h"
separate size_t total_length(int count, ...)
{
	size_t sum = 0;
	va_list list;

	va_start(list, count);
	for (int i = 0; i < count; i++) {
		const char *text = va_arg(list, const char *);

		while (*text++)
			sum++;
	}
	va_end(list);
	return sum;
}
separate size_t title(const char *name) { return total_length(3, "dear ", name, NULL); }
int main(int argc, char **argv) { (void)argc; return (int)title(argv[0]); }
