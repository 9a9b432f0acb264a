// Go that calls a C library, which goes wrong.
package main

/*
#include <stdlib.h>
#include <string.h>
#include <assert.h>

struct packet {
	int length;
	struct packet *next;
	char bytes[64];
};

__attribute__((noinline)) static int packet_sum(struct packet *packet)
{
	int sum = 0;

	for (int i = 0; i < packet->length; i++)
		sum += packet->bytes[i];
	return sum;
}

__attribute__((noinline)) static int packet_check(struct packet *packet)
{
	assert(packet->length < 64);
	return packet->length;
}

static struct packet *packet_new(const char *text)
{
	struct packet *packet = calloc(1, sizeof(*packet));

	packet->length = (int)strlen(text);
	strncpy(packet->bytes, text, 63);
	return packet;
}

static int packet_next_sum(struct packet *packet)
{
	return packet_sum(packet->next);
}

static int packet_bad(struct packet *packet)
{
	packet->length = 900;
	return packet_check(packet);
}

static void packet_free_twice(struct packet *packet)
{
	free(packet);
	free(packet);
}
*/
import "C"

import (
	"fmt"
	"os"
)

func main() {
	packet := C.packet_new(C.CString("hello"))
	fmt.Println(C.packet_sum(packet))
	switch os.Args[1] {
	case "null":
		fmt.Println(C.packet_next_sum(packet))
	case "assert":
		fmt.Println(C.packet_bad(packet))
	case "free":
		C.packet_free_twice(packet)
	}
}
