#!/bin/sh
# `make up` and `make down`. MODE=local runs everything in this terminal, MODE=compose in containers; auto (the default)
# takes compose when a Docker engine answers and the base images are there or can be had.
set -eu
cd "$(dirname "$0")/.."
verb=$1
mode=${MODE:-auto}
patience_seconds=90
fetch_seconds=600
compose="docker compose"
if command -v docker-compose >/dev/null; then compose=docker-compose; fi

engine_answers() {
  command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1
}

base_images() {
  sed -n 's/^ *image: *//p' docker-compose.yml | grep -v '^healthmon-'
  sed -n 's/^FROM *\([^ ]*\).*/\1/p' Dockerfile.*
}

have_base_images() {
  for image in $(base_images | sort -u); do
    docker image inspect "$image" >/dev/null 2>&1 || fetch "$image" || return 1
  done
}

fetch() {
  echo "Fetching $1 (at most $fetch_seconds s)"
  timeout "$fetch_seconds" docker pull --quiet "$1" >/dev/null
}

compose_works() {
  engine_answers && $compose version >/dev/null 2>&1
}

up_local() {
  "${MAKE:-make}" --silent --no-print-directory venv
  exec .venv/bin/python -m deploy.local up
}

up_compose() {
  if ! compose_works; then
    echo "MODE=compose needs a Docker engine that answers and Compose; 'docker info' tells more." >&2
    exit 1
  fi
  open_mounted_folders
  build
  $compose up -d || say_why_not
  echo "Waiting until a record goes all the way"
  wait_until_ready
  page=http://$(published helpdesk 8000)
  echo "healthmon is up"
  echo "  page      $page"
  echo "  API       $page/docs"
  echo "  RabbitMQ  http://$(published rabbitmq 15672)"
  echo "  terminal  $compose exec helpdesk healthmon status"
  echo "  logs      $compose logs -f"
  echo "  try it    make demo"
  echo "  stop      make down"
}

# When it fails, once more with everything that the builder says.
build() {
  echo "Building the images (about half a minute the first time)"
  $compose build --quiet || $compose build
}

# After a clone under a strict umask the containers' users could not look into what is mounted. Files of your own stay
# as they are.
open_mounted_folders() {
  chmod a+rx config/server config/server/rules config/agent
  chmod a+r rabbitmq/rabbitmq.conf rabbitmq/enabled_plugins
}

# Preflight's own words, of this start only; whatever else went wrong, Compose has said above.
say_why_not() {
  preflight=$($compose ps -a -q preflight)
  if [ -n "$preflight" ] && [ "$(docker inspect -f '{{.State.ExitCode}}' "$preflight")" != 0 ]; then
    started=$(docker inspect -f '{{.State.StartedAt}}' "$preflight")
    echo
    docker logs --since "$started" "$preflight" 2>&1 | sed "s/docker-compose /$compose /"
  else
    echo "healthmon is not up; the reason is above. A port that is taken: set HEALTHMON_PORT, HEALTHMON_AMQP_PORT or"
    echo "HEALTHMON_MANAGEMENT_PORT to a free one, in .env."
  fi >&2
  exit 1
}

# The help desk answers, and a record went from the broker into the database.
ready() {
  $compose exec -T helpdesk python3 -c \
    'import urllib.request as u; u.urlopen("http://127.0.0.1:8000/readyz", timeout=3)' </dev/null >/dev/null 2>&1
}

wait_until_ready() {
  end=$(($(date +%s) + patience_seconds))
  until ready; do
    if [ "$(date +%s)" -ge "$end" ]; then
      echo "The containers run, but no record was stored within $patience_seconds s. See: $compose logs" >&2
      exit 1
    fi
    sleep 1
  done
}

# Where this machine reaches a service's port.
published() {
  $compose port "$1" "$2" | sed 's/^0\.0\.0\.0:/127.0.0.1:/'
}

down() {
  if [ "$mode" != compose ] && [ -x .venv/bin/python ]; then .venv/bin/python -m deploy.local down; fi
  if [ "$mode" != local ] && compose_works && [ -n "$($compose ps -a -q)" ]; then $compose down; fi
}

case "$verb $mode" in
  "up local") up_local ;;
  "up compose") up_compose ;;
  "up auto")
    if compose_works && have_base_images; then
      up_compose
    else
      echo "No Docker engine with the base images: starting without Docker (MODE=compose insists on Docker)."
      up_local
    fi
    ;;
  "down local" | "down compose" | "down auto") down ;;
  *)
    echo "MODE is '$mode', wanted is auto, local or compose." >&2
    exit 2
    ;;
esac
