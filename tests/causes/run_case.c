/* SPDX-License-Identifier: MIT */
/*
 * Runs one case: run_case DIRECTORY. Reads DIRECTORY/facts, lets the causes and ends judge, and compares with
 * DIRECTORY/expected. Status 0: as expected; 1: not; 2: the case itself is broken. README.md has both formats.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/causes.h"
#include "common/cleanup.h"
#include "tests/causes/facts.h"

#define MAX_CAUSES 64
#define ALL_ORDERS_UP_TO 4
#define RANDOM_ORDERS 20

struct run {
	const char *directory;
	struct crash crash;
	struct finding_list findings;
	unsigned failures;
};

static void fail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct run *run, const char *format, ...)
{
	va_list args;

	printf("%s: ", run->directory);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	run->failures++;
}

static void print_lines(FILE *out, const char *title, char *const *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "    %s: %s\n", title, lines[i]);
}

static void describe_culprit(FILE *out, const char *title, const struct culprit *culprit)
{
	if (culprit->kind != CULPRIT_NONE)
		fprintf(out, "    %s: %s %s, by %s %" PRId64 "\n", title, culprit_kind_name(culprit->kind), culprit->name,
			evidence_kind_name(culprit->act), culprit->act_id);
}

static void describe_chain(FILE *out, const struct finding *finding)
{
	for (size_t i = 0; i < finding->link_count; i++) {
		const struct link *link = &finding->links[i];

		fprintf(out, "    link: %s, %s, %s%s: %s\n", link->kind->name, basis_name(link->basis),
			node_kind_name(link->node.kind), link->over_gap ? ", over a gap" : "", link->text);
		for (size_t j = 0; j < link->alternative_count; j++)
			fprintf(out, "      %s: %s: %s\n", alternative_state_name(link->alternatives[j].state),
				link->kind->alternatives[j], link->alternatives[j].text ?: "");
	}
	describe_culprit(out, "culprit", &finding->culprit);
	describe_culprit(out, "suspect", &finding->suspect);
	if (finding->lost_at)
		fprintf(out, "    lost at: %s; would show it: %s\n", finding->lost_at, finding->would_show ?: "(nothing)");
}

/* All that a finding says, so that two results can be compared as text. The caller frees it. */
static char *describe(const struct finding_list *findings)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->findings[i];

		fprintf(out, "  %s, %s: %s\n", finding_class_name(finding->class),
			finding_confidence_name(finding->confidence), finding->summary ?: "(no summary)");
		for (size_t j = 0; j < finding->evidence_count; j++)
			fprintf(out, "    evidence: %s %" PRId64 " 0x%" PRIx64 " %s\n",
				evidence_kind_name(finding->evidence[j].kind), finding->evidence[j].id,
				finding->evidence[j].address, finding->evidence[j].text);
		describe_chain(out, finding);
		print_lines(out, "counter", finding->counter, finding->counter_count);
		print_lines(out, "missing", finding->missing, finding->missing_count);
		fprintf(out, "    next: %s\n", finding->next_step ?: "(none)");
	}
	if (fclose(out))
		abort();
	return text;
}

static void stop_on(const struct run *run, struct error *err)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %s\n", run->directory, err->message);
	exit(BAD_INPUT_STATUS);
}

/* ---- the order of causes must not show ---- */

static void run_in_order(struct run *run, const size_t *order, const char *expected)
{
	struct finding_list findings = {0};
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < cause_count; i++)
		stop_on(run, causes[order[i]].run(&run->crash, &findings));
	finding_rank(&findings);
	text = describe(&findings);
	/* Only causes_judge() adds the finding that stands for none. */
	if (findings.count ? strcmp(text, expected) != 0 : run->findings.findings[0].class != FINDING_UNKNOWN) {
		fail(run, "another order of the causes gives another result. The order:");
		for (size_t i = 0; i < cause_count; i++)
			printf("  %s\n", causes[order[i]].name);
		printf("its result:\n%sthe result in the listed order:\n%s", text, expected);
	}
	finding_list_deinit(&findings);
}

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

