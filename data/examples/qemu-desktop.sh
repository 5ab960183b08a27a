#!/bin/sh
# A GPU whose picture is in QEMU's own window. This front-end has no memory window: no host blobs and
# no Vulkan behind it. QEMU 11.1 lets neither VNC nor a window without OpenGL have such a console.
#
# Tried with QEMU 11.1.3 (Debian 13 with backports), Linux 7.3 as the guest, under TCG, with
# -display none and screendump for the window, which needs a desktop.
#
#   hostblob-gpu --socket-path=/run/vm-gpu.sock --renderer=virgl
#   ./qemu-desktop.sh -drive file=guest.img,if=virtio
exec qemu-system-x86_64 -M q35 -cpu max -m 1G \
    -object memory-backend-memfd,id=mem,size=1G,share=on -machine memory-backend=mem \
    -chardev socket,id=gpu,path="${SOCKET:-/run/vm-gpu.sock}" \
    -vga none -device vhost-user-gpu-pci,chardev=gpu \
    -display "${DISPLAY_KIND:-gtk,gl=on}" "$@"
