#!/bin/bash
# A throwaway PostgreSQL for one peer: pg.sh start|stop|reset NAME PORT. Durable defaults (fsync and
# synchronous_commit stay on); listens on 127.0.0.1 only.
set -e
cmd=$1 name=$2 port=$3
bin=${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}
dir=${PEERS:-${TMPDIR:-/tmp}/scim-peers}/pg/$name
as() { su postgres -s /bin/bash -c "$*"; }
case $cmd in
  reset)
    [ -f "$dir/postmaster.pid" ] && as "$bin/pg_ctl -D $dir -m immediate stop" || true
    rm -rf "$dir"
    ;;
  start)
    if [ ! -d "$dir" ]; then
      mkdir -p "$dir" && chown postgres "$dir" && chmod 711 "$(dirname "$dir")"
      as "$bin/initdb -D $dir -A trust -U postgres --locale=C.UTF-8 -E UTF8" >/dev/null
      printf "port=%s\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nshared_buffers=512MB\neffective_cache_size=4GB\nmax_connections=60\nmax_wal_size=2GB\ncheckpoint_timeout=15min\nrandom_page_cost=1.1\n" "$port" >>"$dir/postgresql.conf"
      fresh=1
    fi
    # A killed postmaster leaves its pid file, and where nothing reaps it a zombie: both look alive to pg_ctl.
    if [ -f "$dir/postmaster.pid" ]; then
      pid=$(head -1 "$dir/postmaster.pid")
      case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1) in "" | Z) rm -f "$dir/postmaster.pid" ;; esac
    fi
    as "$bin/pg_ctl -D $dir -w -t 60 -l $dir/log status" >/dev/null 2>&1 || as "$bin/pg_ctl -D $dir -w -t 60 -l $dir/log start" >/dev/null
    if [ -n "$fresh" ]; then as "$bin/createdb -h 127.0.0.1 -p $port -U postgres bench"; fi
    ;;
  stop)
    as "$bin/pg_ctl -D $dir -m fast -w stop" >/dev/null
    ;;
esac
