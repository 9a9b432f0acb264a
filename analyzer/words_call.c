/* SPDX-License-Identifier: MIT */
/* A recorded call for memory as strace writes it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/words.h"
#include "common/flag_words.h"
#include "replay/effect.h"

/* "NULL" for 0, as pointers are written. */
static const char *pointer(char text[20], uint64_t value)
{
	snprintf(text, 20, value ? "0x%" PRIx64 : "NULL", value);
	return text;
}

static void write_arguments(struct words *words, const struct memory_event *event)
{
	const uint64_t *a = event->args;
	const char *name = memory_kind_name(event->kind);
	struct flag_words flags, protection;
	char first[20], last[24] = "";

	switch (event->kind) {
	case MEMORY_MMAP:
		snprintf(words->text, sizeof(words->text), "mmap(%s, %" PRIu64 ", %s, %s, %d, %s)",
			 pointer(first, a[0]), a[1], flag_words_protection(&protection, a[2]),
			 flag_words_map(&flags, a[3]), (int)a[4], a[5] ? pointer(last, a[5]) : "0");
		break;
	case MEMORY_MREMAP:
		if (a[3] & 2)
			snprintf(last, sizeof(last), ", 0x%" PRIx64, a[4]);
		snprintf(words->text, sizeof(words->text), "mremap(%s, %" PRIu64 ", %" PRIu64 ", %s%s)",
			 pointer(first, a[0]), a[1], a[2], flag_words_mremap(&flags, a[3]), last);
		break;
	case MEMORY_BRK:
		snprintf(words->text, sizeof(words->text), "brk(%s)", pointer(first, a[0]));
		break;
	case MEMORY_SHMAT:
		snprintf(words->text, sizeof(words->text), "shmat(%d, %s, %s)", (int)a[0], pointer(first, a[1]),
			 flag_words_shmat(&flags, a[2]));
		break;
	case MEMORY_SHMDT:
		snprintf(words->text, sizeof(words->text), "shmdt(%s)", pointer(first, a[0]));
		break;
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		snprintf(words->text, sizeof(words->text), "%s(%s, %" PRIu64 ", %s)", name, pointer(first, a[0]), a[1],
			 flag_words_protection(&protection, a[2]));
		break;
	case MEMORY_MADVISE:
		snprintf(words->text, sizeof(words->text), "madvise(%s, %" PRIu64 ", %s)", pointer(first, a[0]), a[1],
			 flag_words_advice(&flags, a[2]));
		break;
	default:
		snprintf(words->text, sizeof(words->text), "%s(%s, %" PRIu64 ")", name, pointer(first, a[0]), a[1]);
	}
}

static bool returns_address(const struct memory_event *event)
{
	return event->kind == MEMORY_MMAP || event->kind == MEMORY_MREMAP || event->kind == MEMORY_BRK ||
	       event->kind == MEMORY_SHMAT;
}

const char *words_call(struct words *words, const struct memory_event *event)
{
	size_t length;

	if (event->kind == MEMORY_SEEN) {
		snprintf(words->text, sizeof(words->text), "found in place: 0x%" PRIx64 "-0x%" PRIx64, event->args[0],
			 event->args[0] + event->args[1]);
		return words->text;
	}
	write_arguments(words, event);
	length = strlen(words->text);
	if (memory_event_failed(event))
		snprintf(words->text + length, sizeof(words->text) - length, " = -1 %s",
			 strerrorname_np((int)-event->result) ?: "errno");
	else if (returns_address(event))
		snprintf(words->text + length, sizeof(words->text) - length, " = 0x%" PRIx64, (uint64_t)event->result);
	else
		snprintf(words->text + length, sizeof(words->text) - length, " = 0");
	return words->text;
}
