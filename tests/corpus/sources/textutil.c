// Formats an address book. Strings in fixed buffers, as it was done.
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct person {
	const char *name;
	const char *street;
	const char *city;
	int house;
};

static struct person people[] = {
	{"Ada Lovelace", "St James's Square", "London", 12},
	{"Alan Turing", "Warrington Crescent", "London", 2},
	{"Grace Hopper", "a street whose name goes on and on until no form has room for it any more", "Arlington", 9},
	{"Unknown", NULL, "Nowhere", 0},
};

static char last[16];

__attribute__((noinline)) static void copy_upper(char *out, const char *in)
{
	while (*in)
		*out++ = (char)toupper((unsigned char)*in++);
	*out = 0;
}

__attribute__((noinline)) static int format_label(const struct person *person)
{
	char street[24];

#if defined(STRCPY)
	strcpy(street, person->street);
#elif defined(SPRINTF)
	sprintf(street, "%d %s", person->house, person->street);
#elif defined(BY_HAND)
	copy_upper(street, person->street);
#elif defined(CLEARED)
	memset(street, 0, sizeof(street) + person->house * 8);
#elif defined(COUNTED)
	for (int i = 0; i < (int)strlen(person->street); i++)
		((unsigned *)street)[i] = (unsigned)i + 1;
#else
	snprintf(street, sizeof(street), "%s", person->street);
#endif
	memcpy(last, street, sizeof(last) - 1);
	return (int)strlen(street);
}

__attribute__((noinline)) static size_t street_length(const struct person *person)
{
	return strlen(person->street);
}

__attribute__((noinline)) static int compare(const void *left, const void *right)
{
	return strcmp(((const struct person *)left)->street, ((const struct person *)right)->street);
}

__attribute__((noinline)) static int load(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[100];
	int lines = 0;

	while (fgets(line, sizeof(line), file))
		lines++;
	return lines;
}

__attribute__((noinline)) static int close_all(FILE **files, int count)
{
	for (int i = 0; i < count; i++)
		fclose(files[i]);
	return count;
}

__attribute__((noinline)) static void report(const char *format, ...)
{
	__builtin_va_list list;

	__builtin_va_start(list, format);
	vprintf(format, list);
	__builtin_va_end(list);
}

int main(int argc, char **argv)
{
	int length = 0;

	for (int i = 0; i < 2; i++)
		length += format_label(&people[i]);
	printf("%d\n", length);
#if defined(NO_STREET)
	printf("%zu\n", street_length(&people[3]));
#elif defined(SORT)
	qsort(people, 4, sizeof(people[0]), compare);
#elif defined(NO_FILE)
	printf("%d\n", load("/nonexistent/address.book"));
#elif defined(CLOSED_TWICE)
	FILE *file = fopen("book", "w");
	FILE *files[] = {file, file};
	printf("%d\n", close_all(files, 2));
#elif defined(NUMBER_AS_TEXT)
	report("%s lives at %s\n", people[0].name, 4711 + argc);
#elif defined(NEGATIVE)
	char buffer[64];
	memcpy(buffer, people[0].street, (size_t)(argc - 20));
	printf("%c\n", buffer[3]);
#elif defined(NO_HOME)
	unsetenv("HOME");
	char path[64];
	strcpy(path, getenv("HOME"));
	printf("%s\n", path);
#else
	printf("%d\n", format_label(&people[2]));
#endif
	return 0;
}
