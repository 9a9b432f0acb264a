/* SPDX-License-Identifier: MIT */
#include "analyzer/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/vector.h"

const char *node_kind_name(enum node_kind kind)
{
	static const char *const names[] = {"access", "register", "word", "block",  "mapping", "stack", "file",
					    "code",   "call",	  "heap", "signal", "process", "probe", "limit"};

	return names[kind];
}

const char *basis_name(enum basis basis)
{
	static const char *const names[] = {"observed", "computed", "inferred"};

	return names[basis];
}

const char *alternative_state_name(enum alternative_state state)
{
	static const char *const names[] = {"not examined", "ruled out", "open", "as likely"};

	return names[state];
}

void link_deinit(struct link *link)
{
	for (size_t i = 0; link->alternatives && i < link->alternative_count; i++)
		free(link->alternatives[i].text);
	free(link->alternatives);
	free(link->text);
}

static size_t count_alternatives(const struct link_kind *kind)
{
	size_t count = 0;

	while (kind->alternatives && kind->alternatives[count])
		count++;
	return count;
}

struct error *link_append(struct finding *finding, const struct link_kind *kind, enum basis basis, struct node node,
			  const char *format, ...)
{
	struct link link = {.kind = kind, .basis = basis, .node = node, .alternative_count = count_alternatives(kind)};
	va_list args;
	int length;

	if (array_resize(finding->links, finding->link_count + 1))
		return &error_no_memory;
	if (link.alternative_count) {
		link.alternatives = calloc(link.alternative_count, sizeof(*link.alternatives));
		if (!link.alternatives)
			return &error_no_memory;
	}
	va_start(args, format);
	length = vasprintf(&link.text, format, args);
	va_end(args);
	if (length < 0) {
		free(link.alternatives);
		return &error_no_memory;
	}
	finding->links[finding->link_count++] = link;
	finding->in_background = false;
	return NULL;
}

static struct error *find_alternative(struct finding *finding, const char *name, struct alternative **ret)
{
	struct link *link = finding->link_count ? &finding->links[finding->link_count - 1] : NULL;

	for (size_t i = 0; link && i < link->alternative_count; i++) {
		if (strcmp(link->kind->alternatives[i], name) == 0) {
			*ret = &link->alternatives[i];
			return NULL;
		}
	}
	return error_format(ERROR_SYSTEM, "the links of kind %s have no alternative %s", link ? link->kind->name : "none",
			    name);
}

static struct error *state_alternative(struct finding *finding, const char *name, enum alternative_state state,
				       const struct evidence *citation, bool speaks, const char *format, va_list args)
{
	struct alternative *alternative;
	struct error *err = find_alternative(finding, name, &alternative);
	char *text;

	if (err || state <= alternative->state)
		return err;
	if (vasprintf(&text, format, args) < 0)
		return &error_no_memory;
	free(alternative->text);
	*alternative = (struct alternative){.state = state, .text = text, .has_citation = citation != NULL};
	if (citation)
		alternative->citation = *citation;
	/* What a person reads beside the sentence. */
	return speaks ? finding_add_counter(finding, "%s", text) : NULL;
}

struct error *link_rule_out(struct finding *finding, const char *name, enum evidence_kind kind, int64_t id,
			    uint64_t address, const char *format, ...)
{
	struct evidence citation = {.kind = kind, .id = id, .address = address, .link = LINK_NONE};
	struct error *err;
	va_list args;

	va_start(args, format);
	err = state_alternative(finding, name, ALTERNATIVE_RULED_OUT, &citation, false, format, args);
	va_end(args);
	return err;
}

#define LEAVE(how, speaks)                                                                                                   \
	({                                                                                                             \
		struct error *err_;                                                                                    \
		va_list args;                                                                                          \
                                                                                                                       \
		va_start(args, format);                                                                                \
		err_ = state_alternative(finding, name, how, NULL, speaks, format, args);                              \
		va_end(args);                                                                                          \
		err_;                                                                                                  \
	})

struct error *link_leave_open(struct finding *finding, const char *name, const char *format, ...)
{
	return LEAVE(ALTERNATIVE_OPEN, true);
}

struct error *link_leave_as_likely(struct finding *finding, const char *name, const char *format, ...)
{
	return LEAVE(ALTERNATIVE_AS_LIKELY, true);
}

struct error *link_leave_unseen(struct finding *finding, const char *name, const char *format, ...)
{
	return LEAVE(ALTERNATIVE_OPEN, false);
}

void link_mark_gap(struct finding *finding)
{
	if (finding->link_count)
		finding->links[finding->link_count - 1].over_gap = true;
}

void link_begin_background(struct finding *finding)
{
	finding->in_background = true;
}

enum finding_confidence link_confidence(const struct link *link)
{
	enum alternative_state worst = ALTERNATIVE_RULED_OUT;

	for (size_t i = 0; i < link->alternative_count; i++) {
		enum alternative_state state = link->alternatives[i].state ?: ALTERNATIVE_OPEN;

		if (state > worst)
			worst = state;
	}
	if (worst == ALTERNATIVE_AS_LIKELY)
		return CONFIDENCE_POSSIBLE;
	if (link->basis == BASIS_INFERRED)
		return worst == ALTERNATIVE_OPEN ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
	return worst == ALTERNATIVE_OPEN || link->over_gap ? CONFIDENCE_LIKELY : CONFIDENCE_PROVEN;
}

enum finding_confidence link_chain_confidence(const struct finding *finding)
{
	enum finding_confidence least = CONFIDENCE_PROVEN;

	for (size_t i = 0; i < finding->link_count; i++) {
		enum finding_confidence confidence = link_confidence(&finding->links[i]);

		if (confidence < least)
			least = confidence;
	}
	return least;
}
