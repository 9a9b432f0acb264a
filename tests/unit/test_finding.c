/* SPDX-License-Identifier: MIT */
/* Findings: the order in which they rank, whatever order they came in, and the lines that they own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/finding.h"

#define SHUFFLES 200
#define assert_no_error(expression)                                                                                    \
	do {                                                                                                           \
		struct error *err_ = (expression);                                                                     \
		if (err_)                                                                                              \
			fail_msg("%s: %s", #expression, err_->message);                                                \
	} while (0)

static struct finding *append(struct finding_list *list, enum finding_class class, enum finding_confidence confidence,
			      size_t evidence_count, const char *summary)
{
	struct finding *finding;

	assert_no_error(finding_append(list, class, &finding));
	finding->confidence = confidence;
	assert_no_error(finding_set_summary(finding, "%s", summary));
	for (size_t i = 0; i < evidence_count; i++)
		assert_no_error(finding_add_evidence(finding, EVIDENCE_EVENT, (int64_t)i + 1, i, "line %zu", i));
	return finding;
}

static void shuffle(struct finding_list *list, unsigned *seed)
{
	for (size_t i = list->count; i > 1; i--) {
		size_t j = (size_t)rand_r(seed) % i;
		struct finding kept = list->findings[i - 1];

		list->findings[i - 1] = list->findings[j];
		list->findings[j] = kept;
	}
}

static void assert_summaries(const struct finding_list *list, const char *const *summaries, unsigned seed)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->findings[i].summary, summaries[i]) != 0)
			fail_msg("seed %u: place %zu: expected \"%s\", found \"%s\"", seed, i, summaries[i],
				 list->findings[i].summary);
	}
}

static void names_are_distinct(void **state)
{
	(void)state;
	for (int i = 0; i < FINDING_CLASS_COUNT; i++) {
		const char *name = finding_class_name((enum finding_class)i);

		assert_non_null(name);
		assert_true(name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, finding_class_name((enum finding_class)j));
	}
	assert_string_equal(finding_class_name(FINDING_UNKNOWN), "unknown");
	assert_string_equal(finding_class_name(FINDING_DOUBLE_MUNMAP), "double-munmap");
	assert_string_equal(finding_class_name(FINDING_USE_AFTER_MUNMAP), "use-after-munmap");
	assert_string_equal(finding_class_name(FINDING_CLASS_COUNT), "unknown");
	assert_string_equal(finding_confidence_name(CONFIDENCE_NONE), "none");
	assert_string_equal(finding_confidence_name(CONFIDENCE_POSSIBLE), "possible");
	assert_string_equal(finding_confidence_name(CONFIDENCE_LIKELY), "likely");
	assert_string_equal(finding_confidence_name(CONFIDENCE_PROVEN), "proven");
	assert_string_equal(evidence_kind_name(EVIDENCE_EVENT), "event");
	assert_string_equal(evidence_kind_name(EVIDENCE_SIGNAL), "signal");
	assert_string_equal(evidence_kind_name(EVIDENCE_MEMORY), "memory");
	assert_string_equal(evidence_kind_name(EVIDENCE_FRAME), "frame");
}

static void ranks_the_same_in_any_order(void **state)
{
	/* Confidence weighs most, then how specific the class is, then evidence. */
	static const char *const ranked[] = {
		"proven and specific",	 "proven with more", "proven with less", "likely and specific", "likely",
		"possible and specific", "possible",	     "nothing"};
	struct finding_list list = {0};
	unsigned seed = 1;

	(void)state;
	append(&list, FINDING_UNKNOWN, CONFIDENCE_NONE, 0, "nothing");
	append(&list, FINDING_USE_AFTER_MUNMAP, CONFIDENCE_POSSIBLE, 9, "possible");
	append(&list, FINDING_DOUBLE_MUNMAP, CONFIDENCE_POSSIBLE, 1, "possible and specific");
	append(&list, FINDING_USE_AFTER_MUNMAP, CONFIDENCE_LIKELY, 9, "likely");
	append(&list, FINDING_DOUBLE_MUNMAP, CONFIDENCE_LIKELY, 1, "likely and specific");
	append(&list, FINDING_USE_AFTER_MUNMAP, CONFIDENCE_PROVEN, 2, "proven with less");
	append(&list, FINDING_USE_AFTER_MUNMAP, CONFIDENCE_PROVEN, 3, "proven with more");
	append(&list, FINDING_DOUBLE_MUNMAP, CONFIDENCE_PROVEN, 1, "proven and specific");
	for (int round = 0; round < SHUFFLES; round++) {
		unsigned used = seed;

		shuffle(&list, &seed);
		finding_rank(&list);
		assert_summaries(&list, ranked, used);
	}
	finding_list_deinit(&list);
}

