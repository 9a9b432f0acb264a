#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The completions, loaded and asked by the shells themselves.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core
id=$("$corelate" list --db story.db --json | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p')
[ -n "$id" ] || fail 'the fixture has no crash with an id'
mkdir bin functions files
ln -s "$corelate" bin/corelate
: >files/a-core
for shell in bash zsh fish; do
	accept "$corelate" help --format=$shell
	cp out completion.$shell
done
cp completion.zsh functions/_corelate
export CORELATE_DB=$work/story.db PATH=$work/bin:$PATH HOME=$work

# Each complete_SHELL 'COMMAND LINE' prints what the shell offers at the end of the line, one a line.

cat >ask.bash <<'END'
. completion.bash
COMP_LINE=$1
# As readline splits it: '=' is a word of its own.
eval "COMP_WORDS=(${COMP_LINE//=/ = })"
[[ $COMP_LINE != *[' ='] || $COMP_LINE = *= ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}
_corelate
printf '%s\n' "${COMPREPLY[@]}"
END
complete_bash() {
	bash --norc --noprofile ask.bash "$1"
}

complete_fish() {
	fish --no-config -c 'source completion.fish; complete -C $argv[1]' "$1" | cut -f1
}

# zsh completes on a terminal only; compadd tells what would be offered.
cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty asked zsh -f -i
zpty -w asked "PROMPT= ; fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -u -D -d $PWD/dump; cd $PWD"
zpty -w asked 'compadd () { [[ "${(j: :)@}" == *-[OAD]* ]] && { builtin compadd "$@"; return }; local -a offered; builtin compadd -O offered "$@"; print -r -l -- "offered:"${^offered}; builtin compadd "$@" }'
zpty -w asked 'zle -C asked list-choices _main_complete; bindkey "^I" asked; zle-done () { print -r -- "do""ne:"; exit }; zle -N zle-done; bindkey "^X" zle-done'
zpty -w asked 'print -r -- "re""ady:"'
zpty -r asked text '*ready:*' >/dev/null
zpty -w -n asked "$1"$'\t'
zpty -w -n asked $'\x18'
zpty -r asked text '*done:*' >/dev/null
print -r -- "$text"
END
complete_zsh() {
	TERM=dumb timeout 20 zsh -f ask.zsh "$1" | tr -d '\r' | sed -n 's/.*offered:\([^ ]*\) *$/\1/p' | sed 's/=$//' | sort -u
}

# offers SHELL 'LINE' WORD...: all of them are offered.
offers() {
	local shell=$1 line=$2 word

	shift 2
	checks=$((checks + 1))
	# What is offered for the rest of a word, whether the shell prints all of it or not.
	complete_$shell "$line" 2>complaints | sed 's/^--[a-z-]*=\(.\)/\1/; s,.*/,,' >offered || true
	for word in "$@"; do
		grep -qxF -- "$word" offered || {
			fail "$shell offers no '$word' for '$line' but: $(tr '\n' ' ' <offered)"
			show complaints
		}
	done
}

# offers_only SHELL 'LINE' WORD...
offers_only() {
	offers "$@"
	[ "$(sort -u offered | grep -c .)" -eq $(($# - 2)) ] || fail "$1 offers more than that for '$2': $(tr '\n' ' ' <offered)"
}

tried=0
for shell in bash zsh fish; do
	command -v $shell >/dev/null || {
		echo "partly skipped: $shell is not installed"
		continue
	}
	tried=$((tried + 1))
	offers_only $shell 'corelate ex' explain
	offers $shell 'corelate ' record list explain sql help
	offers_only $shell 'corelate report --f' --format
	offers $shell 'corelate report --format=' text json markdown html sarif
	offers_only $shell 'corelate help ex' explain
	offers $shell 'corelate explain ' "$id"
	offers_only $shell 'corelate explain '"${id:0:4}" "$id"
	offers $shell 'corelate explain files/' a-core
	offers $shell 'corelate why 0x1000 ' "$id"
	offers $shell 'corelate explain --js' --json
	offers_only $shell 'corelate sql lim'
	offers_only $shell 'corelate sql who-un' who-unmapped
	offers $shell 'corelate sql --show who-un' who-unmapped
	offers $shell 'corelate stack nginx ' "$id"
	offers $shell 'corelate record --stack-e' --stack-events
done
offers bash 'corelate report --format ' text json markdown html sarif
offers bash 'corelate record --user r' root
offers bash 'corelate record -- tr' true
# Where '=' does not separate words.
COMPREPLY=()
. ./completion.bash
COMP_WORDS=(corelate report --format=ht) COMP_CWORD=2
_corelate
[ "${COMPREPLY[*]}" = --format=html ] || fail "--format=ht as one word becomes ${COMPREPLY[*]}"
[ "$tried" -gt 0 ] || exit 77
finish
