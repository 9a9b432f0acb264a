/* SPDX-License-Identifier: MIT */
/*
 * mutate cut FILE DIRECTORY COUNT        DIRECTORY/0...: the file cut to COUNT lengths, from nothing to one byte less
 * mutate change FILE DIRECTORY COUNT [MAGIC]
 *                                        DIRECTORY/0...: the file with a few bytes changed, the same ones in each run;
 *                                        its first MAGIC bytes stay as they are
 *
 * What is changed is what parsers trust: single bits and bytes, words that become extreme, runs of bytes that move.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;

/* Marsaglia's xorshift64: the C library's generator may differ between machines. */
static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t below(uint64_t limit)
{
	return next_random() % limit;
}

static void put_extreme(uint8_t *bytes, size_t room)
{
	static const uint64_t extremes[] = {
		0, 1, UINT64_MAX, INT64_MAX, 1ULL << 63, UINT32_MAX, INT32_MAX, 1ULL << 31, 0x10000, 0xffff, 4095, 4097,
	};
	uint64_t value = extremes[below(sizeof(extremes) / sizeof(extremes[0]))];
	size_t size = 1ULL << below(4);

	memcpy(bytes, &value, size < room ? size : room);
}

/* Half of the changes fall into the first 4 KiB, where headers and notes are. */
static size_t choose_place(size_t size, size_t magic)
{
	size_t reach = below(2) && size - magic > 4096 ? 4096 : size - magic;

	return magic + below(reach);
}

static void change(uint8_t *bytes, size_t size, size_t magic)
{
	for (uint64_t left = 1 + below(12); left > 0; left--) {
		size_t at = choose_place(size, magic);
		size_t from = choose_place(size, magic);
		size_t length = 1 + below(64);

		switch (below(5)) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << below(8));
			break;
		case 1:
			bytes[at] = (uint8_t)next_random();
			break;
		case 2:
			put_extreme(bytes + at, size - at);
			break;
		case 3:
			put_extreme(bytes + (at & ~7UL), size - (at & ~7UL));
			break;
		default:
			if (at + length <= size && from + length <= size)
				memmove(bytes + at, bytes + from, length);
		}
	}
}

static void save(const char *directory, unsigned long number, const uint8_t *bytes, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%lu", directory, number);
	file = fopen(path, "we");
	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	static uint8_t original[8u << 20], copy[8u << 20];
	unsigned long count, magic;
	size_t size;
	FILE *file;

	if (argc < 5)
		errx(2, "usage: mutate cut|change FILE DIRECTORY COUNT [MAGIC]");
	count = strtoul(argv[4], NULL, 10);
	magic = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
	file = fopen(argv[2], "re");
	if (!file)
		err(1, "%s", argv[2]);
	size = fread(original, 1, sizeof(original), file);
	fclose(file);
	if (size <= magic || size == sizeof(original))
		errx(1, "%s: too small or too large", argv[2]);
	for (unsigned long i = 0; i < count; i++) {
		if (strcmp(argv[1], "cut") == 0) {
			/* Densely at the beginning, where everything has its place, then sparsely. */
			size_t length = i < count / 2 ? i * 4096 / (count / 2)
						      : 4096 + (i - count / 2) * (size - 4096) / (count - count / 2);

			save(argv[3], i, original, length < size ? length : size - 1);
			continue;
		}
		random_state = 0x9e3779b97f4a7c15ULL * (i + 1);
		memcpy(copy, original, size);
		change(copy, size, magic);
		save(argv[3], i, copy, size);
	}
	return 0;
}
