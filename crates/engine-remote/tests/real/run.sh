#!/bin/sh
# Runs the promises of engines against the servers that Python's package registry has: installs them
# into a folder of its own, starts them, runs the tests, ends them. Says what could not be had.
#
# LYCAON_ENGINES_VENV: that folder; without it, a temporary one that is taken away again.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
venv=${LYCAON_ENGINES_VENV:-$work/venv}
started=""
left_out=""

finish() {
    for process in $started; do kill "$process" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

if ! command -v python3 >/dev/null 2>&1; then
    echo 'Missing: python3 with venv. Debian: apt-get install python3-venv' >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ] && ! python3 -m venv "$venv"; then
    echo 'Missing: the module venv of Python. Debian: apt-get install python3-venv' >&2
    exit 1
fi

# package NAME: installs it, or notes that it is not available here.
package() {
    if "$venv/bin/pip" install --quiet --disable-pip-version-check "$1" >"$work/pip.log" 2>&1; then
        echo "== $("$venv/bin/pip" list --disable-pip-version-check 2>/dev/null | grep -i "^$1 " | tr -s ' ')"
    else
        left_out="$left_out $1"
        echo "== $1: not available here: $(tail -n 1 "$work/pip.log")"
        return 1
    fi
}

# wait_for WHAT LOG PATTERN: the words that match in its log.
wait_for() {
    tries=0
    until grep -q "$3" "$2" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ]; then
            left_out="$left_out $1"
            echo "== $1 did not start:" >&2
            tail -n 5 "$2" >&2
            return 1
        fi
        sleep 0.5
    done
}

if package chdb; then
    "$venv/bin/python" "$here/clickhouse_over_http.py" >"$work/clickhouse.log" 2>&1 &
    started="$started $!"
    if wait_for ClickHouse "$work/clickhouse.log" '^listening on'; then
        port=$(sed -n 's/^listening on //p' "$work/clickhouse.log")
        export LYCAON_TEST_CLICKHOUSE="http://127.0.0.1:$port"
    fi
fi

if package pysail; then
    port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$venv/bin/sail" spark server --port "$port" --directory "$work" >"$work/sail.log" 2>&1 &
    started="$started $!"
    if wait_for Sail "$work/sail.log" 'Starting the Spark Connect server'; then
        export LYCAON_TEST_SPARK="127.0.0.1:$port"
    fi
fi

if package osmem-server; then
    binary=$("$venv/bin/python" -c 'import osmem_server; print(osmem_server.resolve_binary())')
    "$binary" -no-stdin-watch >"$work/osmem.log" 2>&1 &
    started="$started $!"
    if wait_for osmem-server "$work/osmem.log" '"url"'; then
        url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$work/osmem.log" | head -n 1)
        export LYCAON_TEST_OPENSEARCH="$url"
    fi
fi

${CARGO:-cargo} test ${CARGO_FLAGS:-} -p engine-remote -p engine-sqlite
result=$?
echo
echo 'Real: PostgreSQL (where installed), ClickHouse'"'"'s engine, Sail for Spark Connect; osmem-server stands in for OpenSearch.'
echo 'Never real here: Spark itself, Trino, Flight SQL servers of others, OpenSearch itself.'
[ -z "$left_out" ] || echo "LEFT OUT, because it was not available:$left_out"
exit $result
