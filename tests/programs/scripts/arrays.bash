declare -A sums
for ((i = 0; i < 500; i++)); do ((sums[$((i % 7))] += i)); done
for k in 0 3 6; do echo $k ${sums[$k]}; done
s=guest
echo ${s^^} ${s:1:3} ${s/e/E} $((2 ** 62))
[[ $s =~ g(.*)t ]] && echo ${BASH_REMATCH[1]}
printf '%s-%03d\n' one 7
