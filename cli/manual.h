/* SPDX-License-Identifier: MIT */
/*
 * What else is made from the tables of verbs and of options: man pages, shell completions, and the tables themselves as
 * JSON. `corelate help --format=...` prints them; the build installs them.
 */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include <stdio.h>

#include "cli/cli.h"

/*
 * corelate-VERB(1), or corelate(1) for NULL. `prose` is what a person wrote for it (packaging/man/), NULL for nothing:
 * paragraphs; lines after four blanks are shown as they are; "- " begins an item; a paragraph whose second line begins
 * with ": " is a term and its definition; "## NAME" begins a section; `...` is bold. What stands before the first
 * section is the DESCRIPTION; the other sections follow what is made from the tables, and a SEE ALSO takes the place of
 * the usual one.
 */
void manual_write_page(const struct cli_command *command, const char *prose, FILE *out);

void manual_write_bash(FILE *out);
void manual_write_zsh(FILE *out);
void manual_write_fish(FILE *out);
struct error *manual_write_json(FILE *out) must_check;

#endif
