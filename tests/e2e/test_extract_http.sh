#!/bin/bash
# extract from an HTTP interface: whatever the server does, no record is lost and
# none comes twice, or the task fails with a message that says why. The server is
# tests/e2e/api_server.c.
. "$(dirname "$0")/lib.sh"
new_home http
log=$scratch/server.log

sqlite3 :memory: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 95)
    SELECT json_object('id', i, 'name', 'person ' || i, 'amount', CASE WHEN i % 7 = 0 THEN NULL ELSE i / 8.0 END)
    FROM n" | sed 's/"amount":0.125/"amount":0.1250/' >"$scratch/rows.jsonl"
echo id,name,amount >"$scratch/wanted.csv"
sqlite3 :memory: "SELECT line FROM (SELECT json_extract(value, '$.id') || ',' || json_extract(value, '$.name') || ',' ||
    ifnull(value -> '$.amount', '') AS line FROM (SELECT value FROM json_each('[' || replace(trim(CAST(readfile(
    '$scratch/rows.jsonl') AS TEXT), char(10)), char(10), ',') || ']')))" | sed 's/,null$/,/' >>"$scratch/wanted.csv"

port='' server_pid=''
stop_server() {
    [ -z "$server_pid" ] || { exec 7>&- && wait "$server_pid" 2>/dev/null; }
    server_pid=''
}
serve() { # OPTIONS...: a fresh server, of 10 pages of 10 records but the last, of 5
    stop_server
    rm -f "$log" "$scratch/stdin" "$scratch/port"
    mkfifo "$scratch/stdin"
    "$build/tests/e2e/api_server" --rows "$scratch/rows.jsonl" --size 10 --log "$log" "$@" \
        <"$scratch/stdin" >"$scratch/port" 2>&1 &
    server_pid=$!
    exec 7>"$scratch/stdin"
    await 60 test -s "$scratch/port" || note "the server did not start"
    port=$(cat "$scratch/port")
}
gets() { grep -c '^GET' "$log"; }
posts() { grep -c '^POST' "$log"; }

token_auth='auth: {token: {url: "http://127.0.0.1:${params.port}/token", username_env: API_USER, password_env: API_PASSWORD}}'
by_link='records: results
        count: count
        pages: {link: next}'
fetch_dag() { # PATH [AUTH [PAGES [LIMITS [MORE]]]]
    dag fetch <<END
params: {port: 1}
tasks:
  fetch:
    plugin: extract
    outputs: {table: rows}
    retries: 0
    with:
      source: api
      columns: {id: int64, name: string, amount: string}
      api:
        key: [id]
        ${5:-}
        url: "http://127.0.0.1:\${params.port}$1"
        ${2:-$token_auth}
        ${3:-$by_link}
        limits: {${4:-requests_per_second: 1000, retry_wait: 1ms, retries: 4}}
  publish:
    plugin: export
    inputs: {tables: [rows]}
    with: {formats: [csv]}
END
}
run_fetch() { # EXIT-CODE
    rm -rf var
    expect_exit "$1" clean_env API_USER=reader API_PASSWORD=secret-word timeout -k 1 $patience "$build/dagrun" run fetch --param port="$port"
}
rows_are_right() {
    sort -t, -k1,1n var/published/fetch/latest/rows.csv >"$scratch/got.csv" 2>/dev/null
    sort -t, -k1,1n "$scratch/wanted.csv" >"$scratch/wanted_sorted.csv"
    same_file "$scratch/wanted_sorted.csv" "$scratch/got.csv"
}
fails_with() { # TEXT: the task's reason
    case $(reason_of fetch) in *"$1"*) ;; *) note "reason lacks '$1': $(reason_of fetch)" ;; esac
}
metric() { sql var/dagrun.db "SELECT CAST(value AS INTEGER) FROM metric WHERE name = '$1' ORDER BY rowid DESC LIMIT 1"; }
no_secrets_kept() {
    local found
    found=$(grep -rlaE 'secret-word|(tok-[0-9]+|k)-9f8e' var reports "$out" "$err" 2>/dev/null | head -n 3)
    is "files that hold a secret" "$found" ""
}

