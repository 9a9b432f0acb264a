/* SPDX-License-Identifier: MIT */
/* Places in words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/facts/place.h"
#include "analyzer/words.h"

/* Beyond this a neighbour says nothing about where a pointer came from. */
#define NEAR_BYTES (1ULL << 20)

static const char *file_part(int protection)
{
	if (protection < 0)
		return "file";
	if (protection & PROT_EXEC)
		return "code";
	return protection & PROT_WRITE ? "data" : "read-only data";
}

/* "the stack of thread 12", "libfoo.so's data": what a mapping is, for a sentence. */
static void name_mapping(enum place_kind kind, const char *path, uint32_t tid, int protection, char *out, size_t size)
{
	switch (kind) {
	case PLACE_GUARD:
		snprintf(out, size, "the guard page below the stack of thread %" PRIu32, tid);
		break;
	case PLACE_RESERVED:
		snprintf(out, size, "a range reserved without any permission");
		break;
	case PLACE_MAIN_STACK:
		snprintf(out, size, "the main thread's stack");
		break;
	case PLACE_STACK:
		snprintf(out, size, "the stack of thread %" PRIu32, tid);
		break;
	case PLACE_HEAP:
		snprintf(out, size, "the heap");
		break;
	case PLACE_FILE:
		snprintf(out, size, "%s's %s", path ? words_base_name(path) : "a file", file_part(protection));
		break;
	case PLACE_BSS:
		snprintf(out, size, "%s's zero-initialized data", path ? words_base_name(path) : "a module");
		break;
	case PLACE_VDSO:
		snprintf(out, size, "the vdso");
		break;
	case PLACE_VVAR:
		snprintf(out, size, "the kernel's data for the vdso");
		break;
	case PLACE_VSYSCALL:
		snprintf(out, size, "the vsyscall page");
		break;
	case PLACE_UPROBES:
		snprintf(out, size, "the kernel's page for uprobes");
		break;
	default:
		snprintf(out, size, "an anonymous mapping");
		break;
	}
}

static void name_neighbour(const struct place_neighbour *neighbour, char *out, size_t size)
{
	/* A neighbour's permission is not carried: its name is enough. */
	if (neighbour->kind == PLACE_FILE || neighbour->kind == PLACE_BSS)
		snprintf(out, size, "%s", neighbour->path ? words_base_name(neighbour->path) : "a file");
	else
		name_mapping(neighbour->kind, neighbour->path, neighbour->tid, -1, out, size);
}

static void hole_in_words(const struct place *place, char *out, size_t size)
{
	uint64_t past = place->below.exists ? place->address - place->below.end : UINT64_MAX;
	uint64_t before = place->above.exists ? place->above.start - place->address : UINT64_MAX;
	char below[160], above[160];

	name_neighbour(&place->below, below, sizeof(below));
	name_neighbour(&place->above, above, sizeof(above));
	/* Stacks grow down: below one is where it matters. */
	if (before < NEAR_BYTES && (before <= past || place->above.kind == PLACE_MAIN_STACK))
		snprintf(out, size, "%" PRIu64 " bytes below the start of %s", before, above);
	else if (past < NEAR_BYTES)
		snprintf(out, size, "%" PRIu64 " bytes past the end of %s", past, below);
	else if (place->below.exists && place->above.exists)
		snprintf(out, size, "in a hole of the address space, between %s and %s", below, above);
	else
		snprintf(out, size, "where nothing is mapped");
}

static void mapping_in_words(const struct place *place, char *out, size_t size)
{
	const char *path = place->module ? place->module->path : place->path;
	struct words protection;
	char name[200];

	name_mapping(place->kind, path, place->tid, place->protection, name, sizeof(name));
	if (place->kind == PLACE_FILE)
		snprintf(out, size, "in %s (%s, file offset 0x%" PRIx64 ")", name,
			 words_protection(&protection, place->protection), place->file_offset);
	else if (place->kind == PLACE_ANONYMOUS)
		snprintf(out, size, "in %s of %" PRIu64 " bytes (%s)", name, place->end - place->start,
			 words_protection(&protection, place->protection));
	else if (place->protection == (PROT_READ | PROT_WRITE) || place->kind == PLACE_GUARD ||
		 place->kind == PLACE_RESERVED)
		snprintf(out, size, "in %s", name);
	else
		snprintf(out, size, "in %s (%s)", name, words_protection(&protection, place->protection));
}

static void end_in_words(const struct crash *crash, const struct place_end *ended, char *out, size_t size)
{
	struct words when;

	snprintf(out, size, "in a range of %" PRIu64 " bytes that thread %" PRIu32 " %s %s", ended->end - ended->start,
		 ended->tid, ended->kind == MEMORY_MUNMAP ? "unmapped" : "took away",
		 words_before_crash(&when, crash, ended->time_ns));
}

const char *words_place(struct words *words, const struct crash *crash, const struct place *place)
{
	char *out = words->text;
	size_t size = sizeof(words->text);

	if (place->mapped) {
		mapping_in_words(place, out, size);
		return out;
	}
	if (place->ended.known) {
		end_in_words(crash, &place->ended, out, size);
		return out;
	}
	switch (place->kind) {
	case PLACE_NULL:
		if (!place->address)
			snprintf(out, size, "null");
		else if ((int64_t)place->address < 0)
			snprintf(out, size, "%" PRIu64 " bytes below null", (uint64_t)-place->address);
		else
			snprintf(out, size, "near null");
		break;
	case PLACE_NON_CANONICAL:
		snprintf(out, size, "no address of this processor (non-canonical)");
		break;
	case PLACE_KERNEL:
		snprintf(out, size, "in the kernel's half of the address space");
		break;
	case PLACE_UNMAPPED:
		hole_in_words(place, out, size);
		break;
	default:
		snprintf(out, size, "at a place that is not known without the core");
		break;
	}
	return out;
}
