#!/bin/sh
# A GPU with blob resources for QEMU 11.0 or newer; the guest's memory has to be shared.
#
# Tried with QEMU 11.1.3 (Debian 13 with backports), Linux 7.3 as the guest, under TCG, with
# hostblob-gpu started as below: the guest's virtio_gpu has the window, and its blobs are in it.
#
#   hostblob-gpu --socket-path=/run/vm-gpu.sock
#   ./qemu-gpu.sh -kernel vmlinuz -initrd initrd.img -append console=ttyS0 -serial stdio
exec qemu-system-x86_64 -M q35 -cpu max -m 1G \
    -object memory-backend-memfd,id=mem,size=1G,share=on -machine memory-backend=mem \
    -chardev socket,id=gpu,path="${SOCKET:-/run/vm-gpu.sock}" \
    -device vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,config_size=24,vq_size=256 \
    -nodefaults -display none "$@"
