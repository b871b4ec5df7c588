trap 'echo leaving with $?' EXIT
trap 'echo interrupted' INT
echo one two three | tr ' ' '\n' | sort | while read -r word; do echo "<$word>"; done
(exit 3) || echo "failed with $?"
false | true; echo "${PIPESTATUS[@]}"
set -o pipefail; false | cat; echo $?; set +o pipefail
kill -INT $$
sleep 0.05 & first=$!
(sleep 0.01; exit 9) & second=$!
wait $second; echo "second ended with $?"
wait $first; echo "first ended with $?"
coproc cat
echo through >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
exec {COPROC[1]}>&-
wait
x=$(echo in; echo err >&2; exit 4) 2>/dev/null; echo "$x $?"
for i in {1..20}; do echo $((i * i)); done | head -3
timeout 0.05 sleep 5; echo "timeout gave $?"
(ulimit -n 32; ulimit -n)
cat <<END | wc -c
a here document of $((6 * 7)) things
END
type -t cd cat for
printf '%s\n' "${BASH_VERSINFO[0]}" | grep -c .
exit 5
