#!/bin/sh
# Makes the database at the first start and gives up root's rights, which PostgreSQL refuses.
set -eu
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$data"
  chown -R postgres:postgres /var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0"
fi
if [ ! -s "$data/PG_VERSION" ]; then
  umask 077
  printf '%s\n' "${POSTGRES_PASSWORD:?}" > /tmp/password
  initdb -D "$data" -U postgres --pwfile=/tmp/password --auth-local=trust --auth-host=trust -E UTF8 --locale=C --no-instructions
  rm /tmp/password
  # As Docker's own image has it: who is inside the container needs no password, everybody else does.
  printf 'host all all all scram-sha-256\n' >> "$data/pg_hba.conf"
  printf "CREATE DATABASE ai_notebook;\n" | postgres --single -D "$data" postgres > /dev/null
fi
unset POSTGRES_PASSWORD
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c shared_buffers=32MB -c jit=off