it "the rows of all pages, with a token"
fetch_dag '/appointments/'
serve
run_fetch 0
rows_are_right
is "requests" "$(gets)" 10
is "tokens" "$(posts)" 1
no_secrets_kept
is "state that is left" "$(find var/runs -path '*/fetch/state/*' | wc -l)" 0

it "a number keeps its spelling"
is "amount of the first" "$(sed -n 2p var/published/fetch/latest/rows.csv)" "1,person 1,0.1250"

it "numbered pages up to the 404, or to an empty page"
fetch_dag '/numbered' '' 'records: items
        count: total
        pages: {number: page}'
serve
run_fetch 0
rows_are_right

it "and where the server gives the last page for all that come behind it"
fetch_dag '/numbered' '' 'records: items
        count: total
        pages: {number: page}' 'requests_per_second: 1000, retry_wait: 1ms, pages: 15'
serve --mode clamped
run_fetch 0
rows_are_right
is "requests" "$(gets)" 11
serve --mode clamped --count 96
run_fetch 1
fails_with 'more than 15 pages'

it "a 404 proves no end where no count does"
fetch_dag '/numbered' '' 'records: items
        pages: {number: page}'
serve
run_fetch 1
fails_with "without api.count nothing proves that the list ends there"

it "cursors"
fetch_dag '/cursor?size=10' '' 'records: data.items
        pages: {cursor: after, next: meta.next}'
serve
run_fetch 0
rows_are_right

it "one answer that is an array"
fetch_dag '/plain' '' 'pages: {}'
serve --size 1000
run_fetch 0
rows_are_right

it "links that are seen from where a redirect has led to"
fetch_dag '/old'
serve --mode relative
run_fetch 0
rows_are_right
is "requests" "$(gets)" 11

it "links in which the server has put a key, which is not shown"
fetch_dag '/appointments/'
serve --mode keyed --fault 500@3
run_fetch 0
rows_are_right
no_secrets_kept
expect_exit 0 dagrun logs fetch
out_has "&key=***: status 500; trying again"

it "answers that begin with a byte order mark, and a token that was made rather than given"
fetch_dag '/appointments/'
serve --mode marked --token-status 201
run_fetch 0
rows_are_right

it "basic authentication"
fetch_dag '/appointments/' 'auth: {basic: {username_env: API_USER, password_env: API_PASSWORD}}'
serve --accept "Basic $(printf 'reader:secret-word' | base64)"
run_fetch 0
rows_are_right

it "a bearer token from a file"
printf 'secret-word\n' >token.txt
fetch_dag '/appointments/' 'auth: {bearer: {token_file: token.txt}}'
serve --accept "Bearer secret-word"
run_fetch 0
rows_are_right
no_secrets_kept

fetch_dag '/appointments/'
for fault in 429@3 429date@4 500@2 503@10 drop@5 hangup@1 html@6 garbage@7 expire@4 repeat@5 loop@3 moved@2 elsewhere@2; do
    it "nothing is lost or doubled by: $fault"
    serve --fault "$fault" --retry-after 1
    run_fetch 0
    rows_are_right
    no_secrets_kept
done

it "what is logged of a request that is repeated shows no credentials, though the server repeats them"
serve --fault echo@3
run_fetch 0
rows_are_right
no_secrets_kept
expect_exit 0 dagrun logs fetch
out_has "the answer is text/***, not JSON; trying again"

it "a token that lasts for three requests is renewed as often as needed"
serve --token-lasts 3
run_fetch 0
rows_are_right
is "tokens" "$(posts)" 4

it "everything at once"
serve --fault 429@2 --fault 500@4 --fault drop@6 --fault expire@8 --fault garbage@10 --fault hangup@12 \
    --fault repeat@14 --fault moved@16 --token-lasts 5 --mode overlap --mode backwards
run_fetch 0
rows_are_right

it "pages in another order, and rows that come twice"
serve --mode backwards --mode overlap
run_fetch 0
rows_are_right
is "rows that came twice" "$(metric rows_twice)" 9

