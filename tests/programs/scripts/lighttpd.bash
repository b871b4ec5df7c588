d=$(mktemp -d)
echo hello >"$d/index.html"
cat >"$d/conf" <<EOF
server.document-root = "$d"
server.port = 8081
server.bind = "127.0.0.1"
server.modules = ()
EOF
lighttpd -D -f "$d/conf" 2>"$d/log" &
until curl -s http://127.0.0.1:8081/index.html >/dev/null; do sleep 0.05; done
curl -s http://127.0.0.1:8081/index.html
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8081/none
kill %1
wait %1
echo stopped
