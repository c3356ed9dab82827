
# The command and its arguments are completed as if they stood alone.
_pidfile_run() {
    local cur=$2 prev=$3 at
    # bash takes --option=value for three words.
    if [[ $prev == '=' ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $cur == '=' ]]; then
        cur=''
    fi
    if [[ ${COMP_WORDS[1]-} == systemd && $COMP_CWORD -eq 2 && $cur != -* ]]; then
        local units
        units=$(systemctl list-unit-files --type=service --no-legend --plain 2>/dev/null | awk '{ print $1 }')
        mapfile -t COMPREPLY < <(compgen -W "$units" -- "$cur")
        return 0
    fi
    case ${COMP_WORDS[1]-} in
        @SUBS@) if ((COMP_CWORD > 1)); then _pidfile_run_options "$1" "$cur" "$prev" && return; fi ;;
    esac
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --) ((at++)) && break ;;
            @VALUED@)
                ((at++))
                if [[ ${COMP_WORDS[at]-} == '=' ]]; then ((at++)); fi
                ;;
            -*) ;;
            *) if ((at > 1)) || [[ ${COMP_WORDS[at]} != check ]]; then break; fi ;;
        esac
    done
    if ((at < COMP_CWORD)); then
        COMPREPLY=()
        if declare -F _command_offset >/dev/null; then _command_offset "$at"; fi
        return 0
    fi
    _pidfile_run_options "$1" "$cur" "$prev"
    if ((at == COMP_CWORD)) && [[ -n $cur && $cur != -* ]]; then
        local commands
        mapfile -t commands < <(compgen -c -- "$cur" | sort -u)
        COMPREPLY+=("${commands[@]}")
    fi
}

complete -F _pidfile_run -o nosort -o bashdefault -o default pidfile-run
