#!/bin/bash
# PostgreSQL on another machine: TLS with a verified certificate and name, against a server with certificates of
# this test's own authority. It listens on 127.0.0.1, and has names that no resolver is asked for (hostaddr). And its
# password, wherever it comes from, is kept nowhere.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"
missing=''
command -v openssl >/dev/null || missing="there is no openssl command here"
[ -x "$postgres_bin/postgres" ] || missing="PostgreSQL is not installed"
if [ -n "$missing" ]; then
    it "PostgreSQL over TLS"
    skip "$missing"
    finish
fi

word=geheim-4711
new_home tls
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
authority() { openssl req -x509 "${key[@]}" -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
authority ours && authority theirs
openssl req "${key[@]}" -subj /CN=db.example.org -keyout server.key -out server.csr 2>/dev/null
openssl x509 -req -in server.csr -CA ours.pem -CAkey ours.key -CAcreateserial -days 2 -out server.pem \
    -extfile <(echo subjectAltName=DNS:db.example.org) 2>/dev/null || exit 1
mkdir -p "$postgres_dir/tls"
cp server.key server.pem "$postgres_dir/tls/"
chmod 600 "$postgres_dir/tls/server.key"

start() {
    export PGPORT
    for _ in 1 2 3 4 5; do
        PGPORT=$((20000 + RANDOM))
        may_not_start=yes start_postgres "-c listen_addresses=127.0.0.1 -c port=$PGPORT -c log_connections=on" && return 0
        rm -rf "$postgres_dir/data"
    done
    return 1
}
start || { it "a server starts" && note "$(cat "$postgres_dir/log")" && finish; }
psql_do "CREATE ROLE reader LOGIN PASSWORD '$word'" >/dev/null
sed -i "1i host all reader 127.0.0.1/32 scram-sha-256" "$postgres_dir/data/pg_hba.conf"
dag read <<'Y'
tasks:
  read:
    plugin: sql
    outputs: {result: answer}
    with: {connection: away, query: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"}
  export: {plugin: export, inputs: {tables: [answer]}, with: {formats: [csv]}}
  report: {plugin: quality_report, depends_on: [export], trigger_rule: all_done}
Y
cat >connections.yaml <<'Y'
connections:
  away: {type: postgresql, uri: "${env.AWAY}", password: "${env.AWAY_WORD}"}
Y
read_from() { # HOST [KEY=VALUE&...]
    clean_env AWAY="postgresql://reader@/test?host=$1&hostaddr=127.0.0.1&port=$PGPORT${2:+&$2}" AWAY_WORD="${given:-$word}" \
        timeout -k 1 $patience "$build/dagrun" run read
}
answers() { # ANSWER HOST [KEY=VALUE&...]
    expect_exit 0 read_from "${@:2}"
    is "whether over TLS" "$(tail -n 1 var/published/read/latest/answer.csv)" "$1"
}
refuses() { # MESSAGE HOST [KEY=VALUE&...]
    expect_exit 1 read_from "${@:2}"
    out_has "connection 'away': cannot connect to PostgreSQL"
    out_has "$1"
}

it "a server without TLS is not spoken to"
refuses "server does not support SSL, but SSL was required" db.example.org sslrootcert=ours.pem
out_lacks "authentication"

it "on this machine TLS is not asked for"
answers false localhost

psql_do "ALTER SYSTEM SET ssl_cert_file = '$postgres_dir/tls/server.pem'" >/dev/null
psql_do "ALTER SYSTEM SET ssl_key_file = '$postgres_dir/tls/server.key'" >/dev/null
psql_do "ALTER SYSTEM SET ssl = on" >/dev/null
psql_do "SELECT pg_reload_conf()" >/dev/null
over_tls() { [ "$(psql_do "SHOW ssl")" = on ]; }
await 10 over_tls || note "the server has no TLS"

it "a certificate of a trusted authority, with the server's name"
answers true db.example.org sslrootcert=ours.pem

it "a certificate with another name"
refuses 'server certificate for "db.example.org" does not match host name "db.example.net"' db.example.net sslrootcert=ours.pem

it "a name that begins like an address of this machine is another machine's"
refuses 'does not match host name "127.example.org"' 127.example.org sslrootcert=ours.pem

it "a certificate of another authority"
refuses "certificate verify failed" db.example.org sslrootcert=theirs.pem

it "without an authority of one's own, those of the system decide"
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    refuses "certificate verify failed" db.example.org
else
    refuses "root certificate file" db.example.org
fi

it "what sslmode says is done"
answers true db.example.net sslmode=require
answers false db.example.org sslmode=disable

it "an authority in the user's own folder is found"
mkdir "$scratch/.postgresql"
cp ours.pem "$scratch/.postgresql/root.crt"
answers true db.example.org

it "a wrong password, and one that the connection's URI holds, are in no message"
given=falsch-0815
refuses 'password authentication failed for user "reader"' db.example.org
out_lacks $given
clean_env AWAY=x DAGRUN_CONN_AWAY="postgresql://reader:anders-42%21@/test?host=db.example.org&hostaddr=127.0.0.1&port=$PGPORT" \
    timeout -k 1 $patience "$build/dagrun" run read >"$out" 2>"$err"
out_has "password authentication failed"
out_lacks anders-42

it "no password is kept in state, logs, reports or what is published"
is "files" "$(grep -rlaE "$word|falsch-0815|anders-42" var reports dags 2>/dev/null)" ""
is "there is something to look through" "$(find var reports -type f | wc -l | awk '{ print ($1 > 20) }')" 1
finish