static void run_permutations(struct run *run, size_t *order, size_t fixed, const char *expected)
{
	if (fixed == cause_count) {
		run_in_order(run, order, expected);
		return;
	}
	for (size_t i = fixed; i < cause_count; i++) {
		swap(&order[fixed], &order[i]);
		run_permutations(run, order, fixed + 1, expected);
		swap(&order[fixed], &order[i]);
	}
}

static void run_orders(struct run *run, const char *expected)
{
	size_t order[MAX_CAUSES];
	const char *wanted_seed = getenv("RUN_CASE_SEED");
	unsigned seed = wanted_seed ? (unsigned)strtoul(wanted_seed, NULL, 0) : (unsigned)time(NULL);

	if (cause_count > MAX_CAUSES)
		abort();
	for (size_t i = 0; i < cause_count; i++)
		order[i] = i;
	if (cause_count <= ALL_ORDERS_UP_TO) {
		run_permutations(run, order, 0, expected);
		return;
	}
	printf("RUN_CASE_SEED=%u\n", seed);
	for (int round = 0; round < RANDOM_ORDERS; round++) {
		for (size_t i = cause_count; i > 1; i--)
			swap(&order[i - 1], &order[(size_t)rand_r(&seed) % i]);
		run_in_order(run, order, expected);
	}
}

/* ---- what holds for every finding ---- */

/* That a link is inferred is a reason. */
static bool is_inferred(const struct finding *finding)
{
	for (size_t i = 0; i < finding->link_count; i++) {
		if (finding->links[i].basis == BASIS_INFERRED)
			return true;
	}
	return false;
}

static bool is_listed(const struct link_kind *kind)
{
	for (size_t i = 0; i < cause_count; i++) {
		for (size_t j = 0; j < CAUSE_KINDS; j++) {
			if (causes[i].kinds[j] == kind)
				return true;
		}
	}
	return false;
}

/* The kind is in the list's row of a cause of this class's, and every alternative of it was looked at. */
static void check_chain(struct run *run, const struct finding *finding)
{
	const char *name = finding_class_name(finding->class);

	if (finding_class_is_end(finding->class) && (finding->link_count || finding->culprit.kind))
		fail(run, "%s is an end, and has links or a culprit", name);
	for (size_t i = 0; i < finding->link_count; i++) {
		const struct link *link = &finding->links[i];
		bool cited = false;

		for (size_t j = 0; j < finding->evidence_count; j++)
			cited |= finding->evidence[j].link == i;
		if (!cited)
			fail(run, "%s: the link %s cites nothing", name, link->kind->name);
		if (!is_listed(link->kind))
			fail(run, "%s: the kind of link %s is in no row of the list", name, link->kind->name);
		for (size_t j = 0; j < link->alternative_count; j++) {
			if (link->alternatives[j].state == ALTERNATIVE_NOT_EXAMINED)
				fail(run, "%s: the link %s does not examine %s", name, link->kind->name,
				     link->kind->alternatives[j]);
		}
	}
	if (finding->link_count && finding->links[finding->link_count - 1].kind->class != finding->class)
		fail(run, "%s: the last link's kind gives another class", name);
	for (size_t j = 0; finding->culprit.kind && j <= finding->evidence_count; j++) {
		if (j == finding->evidence_count)
			fail(run, "%s: the culprit's act is not among the evidence", name);
		else if (finding->evidence[j].kind == finding->culprit.act &&
			 finding->evidence[j].id == finding->culprit.act_id && finding->evidence[j].link != LINK_NONE)
			break;
	}
}

/* The most characters of a sentence that is shown to people. */
#define MOST_CHARACTERS 200

