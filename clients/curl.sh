#!/bin/sh
# Watches a board with curl: sh curl.sh URL [CURSOR]. Where there are accounts, BOARDCAST_TOKEN holds a token. It shows one
# connection as it comes and ends with it; to go on, run it again with the last `id:` it showed.
exec curl --no-buffer --silent --show-error --fail \
  ${BOARDCAST_TOKEN:+--header "Authorization: Bearer $BOARDCAST_TOKEN"} \
  ${2:+--header "Last-Event-ID: $2"} \
  "$1"
