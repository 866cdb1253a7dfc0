#!/bin/sh
# The example checks itself.
exec "$1"
