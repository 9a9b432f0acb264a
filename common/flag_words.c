/* SPDX-License-Identifier: MIT */
#include "common/flag_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "common/array.h"

struct flag_name {
	uint64_t flag;
	const char *name;
};

static void add(struct flag_words *words, const char *name)
{
	size_t length = strlen(words->text);

	snprintf(words->text + length, sizeof(words->text) - length, "%s%s", length ? "|" : "", name);
}

/* Adds the names of the flags that are set, then the rest; "0" where there was nothing at all. */
static const char *finish(struct flag_words *words, uint64_t flags, const struct flag_name *names, size_t count)
{
	char rest[24];

	for (size_t i = 0; i < count; i++) {
		if (flags & names[i].flag)
			add(words, names[i].name);
		flags &= ~names[i].flag;
	}
	snprintf(rest, sizeof(rest), flags ? "0x%" PRIx64 : "0", flags);
	if (flags || !words->text[0])
		add(words, rest);
	return words->text;
}

const char *flag_words_protection(struct flag_words *words, uint64_t protection)
{
	static const struct flag_name names[] = {
		{PROT_READ, "PROT_READ"},	    {PROT_WRITE, "PROT_WRITE"},	    {PROT_EXEC, "PROT_EXEC"},
		{PROT_GROWSDOWN, "PROT_GROWSDOWN"}, {PROT_GROWSUP, "PROT_GROWSUP"},
	};

	words->text[0] = 0;
	if (protection == PROT_NONE)
		add(words, "PROT_NONE");
	return protection == PROT_NONE ? words->text : finish(words, protection, names, array_size(names));
}

const char *flag_words_map(struct flag_words *words, uint64_t flags)
{
	static const struct flag_name names[] = {
		{MAP_FIXED, "MAP_FIXED"},
		{MAP_ANONYMOUS, "MAP_ANONYMOUS"},
		{MAP_GROWSDOWN, "MAP_GROWSDOWN"},
		{MAP_DENYWRITE, "MAP_DENYWRITE"},
		{MAP_EXECUTABLE, "MAP_EXECUTABLE"},
		{MAP_LOCKED, "MAP_LOCKED"},
		{MAP_NORESERVE, "MAP_NORESERVE"},
		{MAP_POPULATE, "MAP_POPULATE"},
		{MAP_NONBLOCK, "MAP_NONBLOCK"},
		{MAP_STACK, "MAP_STACK"},
		{MAP_HUGETLB, "MAP_HUGETLB"},
		{MAP_SYNC, "MAP_SYNC"},
		{MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"},
	};
	static const char *const types[] = {NULL, "MAP_SHARED", "MAP_PRIVATE", "MAP_SHARED_VALIDATE"};

	words->text[0] = 0;
	if (types[flags & 3])
		add(words, types[flags & 3]);
	flags &= ~3ULL;
	return flags || !words->text[0] ? finish(words, flags, names, array_size(names)) : words->text;
}

const char *flag_words_mremap(struct flag_words *words, uint64_t flags)
{
	static const struct flag_name names[] = {
		{1, "MREMAP_MAYMOVE"},
		{2, "MREMAP_FIXED"},
		{4, "MREMAP_DONTUNMAP"},
	};

	words->text[0] = 0;
	return finish(words, flags, names, array_size(names));
}

const char *flag_words_advice(struct flag_words *words, uint64_t advice)
{
	static const char *const names[] = {
		[0] = "MADV_NORMAL",	       [1] = "MADV_RANDOM",	    [2] = "MADV_SEQUENTIAL",
		[3] = "MADV_WILLNEED",	       [4] = "MADV_DONTNEED",	    [8] = "MADV_FREE",
		[9] = "MADV_REMOVE",	       [10] = "MADV_DONTFORK",	    [11] = "MADV_DOFORK",
		[12] = "MADV_MERGEABLE",       [13] = "MADV_UNMERGEABLE",   [14] = "MADV_HUGEPAGE",
		[15] = "MADV_NOHUGEPAGE",      [16] = "MADV_DONTDUMP",	    [17] = "MADV_DODUMP",
		[18] = "MADV_WIPEONFORK",      [19] = "MADV_KEEPONFORK",    [20] = "MADV_COLD",
		[21] = "MADV_PAGEOUT",	       [22] = "MADV_POPULATE_READ", [23] = "MADV_POPULATE_WRITE",
		[24] = "MADV_DONTNEED_LOCKED", [25] = "MADV_COLLAPSE",	    [102] = "MADV_GUARD_INSTALL",
		[103] = "MADV_GUARD_REMOVE",
	};

	if (advice < array_size(names) && names[advice])
		snprintf(words->text, sizeof(words->text), "%s", names[advice]);
	else
		snprintf(words->text, sizeof(words->text), "0x%" PRIx64, advice);
	return words->text;
}

const char *flag_words_shmat(struct flag_words *words, uint64_t flags)
{
	static const struct flag_name names[] = {
		{SHM_RDONLY, "SHM_RDONLY"}, {SHM_RND, "SHM_RND"}, {SHM_REMAP, "SHM_REMAP"}, {SHM_EXEC, "SHM_EXEC"}};

	words->text[0] = 0;
	return finish(words, flags, names, array_size(names));
}
