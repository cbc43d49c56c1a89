# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of qkdnf(1) and the programs beside it, from what each says of itself with --help. The
# arguments of what follows are a program and, of qkdnf, a verb.

# Each usage and each option in one line.
_qkdnf_help() {
    ARGP_HELP_FMT=rmargin=100000 "$@" --help 2>/dev/null
}

_qkdnf_verbs() {
    _qkdnf_help "$1" | sed -n 's/^  \([a-z][-a-z]*\) .*/\1/p'
}

# The first words that a verb takes, such as those of `session`: in its usage, after the options.
_qkdnf_actions() {
    _qkdnf_help "$@" |
        sed -n 's/^\(Usage:\|  or: \) .*\[OPTION\.\.\.\] \([a-z|]*\).*/\2/p' | tr '|' '\n'
}

_qkdnf_options() {
    _qkdnf_help "$@" | sed -n 's/^ \{2,6\}\(-., \)\{0,1\}\(--[-a-z]*\).*/\2/p'
}

# What the value of an option is, such as FILE; the option comes first.
_qkdnf_value_of() {
    local option=$1
    shift
    _qkdnf_help "$@" | sed -n "s/^ \{2,6\}\(-., \)\{0,1\}$option=\([A-Z]*\).*/\2/p"
}

_qkdnf_complete_value() {
    case $1 in
    FILE) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    esac
    compopt -o filenames 2>/dev/null
}

_qkdnf() {
    local asked=("$1") current=${COMP_WORDS[COMP_CWORD]} option='' words='' n_verbs=0 value
    COMPREPLY=()
    if [ "${1##*/}" = qkdnf ]; then
        n_verbs=1
        asked+=("${COMP_WORDS[1]}")
    fi
    # Bash takes `=` for a word.
    if [ "$current" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 1]} current=''
    elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --* ]]; then
        option=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    [[ $option == --* ]] && value=$(_qkdnf_value_of "$option" "${asked[@]}")
    if [ "$COMP_CWORD" -eq "$n_verbs" ]; then
        words="$(_qkdnf_verbs "$1") --help --version"
    elif [ -n "$value" ]; then
        _qkdnf_complete_value "$value" "$current"
        return
    elif [[ $current == -* ]]; then
        words=$(_qkdnf_options "${asked[@]}")
    else
        words=$(_qkdnf_actions "${asked[@]}")
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _qkdnf qkdnf qkdnf-agent qkdnf-bench qkdnf-platform
