/* SPDX-License-Identifier: MIT */
/* Completion for bash, which needs nothing of the bash-completion package. */
#include <string.h>

#include "cli/complete.h"
#include "cli/manual.h"
#include "cli/options.h"

static const char *const kind_names[] = {
	[COMPLETE_NOTHING] = "nothing", [COMPLETE_FILE] = "file", [COMPLETE_DIRECTORY] = "directory",
	[COMPLETE_PID] = "pid",		[COMPLETE_USER] = "user", [COMPLETE_COMM] = "comm",
	[COMPLETE_CRASH] = "crash",	[COMPLETE_VERB] = "verb", [COMPLETE_QUERY] = "query",
	[COMPLETE_COMMAND] = "command",
};

/* bash splits --name=value at the '=' as long as COMP_WORDBREAKS has it. */
static const char head[] =
	"# bash completion for corelate; made by corelate help --format=bash\n"
	"\n"
	"# _corelate_offer KIND [WORD...]: what may stand for the word that begins with $word\n"
	"_corelate_offer()\n"
	"{\n"
	"	local kind=$1\n"
	"\n"
	"	shift\n"
	"	case $kind in\n"
	"	words) mapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$word\") ;;\n"
	"	verb) mapfile -t COMPREPLY < <(compgen -W \"$_corelate_verbs\" -- \"$word\") ;;\n"
	"	pid) mapfile -t COMPREPLY < <(compgen -W \"$(cd /proc && printf '%s ' [1-9]*)\" -- \"$word\") ;;\n"
	"	comm) mapfile -t COMPREPLY < <(cat /proc/[1-9]*/comm 2>/dev/null | sort -u | grep -F -- \"$word\") ;;\n"
	"	user) mapfile -t COMPREPLY < <(compgen -u -- \"$word\") ;;\n"
	"	command) mapfile -t COMPREPLY < <(compgen -c -- \"$word\") ;;\n"
	"	file)\n"
	"		compopt -o filenames 2>/dev/null\n"
	"		mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
	"	directory)\n"
	"		compopt -o filenames 2>/dev/null\n"
	"		mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n";

static const char middle[] =
	"	esac\n"
	"}\n"
	"\n"
	"_corelate()\n"
	"{\n"
	"	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} joined= prefix= i operand=0\n"
	"	local options= valued= operands=() want=\n"
	"\n"
	"	COMPREPLY=()\n"
	"	if [ \"$word\" = = ]; then\n"
	"		word= joined=yes\n"
	"	elif [ \"$before\" = = ] && [ \"$COMP_CWORD\" -ge 2 ]; then\n"
	"		before=${COMP_WORDS[COMP_CWORD - 2]} joined=yes\n"
	"	elif [[ $word = --*=* ]]; then\n"
	"		before=${word%%=*} prefix=${word%%=*}= word=${word#*=} joined=yes\n"
	"	fi\n"
	"	if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	"		_corelate_offer words \"$_corelate_verbs\" --help --version\n"
	"		return\n"
	"	fi\n"
	"	case ${COMP_WORDS[1]} in\n";

static const char tail[] = "	*) return ;;\n"
			   "	esac\n"
			   "	if [ -n \"$want\" ]; then\n"
			   "		# shellcheck disable=SC2086 # a kind and its words\n"
			   "		_corelate_offer $want\n"
			   "		[ -z \"$prefix\" ] || COMPREPLY=(\"${COMPREPLY[@]/#/$prefix}\")\n"
			   "		return\n"
			   "	fi\n"
			   "	for ((i = 2; i < COMP_CWORD; i++)); do\n"
			   "		case ${COMP_WORDS[i]} in\n"
			   "		--) ;;\n"
			   "		-*) [[ \" $valued \" = *\" ${COMP_WORDS[i]} \"* ]] && i=$((i + 1)) ;;\n"
			   "		=) i=$((i + 1)) ;;\n"
			   "		*) operand=$((operand + 1)) ;;\n"
			   "		esac\n"
			   "	done\n"
			   "	if [[ $word = -* ]]; then\n"
			   "		_corelate_offer words \"$options\"\n"
			   "	elif [ \"${operands[0]}\" = command ] && [ \"$operand\" -gt 0 ]; then\n"
			   "		_corelate_offer file\n"
			   "	elif [ \"$operand\" -lt ${#operands[@]} ]; then\n"
			   "		_corelate_offer \"${operands[operand]}\"\n"
			   "	fi\n"
			   "}\n"
			   "\n"
			   "complete -F _corelate corelate\n";

static void write_names(const struct option_row *row, FILE *out)
{
	fprintf(out, "--%s", row->name);
	if (row->letter)
		fprintf(out, " -%c", row->letter);
}

static void write_values(const struct option_row *row, FILE *out)
{
	fprintf(out, "		--%s", row->name);
	if (row->letter)
		fprintf(out, " | -%c", row->letter);
	fputs(row->optional ? ") [ -z \"$joined\" ] || want='" : ") want='", out);
	if (row->words) {
		fputs("words ", out);
		complete_write_words(row->words, ' ', out);
	} else {
		fputs(kind_names[complete_kind_of(row->argument)], out);
	}
	fputs("' ;;\n", out);
}

static void write_verb(const struct cli_command *command, FILE *out)
{
	const struct option_row *rows[OPTION_TABLE_MAX];
	enum complete_kind kinds[COMPLETE_OPERANDS];
	size_t count = cli_options_of(command, rows), operands = complete_operands(command->arguments, kinds);
	const char *between = "";

	fprintf(out, "	%s)\n		options='", command->name);
	for (size_t i = 0; i < count; i++) {
		if (!rows[i]->help)
			continue;
		fputs(between, out);
		write_names(rows[i], out);
		between = " ";
	}
	fputs("'\n		valued='", out);
	between = "";
	for (size_t i = 0; i < count; i++) {
		if (!rows[i]->argument || rows[i]->optional)
			continue;
		fputs(between, out);
		write_names(rows[i], out);
		between = " ";
	}
	fputs("'\n		operands=(", out);
	for (size_t i = 0; i < operands; i++)
		fprintf(out, "%s%s", i ? " " : "", kind_names[kinds[i]]);
	fputs(")\n		case $before in\n", out);
	for (size_t i = 0; i < count; i++) {
		if (rows[i]->argument && rows[i]->help)
			write_values(rows[i], out);
	}
	fputs("		esac ;;\n", out);
}

void manual_write_bash(FILE *out)
{
	fputs(head, out);
	fprintf(out, "	query) mapfile -t COMPREPLY < <(compgen -W \"$(%s)\" -- \"$word\") ;;\n", complete_query_names);
	fprintf(out,
		"	crash)\n"
		"		compopt -o filenames 2>/dev/null\n"
		"		mapfile -t COMPREPLY < <(compgen -W \"$(%s)\" -- \"$word\" && [ -z \"$word\" ] ||\n"
		"			compgen -f -- \"$word\") ;;\n",
		complete_crash_ids);
	fputs(middle, out);
	for (size_t i = 0; i < cli_command_count; i++)
		write_verb(cli_commands[i], out);
	fputs(tail, out);
	fputs("_corelate_verbs='", out);
	for (size_t i = 0; i < cli_command_count; i++)
		fprintf(out, "%s%s", i ? " " : "", cli_commands[i]->name);
	fputs("'\n", out);
}
