# shellcheck shell=bash
# Completion of pidfile-run(1) for bash. It is loaded by the name of the command, or by `source`.

_pidfile_run() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} first=${COMP_WORDS[1]-}
    local options='--pidfile --exe --follow --signal --kill-after --watch --strict --guard --log --trace --library --force --help --version'
    local signals='HUP INT QUIT USR1 USR2 TERM KILL CONT STOP WINCH'
    COMPREPLY=()

    # bash takes --option=value for three words.
    if [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $word == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 1]} word=''
    fi
    case $before in
        --follow) _pidfile_run_words 'auto fork off' && return ;;
        --watch) _pidfile_run_words 'auto inotify poll poll: off' && return ;;
        --log) _pidfile_run_words 'auto stderr syslog off' && return ;;
        --signal) _pidfile_run_words "$signals" && return ;;
        --type) _pidfile_run_words 'simple exec forking notify dbus oneshot' && return ;;
        --kill-after | -t | -e | --exe) return ;;
        -p | --pidfile | --library) _pidfile_run_files && return ;;
    esac

    case $COMP_CWORD:$first in
        1:-*) _pidfile_run_words "$options" ;;
        1:*)
            _pidfile_run_words 'status stop signal list systemd'
            [[ -z $word ]] || _pidfile_run_commands
            ;;
        2:signal) _pidfile_run_words "$signals" ;;
        *:status | *:signal) _pidfile_run_files ;;
        *:stop) if [[ $word == -* ]]; then _pidfile_run_words '-t'; else _pidfile_run_files; fi ;;
        *:list) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        *:systemd)
            if [[ $word == -* ]]; then
                _pidfile_run_words "--type $options"
            else
                _pidfile_run_words "$(systemctl list-unit-files --type=service --no-legend --plain 2>/dev/null | awk '{ print $1 }')"
            fi
            ;;
        *) _pidfile_run_command_line ;;
    esac
}

_pidfile_run_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}

_pidfile_run_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_pidfile_run_commands() {
    local commands
    mapfile -t commands < <(compgen -c -- "$word" | sort -u)
    COMPREPLY+=("${commands[@]}")
}

# Options, the command, and then what the command wants: bash-completion knows, where it is there.
_pidfile_run_command_line() {
    local at
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --) ((at++)) && break ;;
            -p | -e | --pidfile | --exe | --follow | --signal | --kill-after | --watch | --log | --library)
                ((at++))
                if [[ ${COMP_WORDS[at]-} == '=' ]]; then ((at++)); fi
                ;;
            -*) ;;
            *) break ;;
        esac
    done
    if ((at < COMP_CWORD)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$at"
        else
            _pidfile_run_files
        fi
    elif [[ $word == -* ]]; then
        _pidfile_run_words "$options"
    else
        COMPREPLY=()
        _pidfile_run_commands
    fi
}

complete -F _pidfile_run pidfile-run
