#!/bin/sh
# What adnanh/webhook runs for each delivery: appends the body to a file and syncs that.
printf '%s\n' "$1" >>"$DELIVERIES" && exec sync -d "$DELIVERIES"