/* One sentence, in plain technical English. */
static void check_words(struct run *run, const char *what, const char *text)
{
	static const char *const avoided[] = {"had taken", "in the place of", "came upon", "that was not its own", " stands ",
					      " tells "};

	if (text && strlen(text) > MOST_CHARACTERS)
		fail(run, "the %s has %zu characters: %s", what, strlen(text), text);
	for (size_t i = 0; text && i < sizeof(avoided) / sizeof(avoided[0]); i++) {
		if (strstr(text, avoided[i]))
			fail(run, "the %s says \"%s\": %s", what, avoided[i], text);
	}
}

static void check_sentences(struct run *run, const struct finding *finding)
{
	check_words(run, "summary", finding->summary);
	check_words(run, "next step", finding->next_step);
	check_words(run, "place where the trail is lost", finding->lost_at);
	for (size_t i = 0; i < finding->link_count; i++)
		check_words(run, "clause of a link", finding->links[i].text);
}

static void check_findings(struct run *run)
{
	for (size_t i = 0; i < run->findings.count; i++) {
		const struct finding *finding = &run->findings.findings[i];
		const char *name = finding_class_name(finding->class);
		bool sure = finding->confidence == CONFIDENCE_PROVEN;

		if (!finding->summary)
			fail(run, "%s has no summary", name);
		check_sentences(run, finding);
		if ((finding->class == FINDING_UNKNOWN) != (finding->confidence == CONFIDENCE_NONE))
			fail(run, "%s has the confidence %s", name, finding_confidence_name(finding->confidence));
		if (finding->class == FINDING_UNKNOWN)
			continue;
		if (!finding->evidence_count)
			fail(run, "%s stands on no evidence", name);
		if (sure && finding->counter_count)
			fail(run, "%s is called proven, but something speaks against it", name);
		if (!sure && !finding->counter_count && !finding->missing_count && !is_inferred(finding))
			fail(run, "%s is not proven, and does not say why", name);
		check_chain(run, finding);
	}
}

/* ---- expectations ---- */

static bool is_one_of(const char *alternatives, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = alternatives;; at++) {
		size_t part = strcspn(at, "|");

		if (part == length && strncmp(at, name, part) == 0)
			return true;
		at += part;
		if (!*at)
			return false;
	}
}

static bool any_holds(char *const *lines, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(lines[i], text))
			return true;
	}
	return false;
}

static bool evidence_holds(const struct finding *finding, const char *text)
{
	for (size_t i = 0; i < finding->evidence_count; i++) {
		if (strstr(finding->evidence[i].text, text))
			return true;
	}
	return false;
}

static void check_names(const char *alternatives, const char *const *known, size_t known_count, const char *place)
{
	cleanup_free char *copied = strdup(alternatives);
	char *rest = copied;

	for (char *name = strsep(&rest, "|"); name; name = strsep(&rest, "|")) {
		bool found = false;

		for (size_t i = 0; i < known_count; i++)
			found |= strcmp(known[i], name) == 0;
		if (!found) {
			fprintf(stderr, "%s: no such name: \"%s\"\n", place, name);
			exit(BAD_INPUT_STATUS);
		}
	}
}

static void check_class_names(const char *alternatives, const char *place)
{
	const char *known[FINDING_CLASS_COUNT];

	for (int i = 0; i < FINDING_CLASS_COUNT; i++)
		known[i] = finding_class_name((enum finding_class)i);
	check_names(alternatives, known, FINDING_CLASS_COUNT, place);
}

static void check_confidence_names(const char *alternatives, const char *place)
{
	const char *known[CONFIDENCE_PROVEN + 1];

	for (int i = 0; i <= CONFIDENCE_PROVEN; i++)
		known[i] = finding_confidence_name((enum finding_confidence)i);
	check_names(alternatives, known, CONFIDENCE_PROVEN + 1, place);
}

/* "none" for nobody. */
static bool names_culprit(const struct culprit *culprit, const char *text)
{
	if (culprit->kind == CULPRIT_NONE)
		return strcmp(text, "none") == 0;
	return strstr(culprit->name, text) || (culprit->comm && strstr(culprit->comm, text));
}

