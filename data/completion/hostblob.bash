# SPDX-License-Identifier: MIT
# bash completion of 'hostblob'.

# The names in the run directory: as cheap as a look at a folder.
_hostblob_devices()
{
    local directory=${HOSTBLOB_RUN_DIR:-${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/hostblob}} socket

    for socket in "${directory:-/run/hostblob}"/*.control; do
        [[ -S $socket ]] || continue
        socket=${socket##*/}
        printf '%s\n' "${socket%.control}"
    done
}

# The numbers of a GPU's outputs.
_hostblob_outputs()
{
    hostblob outputs --json "$1" 2>/dev/null | sed -n 's/^ *"output": *\([0-9]*\),*$/\1/p'
}

# The words of the command line that are no options: "gpu 0".
_hostblob_plain()
{
    local i

    plain=()
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i]} == = ]] || plain+=("${COMP_WORDS[i]}")
    done
}

_hostblob_reply()
{
    local IFS=$'\n'

    COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

_hostblob_settings()
{
    case $line in
    log-level=*) _hostblob_reply $'error\nwarning\ninfo\ndebug' ;;
    poll=*) _hostblob_reply $'0\n20\n50\n100' ;;
    limit=*) _hostblob_reply "$(hostblob limits "${plain[0]}" 2>/dev/null |
        awk 'NR > 2 { print $1 "=" }')" && compopt -o nospace ;;
    *) _hostblob_reply $'log-level=\npoll=\nlimit=' && compopt -o nospace ;;
    esac
}

_hostblob_files()
{
    compopt -o filenames
    local IFS=$'\n'
    COMPREPLY=($(compgen -f -- "$cur"))
}

# By its name, or by the path of its control socket.
_hostblob_device()
{
    if [[ $cur == */* ]]; then
        _hostblob_files
    else
        _hostblob_reply "$(_hostblob_devices)"
    fi
}

# A device, and behind it what the command wants.
_hostblob_arguments()
{
    case $command:${#plain[@]} in
    run:* | check:*) _hostblob_files ;;
    list:* | top:* | maps:* | limits:* | processes:* | metrics:*) _hostblob_device ;;
    *:0) _hostblob_device ;;
    output:1) _hostblob_reply "$(_hostblob_outputs "${plain[0]}")" ;;
    output:2) _hostblob_reply $'1920x1080@60\n1280x720@60\noff' ;;
    screenshot:*) _hostblob_files ;;
    set:*) _hostblob_settings ;;
    esac
}

_hostblob_options()
{
    case $command in
    run) _hostblob_reply $'--device\n--once\n--watchdog=\n--cgroup=\n--help' ;;
    list | maps | limits | processes | resources | contexts | sessions | outputs | check | set)
        _hostblob_reply $'--json\n--help' ;;
    top) _hostblob_reply $'--interval=\n--count=\n--json\n--help' ;;
    metrics) _hostblob_reply $'--output=\n--help' ;;
    screenshot) _hostblob_reply $'--pointer\n--help' ;;
    upgrade) _hostblob_reply $'--program=\n--force\n--seconds=\n--help' ;;
    *) _hostblob_reply --help ;;
    esac
    [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

_hostblob()
{
    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} line plain
    local commands='run check list top maps limits processes resources contexts sessions outputs
        output screenshot set metrics upgrade'

    COMPREPLY=()
    line=${COMP_LINE:0:COMP_POINT}
    line=${line##* }
    [[ $cur != = ]] || cur=
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$cur"))
        return
    fi
    _hostblob_plain
    case $line in
    --output=* | --program=* | --cgroup=/*) _hostblob_files ;;
    --cgroup=*) _hostblob_reply $'auto\nnone' ;;
    --*=*) ;;
    -*) _hostblob_options ;;
    *) _hostblob_arguments ;;
    esac
}

complete -F _hostblob hostblob
