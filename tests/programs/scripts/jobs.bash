# Background jobs, process substitution, traps, exit codes and signals between processes.
set -m
(sleep 0.05; exit 3) &
wait %1; echo "job: $?"
sleep 100 & kill -STOP $!; sleep 0.05; jobs | sed 's/ *$//'; kill -CONT %1; kill %1; wait %1 2>/dev/null; echo "killed: $?"
set +m
trap 'echo usr1' USR1; kill -USR1 $$
(trap 'echo inner; exit 9' TERM; kill -TERM $BASHPID; sleep 1); echo "inner: $?"
echo one two | { read -r a b; echo "$b $a"; }
set -o pipefail; false | true; echo "pipefail: $?"; echo "${PIPESTATUS[@]}"
coproc { tr a-z A-Z; }; echo shout >&"${COPROC[1]}"; exec {COPROC[1]}>&-; read -r line <&"${COPROC[0]}"; echo "$line"; wait
mkfifo /tmp/fifo.$$; (echo through > /tmp/fifo.$$) & read -r x < /tmp/fifo.$$; echo "$x"; rm /tmp/fifo.$$
seq 100000 | head -1; echo "${PIPESTATUS[0]}"
timeout 0.1 sleep 10; echo "timeout: $?"
(ulimit -n 8; exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null; exec 8</dev/null) 2>/dev/null; echo "limit: $?"
echo "sum: $(for i in 1 2 3; do (echo $i) & done | awk '{ s += $1 } END { print s }'; wait)"
trap 'echo bye' EXIT
exit 5
