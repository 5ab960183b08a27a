# SPDX-License-Identifier: MIT
# fish completion of 'hostblob'.

# The names in the run directory: as cheap as a look at a folder.
function __hostblob_devices
    set -l directory /run/hostblob
    if set -q HOSTBLOB_RUN_DIR[1]
        set directory $HOSTBLOB_RUN_DIR
    else if set -q XDG_RUNTIME_DIR[1]
        set directory $XDG_RUNTIME_DIR/hostblob
    end
    for socket in $directory/*.control
        test -S $socket; and string replace -r '.*/(.*)\.control$' '$1' -- $socket
    end
end

# The words behind the command that are no options.
function __hostblob_plain
    string match -v -- '-*' (commandline -opc)[3..-1]
end

function __hostblob_at
    test (count (__hostblob_plain)) -eq $argv[1]
end

function __hostblob_outputs
    hostblob outputs --json (__hostblob_plain)[1] 2>/dev/null | string replace -rf '^ *"output": *([0-9]+),?$' '$1'
end

function __hostblob_settings
    printf '%s\n' log-level={error,warning,info,debug} poll={0,50}
    for name in (hostblob limits (__hostblob_plain)[1] 2>/dev/null | string match -rg '^  ([a-z-]+) +[0-9]')
        echo limit=$name=
    end
end

complete -c hostblob -f
complete -c hostblob -l help -d 'Show help'
complete -c hostblob -n __fish_use_subcommand -l version -d 'Show the version'

complete -c hostblob -n __fish_use_subcommand -a run -d 'Start devices'
complete -c hostblob -n __fish_use_subcommand -a check -d 'Say what the device programs can do here'
complete -c hostblob -n __fish_use_subcommand -a list -d 'Show the devices that run'
complete -c hostblob -n __fish_use_subcommand -a top -d 'Watch what the devices do'
complete -c hostblob -n __fish_use_subcommand -a maps -d 'Show which buffers lie in a guest\'s window'
complete -c hostblob -n __fish_use_subcommand -a limits -d 'Show how much a guest has of what it may have'
complete -c hostblob -n __fish_use_subcommand -a processes -d 'Show how each process is shut in'
complete -c hostblob -n __fish_use_subcommand -a resources -d 'Show what a guest has made in a GPU'
complete -c hostblob -n __fish_use_subcommand -a contexts -d 'Show the programs of a guest that draw'
complete -c hostblob -n __fish_use_subcommand -a sessions -d 'Show the programs of a guest that have a media device open'
complete -c hostblob -n __fish_use_subcommand -a outputs -d 'Show a GPU\'s outputs'
complete -c hostblob -n __fish_use_subcommand -a output -d 'Plug another monitor in, or pull it out'
complete -c hostblob -n __fish_use_subcommand -a screenshot -d 'Write what an output shows to a PNG file'
complete -c hostblob -n __fish_use_subcommand -a set -d 'Change a setting of a device that runs'
complete -c hostblob -n __fish_use_subcommand -a metrics -d 'Write what the devices count, for Prometheus'
complete -c hostblob -n __fish_use_subcommand -a upgrade -d 'Exchange a device\'s program under its guest'

set -l many list top maps limits processes metrics
set -l one resources contexts sessions outputs output screenshot set upgrade
complete -c hostblob -n "__fish_seen_subcommand_from $many" -a '(__hostblob_devices)' -d device
complete -c hostblob -n "__fish_seen_subcommand_from $one; and __hostblob_at 0" -a '(__hostblob_devices)' -d device
complete -c hostblob -n '__fish_seen_subcommand_from output; and __hostblob_at 1' -a '(__hostblob_outputs)' -d output
complete -c hostblob -n '__fish_seen_subcommand_from output; and __hostblob_at 2' -a '1920x1080@60 1280x720@60 off' -d mode
complete -c hostblob -n '__fish_seen_subcommand_from screenshot; and not __hostblob_at 0' -F
complete -c hostblob -n '__fish_seen_subcommand_from run check' -F
complete -c hostblob -n '__fish_seen_subcommand_from set; and not __hostblob_at 0' -a '(__hostblob_settings)' -d setting

complete -c hostblob -n '__fish_seen_subcommand_from run' -l device -x -d 'KIND,KEY=VALUE,...'
complete -c hostblob -n '__fish_seen_subcommand_from run' -l once -d 'Start each device once'
complete -c hostblob -n '__fish_seen_subcommand_from run' -l watchdog -x -d 'Seconds that one may be silent'
complete -c hostblob -n '__fish_seen_subcommand_from run' -l cgroup -x -a 'auto none' -d 'Where the devices\' cgroups are'
complete -c hostblob -n '__fish_seen_subcommand_from list top maps limits processes resources contexts sessions outputs check set' -l json -d 'As JSON'
complete -c hostblob -n '__fish_seen_subcommand_from top' -l interval -x -d 'Seconds'
complete -c hostblob -n '__fish_seen_subcommand_from top' -l count -x -d 'How many times'
complete -c hostblob -n '__fish_seen_subcommand_from metrics' -l output -r -F -d 'The file to write'
complete -c hostblob -n '__fish_seen_subcommand_from screenshot' -l pointer -d 'With the mouse pointer'
complete -c hostblob -n '__fish_seen_subcommand_from upgrade' -l program -r -F -d 'Take this program'
complete -c hostblob -n '__fish_seen_subcommand_from upgrade' -l force -d 'Even if contexts are lost'
complete -c hostblob -n '__fish_seen_subcommand_from upgrade' -l seconds -x -d 'How long it may take'
