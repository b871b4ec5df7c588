d=$(mktemp -d)
chmod 755 "$d"
echo hello >"$d/index.html"
cat >"$d/conf" <<EOF
worker_processes 2;
error_log $d/error;
pid $d/pid;
events {}
http { access_log off; server { listen 127.0.0.1:8080; root $d; } }
EOF
nginx -e "$d/error" -p "$d" -c "$d/conf" || exit
until curl -s http://127.0.0.1:8080/ >/dev/null; do sleep 0.05; done
for i in 1 2 3; do curl -s http://127.0.0.1:8080/; done
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/none
nginx -e "$d/error" -p "$d" -c "$d/conf" -s quit
while [ -e "$d/pid" ]; do sleep 0.05; done
echo stopped