it "Retry-After is obeyed"
serve --fault 429@2 --retry-after 2
start=$SECONDS
run_fetch 0
[ $((SECONDS - start)) -ge 1 ] || note "it came back at once"
rows_are_right

it "a wait that is too long is not waited for"
serve --fault 429@2+ --retry-after 3600
run_fetch 1
fails_with 'the server asks to wait'

it "a count that is not the number of records"
serve --count 96
run_fetch 1
fails_with 'says that it has 96 records; 95 came'
no_file var/published/fetch/latest/rows.csv

it "a count that is too low does not end the list"
serve --count 20
run_fetch 1
fails_with 'says that it has 20 records; 95 came'

it "count_mismatch: warn takes what came"
fetch_dag '/appointments/' '' '' '' 'count_mismatch: warn'
serve --count 96
run_fetch 0
rows_are_right

it "a page that is lost for a repeated one is found by the count"
fetch_dag '/appointments/'
serve --fault repeat@4+
run_fetch 1
fails_with 'came twice'

it "also where each request is repeated but once"
fetch_dag '/appointments/' '' '' 'requests_per_second: 1000, retry_wait: 1ms, retries: 1'
serve --fault repeat@4+
run_fetch 1
fails_with 'came twice'

it "and without a count it is no page at all"
fetch_dag '/appointments/' '' 'records: results
        pages: {link: next}'
serve --fault repeat@4+
run_fetch 1
fails_with 'it holds what page 3 held, 5 times'
fetch_dag '/appointments/'

it "records that have one key and differ: fail, keep, first, last"
{ cat "$scratch/rows.jsonl" && echo '{"id":7,"name":"another","amount":7}' && echo '{"id":3,"name":"person 3","amount":0.375}'; } >"$scratch/differ.jsonl"
name_of_7() { grep '^7,' var/published/fetch/latest/rows.csv | cut -d, -f2 | LC_ALL=C sort | paste -sd +; }
serve --rows "$scratch/differ.jsonl" --count 95
run_fetch 1
fails_with '1 records have the key of another record and differ from it (api.conflicts: fail)'
for case in first=95='person 7' last=95=another keep=96='another+person 7'; do
    IFS='=' read -r way count name <<<"$case"
    fetch_dag '/appointments/' '' '' '' "conflicts: $way"
    serve --rows "$scratch/differ.jsonl" --count "$count"
    run_fetch 0
    is "$way" "$(name_of_7)" "$name"
    is "rows of $way" "$(($(wc -l <var/published/fetch/latest/rows.csv) - 1))" "$count"
done
fetch_dag '/appointments/'

for fault in '500@3+|status 500, 5 times' 'html@3+|the answer is text/html, not JSON, 5 times' \
    'garbage@1+|it is not JSON, or was cut off' 'drop@2+|5 times' 'hangup@2+|Empty reply' \
    'loop@3+|the list goes round' 'redirect@2|redirects to another host: http://127.0.0.2:9/elsewhere?name=***;' \
    '403@1|status 403' 'elsewhere@1+|leads to another host'; do
    it "gives up with a clear reason: ${fault%|*}"
    serve --fault "${fault%|*}"
    run_fetch 1
    fails_with "${fault#*|}"
    fails_with "http://127.0.0.1:$port/appointments/"
    no_secrets_kept
done

it "an answer without end is cut off"
fetch_dag '/appointments/' '' '' 'answer: 64K, retry_wait: 1ms'
serve --fault huge@2
run_fetch 1
fails_with 'larger than 65536 bytes'

it "an answer that does not come"
fetch_dag '/appointments/' '' '' 'request: 300ms, retries: 1, retry_wait: 1ms'
serve --fault hold@2+
run_fetch 1
fails_with '2 times'

it "a server that is not there"
stop_server
run_fetch 1
fails_with '2 times'

it "a list that is too long"
fetch_dag '/appointments/' '' '' 'pages: 3'
serve
run_fetch 1
fails_with 'more than 3 pages'

it "a wrong password, which the server repeats, is not shown"
fetch_dag '/appointments/'
serve --password other-word
run_fetch 1
fails_with 'username and password were refused'
no_secrets_kept

