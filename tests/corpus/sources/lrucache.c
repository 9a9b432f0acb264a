// A cache of decoded records, least recently used goes first. Keys are numbers, values are blocks of bytes.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 16

struct entry {
	struct entry *chain;
	unsigned key;
	unsigned hits;
	struct entry *newer;
	struct entry *older;
	size_t length;
	unsigned char *bytes;
	char label[24];
};

struct cache {
	struct entry *buckets[BUCKETS];
	struct entry *newest;
	struct entry *oldest;
	unsigned count;
	unsigned limit;
};

static struct cache cache = {.limit = 12};

static size_t value_size(unsigned key)
{
#ifdef LARGE
	return 600 * 1024 + key;
#elif defined(MEDIUM)
	return 3000 + key % 7;
#else
	return 40 + key % 5;
#endif
}

__attribute__((noinline)) static struct entry *entry_create(unsigned key)
{
	struct entry *entry = malloc(sizeof(*entry));

	memset(entry, 0, sizeof(*entry));
	entry->key = key;
	entry->length = value_size(key);
	entry->bytes = malloc(entry->length);
	memset(entry->bytes, (int)key, entry->length);
	snprintf(entry->label, sizeof(entry->label), "record %u", key);
	return entry;
}

__attribute__((noinline)) static void entry_destroy(struct entry *entry)
{
	free(entry->bytes);
	free(entry);
}

static void unlink_entry(struct entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		cache.newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		cache.oldest = entry->newer;
}

static void link_newest(struct entry *entry)
{
	entry->older = cache.newest;
	entry->newer = NULL;
	if (cache.newest)
		cache.newest->newer = entry;
	cache.newest = entry;
	if (!cache.oldest)
		cache.oldest = entry;
}

__attribute__((noinline)) static struct entry *lookup(unsigned key)
{
	for (struct entry *entry = cache.buckets[key % BUCKETS]; entry; entry = entry->chain)
		if (entry->key == key)
			return entry;
	return NULL;
}

__attribute__((noinline)) static void evict(void)
{
	struct entry *entry = cache.oldest, **link = &cache.buckets[entry->key % BUCKETS];

	unlink_entry(entry);
#ifndef LEFT_IN_CHAIN
	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
#endif
	cache.count--;
	entry_destroy(entry);
}

__attribute__((noinline)) static struct entry *fetch(unsigned key)
{
	struct entry *entry = lookup(key);

	if (entry) {
		unlink_entry(entry);
	} else {
		if (cache.count == cache.limit)
			evict();
		entry = entry_create(key);
		entry->chain = cache.buckets[key % BUCKETS];
		cache.buckets[key % BUCKETS] = entry;
		cache.count++;
	}
	link_newest(entry);
	entry->hits++;
	return entry;
}

__attribute__((noinline)) static unsigned checksum(const struct entry *entry)
{
	unsigned sum = 0;

	for (size_t i = 0; i < entry->length; i++)
		sum = sum * 31 + entry->bytes[i];
	return sum;
}

// Appends a trailer to the value in place.
__attribute__((noinline)) static void append_trailer(struct entry *entry, const char *trailer, size_t length)
{
#ifdef TRAILER
	memcpy(entry->bytes + entry->length, trailer, length);
#endif
	entry->hits++;
}

// Writes a length prefix in front of the value.
__attribute__((noinline)) static void prefix_length(struct entry *entry)
{
#ifdef PREFIX
	uint64_t *prefix = (uint64_t *)entry->bytes - 1;
	*prefix = entry->length;
#endif
	entry->hits++;
}

#ifdef TWO_THREADS
static pthread_barrier_t both;

static void *closer(void *argument)
{
	pthread_barrier_wait(&both);
	entry_destroy(argument);
	return NULL;
}
#endif

int main(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 12; i++)
		sum += checksum(fetch(i * 37));
#if defined(LEFT_IN_CHAIN)
	for (int i = 0; i < 6; i++)
		evict();
	for (unsigned i = 0; i < 60; i++)
		sum += lookup(i) != NULL;
#elif defined(STALE_BYTES)
	struct entry *entry = fetch(37);
	const unsigned char *bytes = entry->bytes;
	for (unsigned i = 20; i < 40; i++)
		fetch(i * 37);
	for (int i = 0; i < 16; i++)
		sum += bytes[i * 1000];
#elif defined(FREED_TWICE)
	struct entry *entry = fetch(74);
	free(entry->bytes);
	while (cache.count)
		evict();
#elif defined(FREED_TWICE_FAST)
	// The small bins of the thread are full by then.
	struct entry *spare[9];
	for (int i = 0; i < 9; i++)
		spare[i] = entry_create(i);
	for (int i = 0; i < 9; i++)
		free(spare[i]->bytes);
	free(spare[8]->bytes);
#elif defined(TWO_THREADS)
	pthread_t threads[2];
	struct entry *entry = fetch(111);
	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, closer, entry);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 20; i < 34; i++)
		fetch(i * 37);
#elif defined(FREE_LABEL)
	struct entry *entry = fetch(37);
	free(entry->label);
#elif defined(FREE_GLOBAL)
	static char scratch[256];
	cache.oldest->bytes = (unsigned char *)scratch + 16;
	evict();
#elif defined(FREE_STACK)
	unsigned char local[64] = {1, 2, 3};
	cache.oldest->bytes = local;
	evict();
#elif defined(FREE_MIDDLE)
	struct entry *entry = fetch(0);
	entry->bytes += 8; // skip the header
	for (unsigned i = 20; i < 33; i++)
		fetch(i * 37);
#elif defined(TRAILER)
	char trailer[48];
	memset(trailer, 'x', sizeof(trailer));
	for (unsigned i = 0; i < 12; i++)
		append_trailer(fetch(i * 37), trailer, sizeof(trailer));
	for (unsigned i = 20; i < 40; i++)
		sum += checksum(fetch(i * 37));
#elif defined(PREFIX)
	for (unsigned i = 0; i < 12; i++)
		prefix_length(fetch(i * 37));
	for (unsigned i = 20; i < 40; i++)
		sum += checksum(fetch(i * 37));
#elif defined(UNINITIALISED)
	// Blocks used before, so that they are not zero.
	for (int i = 0; i < 4; i++) {
		uint32_t *old = malloc(sizeof(struct entry));
		for (size_t word = 0; word < sizeof(struct entry) / 4; word++)
			old[word] = 0x2f31 + (uint32_t)word * 0x01010101;
		free(old);
	}
	struct entry *entry = malloc(sizeof(*entry));
	entry->key = 7;
	entry->length = 10;
	sum += checksum(entry);
#endif
	printf("%u records, sum %u\n", cache.count, sum);
	return 0;
}
