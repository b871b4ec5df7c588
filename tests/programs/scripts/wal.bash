# Two processes write one database in WAL mode.
cd "$(mktemp -d)" || exit 1
sqlite3 db 'pragma journal_mode=wal; create table t(who, n)' | tail -1
insert() {
  for i in 1 2 3 4 5; do sqlite3 -cmd '.timeout 10000' db "insert into t values('$1', $i)"; done
}
insert a &
insert b &
wait
sqlite3 db 'select who, count(*), sum(n) from t group by who order by who; pragma integrity_check'
