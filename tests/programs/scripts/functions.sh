kind() {
  case $1 in
    [aeiou]*) echo vowel $1 ;;
    *) echo other $1 ;;
  esac
}
for w in apple guest; do kind $w; done
set -- x yes z
shift
echo $# "${1#y}" ${w%st} ${#w} ${missing:-default}
f=0
until [ $f -ge 3 ]; do f=$((f + 1)); [ $f = 2 ] && continue; echo $f; done
