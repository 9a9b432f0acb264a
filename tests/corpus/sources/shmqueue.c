// A queue in shared memory between a producer and a consumer.
#include <fcntl.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

struct message {
	struct message *reply_to;
	int kind;
	char text[52];
};

struct queue {
	unsigned head, tail;
	struct message messages[500];
};

__attribute__((noinline)) static int consume(struct queue *queue)
{
	int kinds = 0;

	while (queue->head != queue->tail) {
		struct message *message = &queue->messages[queue->head++ % 500];
		kinds += message->kind;
		if (message->reply_to)
			kinds += message->reply_to->kind;
	}
	return kinds;
}

__attribute__((noinline)) static void produce(struct queue *queue, int count)
{
	for (int i = 0; i < count; i++) {
		struct message *message = &queue->messages[queue->tail++ % 500];
		message->kind = i % 3 + 1;
		message->reply_to = i ? &queue->messages[(queue->tail - 2) % 500] : NULL;
		snprintf(message->text, sizeof(message->text), "message %d", i);
	}
}

__attribute__((noinline)) static int chase(struct queue *queue, int from)
{
	struct message *message = &queue->messages[from];
	int hops = 0;

	while (message->kind != 1) {
		message = message->reply_to;
		hops++;
	}
	return hops;
}

__attribute__((noinline)) static void shrink(int fd)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(ftruncate(fd, 4096) == 0 ? 0 : 1);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	size_t size = (sizeof(struct queue) + 4095) & ~4095ul;
	int fd = memfd_create("queue", 0);
	struct queue *queue;

	if (ftruncate(fd, (off_t)size) != 0)
		return 1;
#if defined(SYSV)
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	queue = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
#elif defined(TOO_LONG)
	char *scratch;
	do { // anew until the gaps higher up are full, and the second lies below the first
		queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		scratch = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	} while (scratch + 8192 != (char *)queue);
#else
	queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
#endif
	produce(queue, 400);
	printf("%d\n", consume(queue));
#if defined(SHRUNK)
	shrink(fd);
	produce(queue, 50);
#elif defined(SYSV)
	shmdt(queue);
	printf("%d\n", consume(queue));
#elif defined(TOO_LONG)
	// The length of the other structure: what lies behind goes too.
	strcpy(scratch, "scratch");
	munmap(scratch, size);
	queue->tail += 3;
	printf("%d\n", consume(queue));
#elif defined(HOLE)
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5 * 4096) != 0)
		return 1;
	printf("%d\n", chase(queue, 30));
#elif defined(DONTNEED)
	// Private memory this time.
	struct queue *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	produce(copy, 400);
	madvise((char *)copy + 4096, 4096, MADV_DONTNEED);
	printf("%d\n", chase(copy, 80));
#elif defined(READ_ONLY)
	mprotect(queue, size, PROT_READ);
	printf("%d\n", consume(queue));
	produce(queue, 1);
#elif defined(OVER)
	// A fixed address, chosen some years ago on another machine.
	void *lookup = mmap((void *)((uintptr_t)queue & ~0xffful), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("%p\n", lookup);
	produce(queue, 5);
#endif
	return 0;
}
