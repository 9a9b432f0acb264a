/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/biography.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/words.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"

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

bool biography_is_scratch(const struct biography *biography, const struct life *life)
{
	const char *file = biography->contexts[life->born].file;

	return life->died != TIMELINE_ALIVE && file && strcmp(words_base_name(file), "ld.so.cache") == 0 &&
	       biography->events[life->born].tid == biography->events[life->died].tid;
}

const struct life *biography_before_scratch(const struct biography *biography, const struct life *life)
{
	const struct timeline *timeline = &biography->timeline;

	while (life && biography_is_scratch(biography, life)) {
		const struct life *before = NULL;

		for (size_t i = 0; i < timeline->life_count; i++) {
			const struct life *other = &timeline->lives[i];

			if (other->born < life->born && biography->address >= other->start &&
			    biography->address < other->end && (!before || other->born > before->born))
				before = other;
		}
		life = before;
	}
	return life;
}