it "credentials that are refused"
fetch_dag '/appointments/' 'auth: {bearer: {token_env: API_PASSWORD}}'
serve
run_fetch 1
fails_with 'status 401: the credentials were refused'

it "arrays in the records become a table of their own, each item once"
cp "$scratch/rows.jsonl" "$scratch/rows.keep"
for i in 1 2 3 4 5 6 7; do echo "{\"id\": $i, \"name\": \"n\", \"amount\": 0, \"tags\": [\"$i\", \"$i\"]}"; done >"$scratch/rows.jsonl"
fetch_dag '/appointments/'
sed -i 's/{table: rows}/{table: rows, children: [tags]}/; s/      source: api/&\n      json: {children: {tags: {array: tags, key: [id]}}}/' dags/fetch.yaml
sed -i 's/\[rows\]/[rows, tags]/' dags/fetch.yaml
serve --size 2 --mode overlap
mv "$scratch/rows.keep" "$scratch/rows.jsonl"
run_fetch 0
is "items" "$(sort var/published/fetch/latest/tags.csv | tr '\n' ' ')" \
    "1,0,1 1,1,1 2,0,2 2,1,2 3,0,3 3,1,3 4,0,4 4,1,4 5,0,5 5,1,5 6,0,6 6,1,6 7,0,7 7,1,7 id,position,value "

it "of two records with one key the child rows are not mixed"
cp "$scratch/rows.jsonl" "$scratch/rows.keep"
echo '{"id": 1, "name": "m", "amount": 0, "tags": ["other"]}' >>"$scratch/rows.jsonl"
sed -i 's/        key: \[id\]/&\n        conflicts: last/' dags/fetch.yaml
serve --size 100
mv "$scratch/rows.keep" "$scratch/rows.jsonl"
run_fetch 1
fails_with 'whose child rows to keep cannot be told'

it "so it is where only the child rows of a record changed while it was read"
for rule in fail keep; do
    cp "$scratch/rows.jsonl" "$scratch/rows.keep"
    for tags in '["1", "1"]' '["other"]' '["1", "1"]'; do
        echo "{\"id\": 1, \"name\": \"n\", \"amount\": 0, \"tags\": $tags}"
    done >"$scratch/rows.jsonl"
    sed -i "s/conflicts: [a-z]*/conflicts: $rule/; s/        conflicts: keep/&\n        count_mismatch: warn/" dags/fetch.yaml
    serve --size 100
    mv "$scratch/rows.keep" "$scratch/rows.jsonl"
    if [ $rule = fail ]; then
        run_fetch 1
        fails_with "1 items of 'tags' have the place of another one in their record and differ from it"
    else
        run_fetch 0
        is "items of 1" "$(grep ^1, var/published/fetch/latest/tags.csv | sort | tr '\n' ' ')" "1,0,1 1,0,other 1,1,1 "
    fi
done

it "a member that the interface does not have is not taken for missing values"
fetch_dag '/appointments/'
sed -i 's/amount: string/price: string/' dags/fetch.yaml
serve
run_fetch 1
fails_with "no record has 'price'; they have: id, name, amount"

it "requests are spread by the rate limit"
fetch_dag '/appointments/' '' '' 'requests_per_second: 20'
serve
start=${EPOCHREALTIME/./}
run_fetch 0
[ $((${EPOCHREALTIME/./} - start)) -ge 500000 ] || note "11 requests at 20 a second took less than half a second"

for wrong in 'url: "ftp://x/"|is neither http nor https' 'url: "http://u:p@127.0.0.1/"|holds a user or a password' \
    'url: "http://127.0.0.1/?api_key=abc"|holds a secret' 'uri: x|unknown key' \
    'url: "http://127.0.0.1/", headers: {Authorization: x}|is made from auth' \
    'url: "http://127.0.0.1/", limits: {request: 5}|a time with its unit' \
    'url: "http://example.org/", auth: {basic: {username_env: API_USER, password_env: API_PASSWORD}}|in the clear' \
    'url: "http://127.0.0.1/", auth: {bearer: {token: abc}}|unknown key' \
    'url: "http://127.0.0.1/", auth: {bearer: {token_env: NOT_SET}}|NOT_SET is not set'; do
    it "refuses: ${wrong%|*}"
    dag fetch <<END
