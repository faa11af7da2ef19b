# shellcheck shell=bash
# tests/e2e/postgres.sh: a PostgreSQL of a test's own, sourced after lib.sh.
#
#     . "$(dirname "$0")/postgres.sh"
#     start_postgres || { it "..."; skip "PostgreSQL is not installed"; finish; }
#     psql_is "SELECT 1" "1"
#     connection: postgres_uri, also as DAGRUN_CONN_POSTGRES for dagrun (add_environment)
#
# The cluster lives in the test's folder, listens on a socket in postgres_socket and on nothing else,
# and is stopped and removed when the test ends. PostgreSQL refuses to run as root, so
# that under root it runs as the user nobody.

postgres_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
postgres_dir=$scratch/postgres
# The name of a socket has 107 bytes at most, and its folder's stands in URIs and in the server's options.
postgres_socket=$postgres_dir/socket
case $postgres_socket in *[!A-Za-z0-9._/-]*) postgres_socket='' ;; esac
if [ ${#postgres_socket} = 0 ] || [ ${#postgres_socket} -gt 85 ]; then
    postgres_socket=$(mktemp -d /tmp/dagrun-pg.XXXXXX) || exit 1
    trap 'rm -rf "$postgres_socket"; tidy' EXIT
fi
postgres_uri="postgresql:///test?host=$postgres_socket&user=test"

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH="$PATH" LANG=C.UTF-8 "$@"
    else
        env -i PATH="$PATH" LANG=C.UTF-8 "$@"
    fi
}

# Where a cluster can be made, a server that does not start is a failure, not a reason to skip what needs it.
start_postgres() {
    [ -x "$postgres_bin/postgres" ] || return 1
    mkdir -p "$postgres_dir" "$postgres_socket" || return 1
    if [ "$(id -u)" = 0 ]; then
        chmod a+x "$scratch" "$(dirname "$scratch")"
        chown -R nobody:nogroup "$postgres_dir" "$postgres_socket"
    fi
    # Durability is not what these tests are about: a cluster lives for seconds.
    as_postgres "$postgres_bin/initdb" -D "$postgres_dir/data" -U test --auth=trust --no-sync -E UTF8 \
        --locale=C.UTF-8 >"$postgres_dir/log" 2>&1 || return 1
    trap 'stop_postgres; rm -rf "$postgres_socket"; tidy' EXIT # also of one that is too slow
    if ! launch_postgres "-c full_page_writes=off -c shared_buffers=16MB -c max_connections=20 -c autovacuum=off ${*:-}"; then
        [ -z "${may_not_start:-}" ] || return 1
        it "PostgreSQL starts"
        note "$(tail -n 20 "$postgres_dir/log" "$postgres_dir/server.log")"
        finish
    fi
    psql_do "CREATE DATABASE test" postgres >/dev/null
    export DAGRUN_CONN_POSTGRES=$postgres_uri
}
launch_postgres() { # OPTIONS
    as_postgres "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -l "$postgres_dir/server.log" -w -t "${patience:-60}" \
        -o "-k $postgres_socket -c listen_addresses='' -c fsync=off ${1:-}" start >>"$postgres_dir/log" 2>&1
}
stop_postgres() {
    [ -f "$postgres_dir/data/postmaster.pid" ] || return 0
    as_postgres "$postgres_bin/pg_ctl" -D "$postgres_dir/data" -m immediate -w stop >/dev/null 2>&1
}
psql_do() { # SQL [DATABASE]
    "$postgres_bin/psql" -h "$postgres_socket" -U test -d "${2:-test}" -X -q -A -t -v ON_ERROR_STOP=1 -c "$1" 2>&1
}
psql_is() { is "$1" "$(psql_do "$1")" "$2"; }