/* Two findings of one class and one weight: the order in which causes and ends ran must not show. */
static void ranks_equals_the_same_in_any_order(void **state)
{
	static const char *const texts[] = {"at 0x1000", "at 0x2000", "at 0x3000", "at 0x4000"};
	struct finding_list list = {0};
	const char *ranked[4];
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 4; i++)
		append(&list, FINDING_USE_AFTER_MUNMAP, CONFIDENCE_LIKELY, 2, texts[i]);
	finding_rank(&list);
	for (int i = 0; i < 4; i++)
		ranked[i] = list.findings[i].summary;
	for (int round = 0; round < SHUFFLES; round++) {
		unsigned used = seed;

		shuffle(&list, &seed);
		finding_rank(&list);
		assert_summaries(&list, ranked, used);
	}
	finding_list_deinit(&list);
}

static void ranks_none_and_one(void **state)
{
	struct finding_list list = {0};

	(void)state;
	finding_rank(&list);
	finding_list_deinit(&list);
	append(&list, FINDING_UNKNOWN, CONFIDENCE_NONE, 0, "only");
	finding_rank(&list);
	assert_string_equal(list.findings[0].summary, "only");
	finding_list_deinit(&list);
	assert_int_equal(list.count, 0);
	assert_null(list.findings);
	finding_list_deinit(&list);
}

static void begins_empty(void **state)
{
	struct finding_list list = {0};
	struct finding *finding;

	(void)state;
	assert_no_error(finding_append(&list, FINDING_DOUBLE_MUNMAP, &finding));
	assert_int_equal(list.count, 1);
	assert_ptr_equal(finding, &list.findings[0]);
	assert_int_equal(finding->class, FINDING_DOUBLE_MUNMAP);
	assert_int_equal(finding->confidence, CONFIDENCE_NONE);
	assert_null(finding->summary);
	assert_null(finding->next_step);
	assert_int_equal(finding->evidence_count + finding->counter_count + finding->missing_count, 0);
	finding_list_deinit(&list);
}

static void one_line_replaces_another(void **state)
{
	struct finding_list list = {0};
	struct finding *finding;

	(void)state;
	assert_no_error(finding_append(&list, FINDING_UNKNOWN, &finding));
	for (int i = 0; i < 2; i++) {
		assert_no_error(finding_set_summary(finding, "summary %d %s", i, "100%"));
		assert_no_error(finding_set_next_step(finding, "step %d", i));
	}
	assert_string_equal(finding->summary, "summary 1 100%");
	assert_string_equal(finding->next_step, "step 1");
	finding_list_deinit(&list);
}

static void lines_are_kept_in_order(void **state)
{
	struct finding_list list = {0};
	struct finding *finding;
	char text[32];

	(void)state;
	assert_no_error(finding_append(&list, FINDING_UNKNOWN, &finding));
	for (int i = 0; i < 50; i++) {
		assert_no_error(finding_add_counter(finding, "counter %d", i));
		assert_no_error(finding_add_missing(finding, "missing %d", i));
		assert_no_error(finding_add_evidence(finding, EVIDENCE_MEMORY, i, (uint64_t)i << 40, "evidence %d", i));
	}
	assert_int_equal(finding->counter_count, 50);
	assert_int_equal(finding->missing_count, 50);
	assert_int_equal(finding->evidence_count, 50);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "counter %d", i);
		assert_string_equal(finding->counter[i], text);
		snprintf(text, sizeof(text), "missing %d", i);
		assert_string_equal(finding->missing[i], text);
		snprintf(text, sizeof(text), "evidence %d", i);
		assert_string_equal(finding->evidence[i].text, text);
		assert_int_equal(finding->evidence[i].kind, EVIDENCE_MEMORY);
		assert_int_equal(finding->evidence[i].id, i);
		assert_int_equal(finding->evidence[i].address, (uint64_t)i << 40);
	}
	finding_list_deinit(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_distinct),
		cmocka_unit_test(ranks_the_same_in_any_order),
		cmocka_unit_test(ranks_equals_the_same_in_any_order),
		cmocka_unit_test(ranks_none_and_one),
		cmocka_unit_test(begins_empty),
		cmocka_unit_test(one_line_replaces_another),
		cmocka_unit_test(lines_are_kept_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
