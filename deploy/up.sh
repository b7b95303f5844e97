#!/bin/sh
# `make up` and `make down`. MODE=local runs everything in this terminal, MODE=compose in containers; auto (the default)
# takes compose when a Docker engine answers and the base images are there or can be had.
set -eu
cd "$(dirname "$0")/.."
verb=$1
mode=${MODE:-auto}

engine_answers() {
  command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1
}

compose() {
  if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi
}

base_images() {
  sed -n 's/^ *image: *//p' docker-compose.yml | grep -v '^healthmon-'
  sed -n 's/^FROM *\([^ ]*\).*/\1/p' Dockerfile.*
}

have_base_images() {
  for image in $(base_images | sort -u); do
    docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || return 1
  done
}

compose_works() {
  engine_answers && compose version >/dev/null 2>&1
}

up_local() {
  "${MAKE:-make}" --silent --no-print-directory venv
  exec .venv/bin/python -m deploy.local up
}

up_compose() {
  compose up --build -d
  echo "healthmon is up"
  echo "  page      http://127.0.0.1:${HEALTHMON_PORT:-8000}"
  echo "  terminal  docker-compose exec helpdesk healthmon status"
  echo "  logs      docker-compose logs -f"
  echo "  try it    make demo"
  echo "  stop      make down"
}

down() {
  if [ "$mode" != compose ] && [ -x .venv/bin/python ]; then .venv/bin/python -m deploy.local down; fi
  if [ "$mode" != local ] && compose_works && [ -n "$(compose ps -q)" ]; then compose down; fi
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
