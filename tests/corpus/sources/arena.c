// Arenas of whole pages for a small message broker: sessions live in arenas and refer to each other.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct session;
typedef int (*handler)(struct session *, const char *);

struct session {
	unsigned id;
	unsigned messages;
	handler on_message;
	struct session *peer;
	char name[32];
};

struct arena {
	char *base;
	size_t size;
	size_t used;
	int live;
};

#ifndef GUESTS
#define GUESTS 16
#endif

static struct arena arenas[32];

static int deliver(struct session *session, const char *text)
{
	session->messages++;
	return (int)strlen(text) + (int)session->id;
}

static struct arena *arena_create(size_t size)
{
	for (int i = 0; i < 32; i++) {
		struct arena *arena = &arenas[i];
		if (arena->base)
			continue;
		arena->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (arena->base == MAP_FAILED)
			abort();
		arena->size = size;
		arena->used = 0;
		arena->live = 1;
		return arena;
	}
	return NULL;
}

static void *arena_take(struct arena *arena, size_t bytes)
{
	void *block = arena->base + arena->used;

	bytes = (bytes + 15) & ~(size_t)15;
	if (arena->used + bytes > arena->size)
		return NULL;
	arena->used += bytes;
	return block;
}

__attribute__((noinline)) static void arena_release(struct arena *arena)
{
	munmap(arena->base, arena->size);
	arena->live = 0;
#ifndef RELEASED_TWICE
	arena->base = NULL;
#endif
}

__attribute__((noinline)) static void arena_idle(struct arena *arena)
{
#if defined(LOCKED_IDLE)
	mprotect(arena->base, arena->size, PROT_NONE);
#elif defined(SEALED)
	mprotect(arena->base, arena->size, PROT_READ);
#elif defined(TRIMMED)
	madvise(arena->base, arena->size, MADV_DONTNEED);
#endif
	arena->live = 0;
}

__attribute__((noinline)) static void arena_extend(struct arena *arena, size_t more)
{
#if defined(EXTEND_FIXED)
	// "The pages after the arena are ours": they are not.
	mmap(arena->base + arena->size, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
#elif defined(EXTEND_MOVE)
	void *fresh = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mremap(fresh, more, more, MREMAP_MAYMOVE | MREMAP_FIXED, arena->base + arena->size);
#endif
	arena->size += more;
}

static struct session *session_create(struct arena *arena, unsigned id, const char *name)
{
	struct session *session = arena_take(arena, sizeof(*session));

	memset(session, 0, sizeof(*session));
	session->id = id;
	session->on_message = deliver;
	snprintf(session->name, sizeof(session->name), "%s-%u", name, id);
	return session;
}

__attribute__((noinline)) static int forward_message(struct session *session, const char *text)
{
	// The peer's peer is the sender itself.
	struct session *peer = session->peer;
	struct session *back = peer->peer;

	peer->messages++;
	back->messages++;
#ifdef CALLED
	return back->on_message(back, text);
#else
	return (int)strlen(text);
#endif
}

__attribute__((noinline)) static int broadcast(struct session **sessions, int count, const char *text)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		sum += sessions[i]->on_message(sessions[i], text);
	return sum;
}

#ifdef OTHER_THREAD
static sem_t go;

static void *worker(void *argument)
{
	struct session *session = argument;

#ifndef LATE_THREAD
	sem_wait(&go);
#endif
	for (int i = 0; i < 3; i++)
		printf("forwarded %d\n", forward_message(session, "hello"));
	return NULL;
}
#endif

int main(void)
{
	// From the top downwards: the kernel places the later arena below the earlier one.
	struct arena *clients = arena_create(16 * 4096);
	struct arena *servers = arena_create(16 * 4096);
	// A gap higher up that fits is taken first; once it is full, the next arena is the neighbour.
	while (servers->base + servers->size != clients->base) {
		clients = servers;
		servers = arena_create(16 * 4096);
	}
	struct session *sessions[12];

	for (int i = 0; i < 6; i++) {
		sessions[i] = session_create(clients, 100 + i, "client");
		sessions[6 + i] = session_create(servers, 200 + i, "server");
		sessions[i]->peer = sessions[6 + i];
		sessions[6 + i]->peer = sessions[i];
	}
	printf("%d\n", broadcast(sessions, 12, "welcome"));
#if defined(OTHER_THREAD) && !defined(LATE_THREAD)
	pthread_t thread;
	sem_init(&go, 0, 0);
	pthread_create(&thread, NULL, worker, sessions[3]);
#endif
#if defined(RELEASED)
	arena_release(servers);
#elif defined(RELEASED_TWICE)
	arena_release(servers);
	// It comes to lie within the place of the released one.
	struct arena *guests = arena_create(GUESTS * 4096);
	// Unless a gap higher up fits it: then the next one does.
	while (guests->base < servers->base || guests->base >= servers->base + servers->size)
		guests = arena_create(GUESTS * 4096);
	for (int i = 0; i < 6; i++) {
		sessions[6 + i] = session_create(guests, 300 + i, "guest");
		sessions[i]->peer = sessions[6 + i];
		sessions[6 + i]->peer = sessions[i];
	}
	printf("%d\n", broadcast(sessions, 12, "again"));
	arena_release(servers);
#elif defined(EXTEND_FIXED) || defined(EXTEND_MOVE)
	arena_extend(servers, 16 * 4096);
#elif defined(RELEASED_OTHER)
	// Innocent: an arena that nobody uses any more goes; the fault is a peer that was never set.
	struct arena *spare = arena_create(8 * 4096);
	session_create(spare, 1, "spare");
	arena_release(spare);
	sessions[3]->peer = NULL;
#elif defined(REMAPPED_READ_ONLY)
	// Released, and the place taken by a read-only table since: what is wrong is the write.
	arena_release(servers);
	char *table = mmap(servers->base, 16 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)table;
#else
	arena_idle(servers);
#endif
#ifdef OTHER_THREAD
#ifdef LATE_THREAD
	pthread_t thread;
	pthread_create(&thread, NULL, worker, sessions[3]);
#else
	sem_post(&go);
#endif
	pthread_join(thread, NULL);
#elif defined(CALLED_DIRECTLY)
	printf("%d\n", broadcast(sessions, 12, "closing"));
#else
	for (int i = 0; i < 6; i++)
		printf("forwarded %d\n", forward_message(sessions[i], "hello"));
#endif
	return 0;
}
