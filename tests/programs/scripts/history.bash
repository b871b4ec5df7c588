set -e
cd "$(mktemp -d)"
git init -q -b main .
git config user.email a@example.org
git config user.name A
for i in 1 2 3; do
  seq "$i" $((i * 10)) >"file $i"
  git add .
  git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~1
echo side >side.txt
git add side.txt
git commit -q -m "on the side"
git checkout -q main
git merge -q -m merged side
git log --oneline --graph
git diff --stat HEAD~1 HEAD
git show HEAD:side.txt
git fsck --strict
git gc -q
git clone -q . ../clone-of-it-$$
cd ../clone-of-it-$$
git log --format=%s | sort
git blame -s 'file 2' | tail -2
rm -rf "$PWD"