params: {port: 1}
tasks:
  fetch: {plugin: extract, outputs: {table: rows}, with: {source: api, api: {${wrong%|*}}}}
END
    run_fetch 1
    fails_with "${wrong##*|}"
    fails_with "dags/fetch.yaml:"
done

it "a retry goes on with the pages that an earlier attempt read"
fetch_dag '/appointments/' '' '' 'retries: 0, requests_per_second: 1000'
serve --fault 500@8
run_fetch 1
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right
is "requests of both attempts" "$(gets)" 11
no_secrets_kept

it "also where the next page is a cursor of more lines than one"
fetch_dag '/cursor?size=10' '' 'records: data.items
        pages: {cursor: after, next: meta.next}' 'retries: 0, requests_per_second: 1000'
serve --fault 500@8
run_fetch 1
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right
is "requests of both attempts" "$(gets)" 11

it "pages that are too old are read again"
fetch_dag '/appointments/' '' '' 'retries: 0, requests_per_second: 1000, keep_pages: 1h'
serve --fault 500@8
run_fetch 1
touch -d '2 hours ago' "$(echo var/runs/fetch/*/fetch/state/api/pages)"
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right
is "requests of both attempts" "$(gets)" 18

it "a list that was led astray is read anew by the retry"
serve --fault restart@3
run_fetch 1
fails_with 'the list goes round'
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right

it "so does one after kill -9, and a page that was half written is read again"
fetch_dag '/appointments/'
serve --fault hold@6
rm -rf var
become API_USER=reader API_PASSWORD=secret-word "$build/dagrun" run fetch --param port="$port" >"$out" 2>&1 &
pid=$!
await 60 eval '[ "$(gets)" -ge 6 ]' || note "the run made no requests"
kill -9 $pid
wait $pid 2>/dev/null
state=$(echo var/runs/fetch/*/fetch/state/api)
last=$(ls "$state"/*.jsonl | tail -n 1)
printf '7 95 10 abc' >>"$state/pages" # a line that was never finished
before=$(gets)
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right
[ $(($(gets) - before)) -lt 10 ] || note "it began anew"

it "pages that were changed on disk are not trusted"
serve --fault 500@8
fetch_dag '/appointments/' '' '' 'retries: 0, requests_per_second: 1000'
run_fetch 1
echo '{"id": 1}' >>"$(echo var/runs/fetch/*/fetch/state/api/000003.jsonl)"
expect_exit 0 clean_env API_USER=reader API_PASSWORD=secret-word "$build/dagrun" retry fetch
rows_are_right
stop_server

# ---- TLS ----

it "a certificate that nobody vouches for is refused; with ca_file it is not"
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "$scratch/key.pem" -out ca.pem \
        -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    mkfifo "$scratch/tls"
    openssl s_server -accept 127.0.0.1:0 -cert ca.pem -key "$scratch/key.pem" -www <"$scratch/tls" >"$scratch/tls.out" 2>&1 &
    tls_pid=$!
    exec 8>"$scratch/tls"
    await 60 grep -q 'ACCEPT 127' "$scratch/tls.out" || note "openssl s_server did not start"
    port=$(sed -n 's/^ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' "$scratch/tls.out")
    tls_dag() { # MORE
        dag fetch <<END
tasks:
  fetch: {plugin: extract, outputs: {table: rows}, with: {source: api, api: {url: "https://127.0.0.1:$port/", limits: {retries: 0}$1}}}
END
    }
    tls_dag ''
    run_fetch_tls() { rm -rf var && expect_exit 1 dagrun run fetch; }
    run_fetch_tls
    fails_with 'certificate'
    tls_dag ', ca_file: ca.pem'
    run_fetch_tls
    fails_with 'text/html, not JSON'
    kill $tls_pid
    exec 8>&-
    wait $tls_pid 2>/dev/null
else
    skip "there is no openssl command here"
fi
finish
