/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/abort_message.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_symbol.h"
#include "common/cleanup.h"

#define TEXT_BYTES_MAX 4096u

/* The text of the struct at `address`: an unsigned size (of the whole mapping), then the characters. */
static struct error *read_text(const struct core *core, uint64_t address, char **ret_text)
{
	cleanup_free char *text = malloc(TEXT_BYTES_MAX + 1);
	uint32_t size = 0;
	size_t length;

	if (!text)
		return &error_no_memory;
	if (core_read_dumped(core, address, &size, sizeof(size)) != sizeof(size) || size <= sizeof(size))
		return NULL;
	size -= sizeof(size);
	length = core_read_dumped(core, address + sizeof(size), text, size < TEXT_BYTES_MAX ? size : TEXT_BYTES_MAX);
	text[length] = 0;
	length = strlen(text);
	while (length && text[length - 1] == '\n')
		text[--length] = 0;
	if (length)
		*ret_text = take_pointer(text);
	return NULL;
}

struct error *abort_message_read(const struct core *core, char **ret_text)
{
	const struct core_module *libc = core_symbol_libc(core);
	uint64_t variable = 0, address = 0;
	struct error *err;

	*ret_text = NULL;
	if (!libc)
		return NULL;
	err = core_symbol_address(libc, "__abort_msg", &variable);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (err)
		return err;
	if (!core_read_word(core, variable, &address) || !address)
		return NULL;
	return read_text(core, address, ret_text);
}