static bool check_text(struct run *run, const char *keyword, const char *text, const char *place)
{
	static const char *const fields[] = {"summary", "evidence", "counter", "missing", "culprit",
					     "suspect", "lost",	    "would-show"};
	const struct finding *verdict = &run->findings.findings[0];
	const char *holds = "holds";
	bool negated = false, found = false;
	size_t length = strlen(keyword);

	if (length > 4 && strcmp(keyword + length - 4, "-not") == 0) {
		negated = true;
		length -= 4;
		holds = "must not hold";
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i]) != length || strncmp(fields[i], keyword, length) != 0)
			continue;
		switch (i) {
		case 0:
			found = verdict->summary && strstr(verdict->summary, text);
			break;
		case 1:
			found = evidence_holds(verdict, text);
			break;
		case 2:
			found = any_holds(verdict->counter, verdict->counter_count, text);
			break;
		case 3:
			found = any_holds(verdict->missing, verdict->missing_count, text);
			break;
		case 4:
			found = names_culprit(&verdict->culprit, text);
			break;
		case 5:
			found = names_culprit(&verdict->suspect, text);
			break;
		case 6:
			found = verdict->lost_at && strstr(verdict->lost_at, text);
			break;
		default:
			found = verdict->would_show && strstr(verdict->would_show, text);
		}
		if (found == negated)
			fail(run, "%s: expected: %s of the verdict %s \"%s\"", place, fields[i], holds, text);
		return true;
	}
	return false;
}

static bool has_link(const struct finding *verdict, const char *text)
{
	char line[256];

	for (size_t i = 0; i < verdict->link_count; i++) {
		snprintf(line, sizeof(line), "%s %s", verdict->links[i].kind->name,
			 basis_name(verdict->links[i].basis));
		if (strcmp(line, text) == 0 || strcmp(verdict->links[i].kind->name, text) == 0)
			return true;
	}
	return false;
}

static bool has_alternative(const struct finding *verdict, const char *name, const char *state)
{
	for (size_t i = 0; i < verdict->link_count; i++) {
		for (size_t j = 0; j < verdict->links[i].alternative_count; j++) {
			if (strcmp(verdict->links[i].kind->alternatives[j], name) == 0 &&
			    strcmp(alternative_state_name(verdict->links[i].alternatives[j].state), state) == 0)
				return true;
		}
	}
	return false;
}

static bool check_chain_line(struct run *run, const char *keyword, const char *text, const char *place)
{
	static const struct {
		const char *keyword, *state;
	} states[] = {{"ruled-out", "ruled out"}, {"open", "open"}, {"as-likely", "as likely"}};
	const struct finding *verdict = &run->findings.findings[0];

	if (strcmp(keyword, "link") == 0) {
		if (!has_link(verdict, text))
			fail(run, "%s: expected a link \"%s\"", place, text);
		return true;
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(keyword, states[i].keyword) != 0)
			continue;
		if (!has_alternative(verdict, text, states[i].state))
			fail(run, "%s: the alternative %s is not %s", place, text, states[i].state);
		return true;
	}
	return false;
}

/* "heap-overflow possible": some finding is that, and as sure. */
static void check_also(struct run *run, const char *text, const char *place)
{
	char line[128];

	for (size_t i = 0; i < run->findings.count; i++) {
		snprintf(line, sizeof(line), "%s %s", finding_class_name(run->findings.findings[i].class),
			 finding_confidence_name(run->findings.findings[i].confidence));
		if (strcmp(line, text) == 0)
			return;
	}
	fail(run, "%s: there is no finding \"%s\"", place, text);
}

