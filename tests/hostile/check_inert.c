/* SPDX-License-Identifier: MIT */
/*
 * check-inert FILE...: is each file text that a terminal only shows? No control character but the newline, neither of
 * the first (C0, DEL) nor of the second kind (C1, U+0080 to U+009F), nothing that turns the line around (U+061C, U+200E,
 * U+200F, U+202A to U+202E, U+2066 to U+2069) or ends it (U+2028, U+2029), and nothing but well-formed UTF-8. Says what it has found and ends with 1 if not.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>

static int complain(const char *what, size_t offset, uint32_t value)
{
	printf("%s 0x%x at byte %zu\n", what, value, offset);
	return 1;
}

static int is_forbidden(uint32_t point)
{
	return (point < 0x20 && point != '\n') || (point >= 0x7f && point < 0xa0) ||
	       point == 0x61c || point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

static int check(FILE *file)
{
	/* The least code point that needs as many bytes; a smaller one is an overlong form. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t offset = 0;
	int first;

	while ((first = getc(file)) != EOF) {
		unsigned length = first < 0x80		   ? 1
				  : (first & 0xe0) == 0xc0 ? 2
				  : (first & 0xf0) == 0xe0 ? 3
				  : (first & 0xf8) == 0xf0 ? 4
							   : 0;
		uint32_t point = length == 1 ? (uint32_t)first : (uint32_t)first & (0x7fu >> length);

		if (!length)
			return complain("a stray byte", offset, (uint32_t)first);
		for (unsigned i = 1; i < length; i++) {
			int next = getc(file);

			if (next == EOF || (next & 0xc0) != 0x80)
				return complain("a cut character", offset, point);
			point = point << 6 | ((uint32_t)next & 0x3f);
		}
		if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
			return complain("an impossible character", offset, point);
		if (is_forbidden(point))
			return complain("a control character", offset, point);
		offset += length;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "re");

		if (!file)
			err(2, "%s", argv[i]);
		status |= check(file);
		fclose(file);
	}
	return status;
}
