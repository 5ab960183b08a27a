#!/bin/sh
# A GPU and a camera for crosvm. Each device has one window; crosvm ends with its devices.
#
# Not tried with crosvm itself, which no Debian has: with a front-end that has its habits (messages,
# order, checks; google/crosvm of August 2026), in the tests of this project.
#
#   hostblob run --device gpu,socket=/run/vm-gpu.sock --device media,socket=/run/vm-media.sock
#   ./crosvm.sh --rwroot guest.img vmlinux
exec crosvm run --mem 1024 \
    --vhost-user gpu,socket=/run/vm-gpu.sock \
    --vhost-user media,socket=/run/vm-media.sock "$@"