static void check_line(struct run *run, const char *keyword, const char *text, const char *place, bool *has_verdict)
{
	const struct finding *verdict = &run->findings.findings[0];
	const char *class = finding_class_name(verdict->class);
	const char *confidence = finding_confidence_name(verdict->confidence);

	if (strcmp(keyword, "verdict") == 0) {
		*has_verdict = true;
		check_class_names(text, place);
		if (!is_one_of(text, class))
			fail(run, "%s: verdict\n  expected  %s\n  found     %s", place, text, class);
	} else if (strcmp(keyword, "confidence") == 0) {
		check_confidence_names(text, place);
		if (!is_one_of(text, confidence))
			fail(run, "%s: confidence of the verdict\n  expected  %s\n  found     %s", place, text,
			     confidence);
	} else if (strcmp(keyword, "not") == 0) {
		check_class_names(text, place);
		if (is_one_of(text, class))
			fail(run, "%s: the verdict must not be %s", place, class);
	} else if (strcmp(keyword, "absent") == 0) {
		check_class_names(text, place);
		for (size_t i = 0; i < run->findings.count; i++) {
			if (is_one_of(text, finding_class_name(run->findings.findings[i].class)))
				fail(run, "%s: there must be no finding %s", place, text);
		}
	} else if (strcmp(keyword, "also") == 0) {
		check_also(run, text, place);
	} else if (strcmp(keyword, "end") == 0) {
		check_class_names(text, place);
		if (!is_one_of(text, finding_class_name(run->findings.end.class)))
			fail(run, "%s: the end's class\n  expected  %s\n  found     %s", place, text,
			     finding_class_name(run->findings.end.class));
	} else if (!check_chain_line(run, keyword, text, place) && !check_text(run, keyword, text, place)) {
		fprintf(stderr, "%s: unknown keyword: \"%s\"\n", place, keyword);
		exit(BAD_INPUT_STATUS);
	}
}

static void check_expected(struct run *run, const char *path)
{
	cleanup_file FILE *file = fopen(path, "r");
	bool has_verdict = false;
	char line[1024];
	char *place = NULL;
	unsigned number = 0;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(BAD_INPUT_STATUS);
	}
	while (fgets(line, sizeof(line), file)) {
		char *text, *keyword = line + strspn(line, " \t");

		number++;
		line[strcspn(line, "\n")] = 0;
		if (!*keyword || *keyword == '#')
			continue;
		if (asprintf(&place, "%s:%u", path, number) < 0)
			abort();
		text = keyword + strcspn(keyword, " \t");
		if (*text)
			*text++ = 0;
		text += strspn(text, " \t");
		if (!*text) {
			fprintf(stderr, "%s: \"%s\" says nothing\n", place, keyword);
			exit(BAD_INPUT_STATUS);
		}
		check_line(run, keyword, text, place, &has_verdict);
		free(place);
	}
	if (!has_verdict) {
		fprintf(stderr, "%s: no line \"verdict\"\n", path);
		exit(BAD_INPUT_STATUS);
	}
}

int main(int argc, char **argv)
{
	cleanup_free char *facts = NULL, *expected = NULL, *text = NULL, *again = NULL;
	struct run run = {.directory = argv[1]};
	struct finding_list second;

	if (argc != 2) {
		fprintf(stderr, "usage: run_case DIRECTORY\n");
		return BAD_INPUT_STATUS;
	}
	if (asprintf(&facts, "%s/facts", argv[1]) < 0 || asprintf(&expected, "%s/expected", argv[1]) < 0)
		abort();
	facts_read(facts, &run.crash);
	stop_on(&run, causes_judge(&run.crash, &run.findings));
	if (!run.findings.count) {
		fail(&run, "causes_judge() found nothing, not even unknown");
		return 1;
	}
	text = describe(&run.findings);
	/* A cause that remembers something says something else the second time. */
	stop_on(&run, causes_judge(&run.crash, &second));
	again = describe(&second);
	if (strcmp(text, again) != 0)
		fail(&run, "a second run gives another result:\n%sthan the first:\n%s", again, text);
	run_orders(&run, text);
	check_findings(&run);
	check_expected(&run, expected);
	if (run.failures)
		printf("the findings:\n%s", text);
	finding_list_deinit(&second);
	finding_list_deinit(&run.findings);
	facts_release(&run.crash);
	return run.failures ? 1 : 0;
}
