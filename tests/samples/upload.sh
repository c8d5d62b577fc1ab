#!/bin/sh
# Uploads one file with curl (7.87 or newer) and prints the answer:
#
#   TAXIWAY_BASE_URL=… TAXIWAY_TOKEN=… upload.sh FILE CONTENT_TYPE [NAME [EMAIL]]
#
# The sample of the API page, with the @ that sends the file and not its path, and the name encoded.
set -eu
file=$1 type=$2 name=${3:-$(basename "$1")} email=${4:-}
set -- --url-query "name=$name"
if [ -n "$email" ]; then
    set -- "$@" --url-query "email=$email"
fi
# The token goes through stdin: everybody can read a command line.
printf 'Authorization: Bearer %s\n' "$TAXIWAY_TOKEN" |
    curl --silent --show-error --fail-with-body -X POST "$TAXIWAY_BASE_URL/assets/" "$@" \
        -H @- \
        -H "Content-Type: $type" \
        --data-binary "@$file"
