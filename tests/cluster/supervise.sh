#!/bin/sh
# supervise.sh LOG SCRATCH LAST PROGRAM ARGUMENT...
#
# Runs PROGRAM for as long as stdin stays open. Each line on stdin is a signal for it by name. The end
# of stdin, which the kernel sends however the test process dies, kills it. When it has ended, the
# command line LAST is run, and SCRATCH goes.
exec 3<&0 </dev/null
log=$1
scratch=$2
last=$3
shift 3
"$@" >"$log" 2>&1 3<&- &
program=$!
{
    while read -r signal; do kill -s "$signal" "$program"; done
    kill -s KILL "$program"
} <&3 2>/dev/null &
leash=$!
# From here on the shell itself has nothing to say; it would report how the program was killed.
exec 3<&- 2>/dev/null
wait "$program"
status=$?
kill -s KILL "$leash"
sh -c "$last" </dev/null >>"$log" 2>&1
rm -rf -- "$scratch"
exit "$status"
