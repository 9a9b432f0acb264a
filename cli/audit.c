/* SPDX-License-Identifier: MIT */
/* corelate audit: is a record whole? */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/utf8.h"
#include "schema/audit.h"
#include "schema/reader.h"

/* Of each check; the others are counted. */
#define SHOWN 20

struct audit {
	const struct cli_options *options;
	char check[64]; /* of the last finding */
	uint64_t of_check, all;
	json_t *findings; /* with --json */
	bool no_memory;
};

static void write_rest(const struct audit *audit)
{
	if (!audit->options->json && audit->of_check > SHOWN)
		printf("%s: and %" PRIu64 " more\n", audit->check, audit->of_check - SHOWN);
}

static json_t *json_of(const struct audit_finding *finding)
{
	cleanup_free char *message = utf8_clean(finding->message);

	return json_pack("{s:s, s:s, s:o, s:s, s:I, s:s}", "check", finding->check, "rule", finding->rule, "recording",
			 finding->recording_id ? json_integer(finding->recording_id) : json_null(), "table",
			 finding->table, "row", (json_int_t)finding->row_id, "message", message ? message : "");
}

static bool take_finding(void *context, const struct audit_finding *finding)
{
	struct audit *audit = context;

	if (strcmp(audit->check, finding->check) != 0) {
		write_rest(audit);
		snprintf(audit->check, sizeof(audit->check), "%s", finding->check);
		audit->of_check = 0;
	}
	audit->all++;
	if (++audit->of_check > SHOWN)
		return true;
	if (audit->findings) {
		audit->no_memory |= json_array_append_new(audit->findings, json_of(finding)) != 0;
		return !audit->no_memory;
	}
	printf("%s: ", finding->check);
	inert_write(finding->message, stdout);
	putchar('\n');
	return true;
}

static void write_sum(const struct audit *audit, const struct audit_sums *sums)
{
	write_rest(audit);
	printf("%" PRIu64 " %s in %" PRIu64 " %s of %" PRIu64 " %s\n", audit->all,
	       audit->all == 1 ? "finding" : "findings", sums->recordings,
	       sums->recordings == 1 ? "recording" : "recordings", sums->processes,
	       sums->processes == 1 ? "process" : "processes");
}

static struct error *write_json(const struct audit *audit, const struct audit_sums *sums)
{
	if (audit->no_memory)
		return &error_no_memory;
	return cli_json_write(audit->options,
			      json_pack("{s:O, s:I, s:I, s:I}", "findings", audit->findings, "count",
					(json_int_t)audit->all, "recordings", (json_int_t)sums->recordings, "processes",
					(json_int_t)sums->processes));
}

static struct error *open_audited(const struct cli_options *options, struct store_reader **ret)
{
	struct error *err;

	if (options->argument_count)
		return store_reader_create(options->arguments[0], ret);
	err = cli_open_store(options, ret);
	if (err || *ret)
		return err;
	return error_format(ERROR_NOT_FOUND, "%s: nothing was ever recorded here", options->database);
}

static struct error *run_audit(const struct cli_options *options, int *ret_status)
{
	json_auto_t *findings = options->json ? json_array() : NULL;
	struct audit audit = {.options = options, .findings = findings};
	struct audit_sums sums;
	cleanup_by(store_reader_destroy) struct store_reader *reader = NULL;
	struct error *err = open_audited(options, &reader) ?: store_reader_audit(reader, take_finding, &audit, &sums);

	if (err)
		return err;
	if (audit.all)
		*ret_status = CLI_FAILED;
	if (options->json)
		return write_json(&audit, &sums);
	write_sum(&audit, &sums);
	return NULL;
}

const struct cli_command cli_audit = {
	.name = "audit",
	.arguments = "[DATABASE]",
	.summary = "check that a record is whole: books, rows, order, lives, references",
	.details =
		"What was emitted must be stored or told of by a gap; each process must have its pids, start, parent, "
		"users and\n"
		"cgroup; times must be in order; a pid must have one owner at a time; a row must lead to rows that are "
		"there.\n"
		"One line a finding. What gc has removed is none.\n",
	.statuses = "0 the record is whole, 1 it is not or cannot be read, 2 bad usage, 3 no such database",
	.flags = CLI_DB | CLI_JSON,
	.most = 1,
	.run = run_audit,
};
