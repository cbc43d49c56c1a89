# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of qkdnf(1), from what the program says of itself with --help.

_qkdnf_verbs() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][-a-z]*\) .*/\1/p'
}

# The first words that a verb takes, such as those of `session`: in its usage, after the options.
_qkdnf_actions() {
    "$1" "$2" --help 2>/dev/null |
        sed -n 's/^\(Usage:\|  or: \) .*\[OPTION\.\.\.\] \([a-z|]*\).*/\2/p' | tr '|' '\n'
}

_qkdnf_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^ \{2,6\}\(-., \)\{0,1\}\(--[-a-z]*\).*/\2/p'
}

# What an option's value is, such as FILE.
_qkdnf_value_of() {
    "$1" "$2" --help 2>/dev/null | sed -n "s/^ \{2,6\}\(-., \)\{0,1\}$3=\([A-Z]*\).*/\2/p"
}

_qkdnf_complete_value() {
    case $1 in
    FILE) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
    esac
    compopt -o filenames 2>/dev/null
}

_qkdnf() {
    local program=$1 current=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} option='' words=''
    COMPREPLY=()
    # Bash takes `=` for a word.
    if [ "$current" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 1]} current=''
    elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --* ]]; then
        option=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="$(_qkdnf_verbs "$program") --help --version"
    elif [[ $option == --* && -n $(_qkdnf_value_of "$program" "$verb" "$option") ]]; then
        _qkdnf_complete_value "$(_qkdnf_value_of "$program" "$verb" "$option")" "$current"
        return
    elif [[ $current == -* ]]; then
        words=$(_qkdnf_options "$program" "$verb")
    else
        words=$(_qkdnf_actions "$program" "$verb")
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _qkdnf qkdnf
