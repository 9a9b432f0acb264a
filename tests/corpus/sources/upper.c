#include <ctype.h>
#include <stddef.h>
#include <unistd.h>

struct filter {
	const char *name;
	const char *description;
	int (*apply)(char *text, size_t length);
	void (*wait_work)(int fd);
};

static volatile int calls;

int upper_apply(char *text, size_t length)
{
	int changed = 0;

	calls++;
	for (size_t i = 0; i < length; i++)
		if (islower((unsigned char)text[i])) {
			text[i] = (char)toupper((unsigned char)text[i]);
			changed++;
		}
	return changed;
}

void upper_wait(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		calls++;
}

int filter_flush(void)
{
	return calls = 0;
}

static const struct filter table = {"upper", "turns letters into capitals", upper_apply, upper_wait};

const struct filter *filter_get(void)
{
	return &table;
}
