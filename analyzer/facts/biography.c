/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/biography.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"

#include <stdlib.h>

void event_context_deinit(struct event_context *context)
{
	event_stack_deinit(&context->stack);
	symbol_deinit(&context->at);
	symbol_deinit(&context->caller);
	symbol_deinit(&context->jumper);
	marker_deinit(&context->before);
	marker_deinit(&context->after);
	free(context->file);
}

void biography_deinit(struct biography *biography)
{
	for (size_t i = 0; biography->contexts && i < biography->event_count; i++)
		event_context_deinit(&biography->contexts[i]);
	free(biography->contexts);
	free(biography->events);
	timeline_deinit(&biography->timeline);
}

void file_loss_deinit(struct file_loss *loss)
{
	truncation_deinit(&loss->call);
	event_context_deinit(&loss->context);
}
