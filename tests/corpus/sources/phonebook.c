// A phone book: records and their names live in page-sized stores that a housekeeper looks after.
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "housekeeper.h"

struct person {
	struct person *next;
	const char *name;
	const char *number;
	int (*print)(const struct person *);
	unsigned calls;
};

struct store {
	char *start;
	size_t size, used;
};

struct book {
	struct store people, names;
	struct person *first[26];
	unsigned count;
};

static struct book book;

static int print_person(const struct person *person)
{
	return printf("%s: %s\n", person->name, person->number);
}

static void store_open(struct store *store, size_t size)
{
#ifdef SHARED_STORE
	store->start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#else
	store->start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#endif
	if (store->start == MAP_FAILED)
		exit(1);
	store->size = size;
	store->used = 0;
}

static void *store_take(struct store *store, size_t size)
{
	void *taken = store->start + store->used;

	store->used += (size + 7) & ~(size_t)7;
	if (store->used > store->size)
		exit(1);
	return taken;
}

static const char *store_text(struct store *store, const char *text)
{
	return strcpy(store_take(store, strlen(text) + 1), text);
}

__attribute__((noinline)) static struct person *add(const char *name, const char *number)
{
	struct person *person = store_take(&book.people, sizeof(*person));
	unsigned letter = (unsigned)(name[0] - 'a') % 26;

	person->name = store_text(&book.names, name);
#ifdef NEVER_SET
	if (strcmp(name, "mara") != 0)
#endif
		person->number = store_text(&book.names, number);
	person->print = print_person;
	person->next = book.first[letter];
	person->calls = 1;
	book.first[letter] = person;
	book.count++;
	return person;
}

static void fill(void)
{
	static const char *const names[] = {"anna", "axel", "berta", "carl", "dora", "emil", "frida",
					    "georg", "hanna", "ida", "jan", "karla", "lars", "mara"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char number[16];

		snprintf(number, sizeof(number), "0%u", 4711 + i * 37);
		add(names[i], number);
	}
}

__attribute__((noinline)) static struct person *find(const char *name)
{
	struct person *person = book.first[(unsigned)(name[0] - 'a') % 26];

	while (strcmp(person->name, name) != 0)
		person = person->next;
	return person;
}

__attribute__((noinline)) static size_t longest_number(void)
{
	size_t longest = 0;

	for (unsigned letter = 0; letter < 26; letter++)
		for (struct person *person = book.first[letter]; person; person = person->next) {
			size_t length = strlen(person->number);
			if (length > longest)
				longest = length;
		}
	return longest;
}

__attribute__((noinline)) static int print_all(void)
{
	int printed = 0;

	for (unsigned letter = 0; letter < 26; letter++)
		for (struct person *person = book.first[letter]; person; person = person->next)
			printed += person->print(person);
	return printed;
}

#ifdef OTHER_THREAD
static sem_t evening;

static void *keep_house(void *unused)
{
	sem_wait(&evening);
	housekeeper_tidy(book.people.start, book.people.size);
	return unused;
}
#endif

int main(void)
{
	store_open(&book.people, 8192);
	store_open(&book.names, 8192);
	fill();
	printf("%u people, longest number %zu\n", book.count, longest_number());
#if defined(OTHER_THREAD)
	pthread_t keeper;
	sem_init(&evening, 0, 0);
	pthread_create(&keeper, NULL, keep_house, NULL);
	sem_post(&evening);
	pthread_join(keeper, NULL);
#elif defined(TIDY_PEOPLE)
	housekeeper_tidy(book.people.start, book.people.size);
#elif defined(TIDY_SPARE)
	// Nothing wrong: the pages behind what is used.
	housekeeper_tidy(book.people.start + 4096, 4096);
#elif defined(START_OVER)
	// Nothing wrong: the book is emptied and written again.
	housekeeper_tidy(book.people.start, book.people.size);
	book.people.used = book.names.used = book.count = 0;
	memset(book.first, 0, sizeof(book.first));
	fill();
#elif defined(REPLACED)
	housekeeper_replace(book.people.start, book.people.size);
#elif defined(REOPENED)
	// Given back and opened again, perhaps elsewhere; the lists of the book still are the old ones.
	munmap(book.people.start, book.people.size);
	store_open(&book.people, 8192);
#elif defined(REOPENED_FOR_NAMES)
	// Its place goes to texts; the lists of the book still are the old ones.
	munmap(book.people.start, book.people.size);
	struct store notes;
	store_open(&notes, 8192);
	for (int i = 0; i < 100; i++)
		store_text(&notes, "called back, no answer; try again on the day after tomorrow");
#endif
#if defined(FIND)
	printf("found %s\n", find("axel")->number);
#elif defined(PRINT)
	printf("%d characters\n", print_all());
#else
	printf("longest number %zu\n", longest_number());
#endif
	return 0;
}
