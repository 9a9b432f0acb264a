/* SPDX-License-Identifier: MIT */
/* A copy past the end of an array clears the pointer behind it. */
#include "common.h"
struct message { char name[8]; int *counter; };
separate void set_name(struct message *message, const char *name, size_t length) { memcpy(message->name, name, length); }
separate int count(struct message *message) { return ++*message->counter; }
int main(int argc, char **argv)
{
	static const char name[32] = "abcdefgh";
	struct message message;

	(void)argv;
	message.counter = &argc;
	set_name(&message, name, 16);
	return count(&message);
}
