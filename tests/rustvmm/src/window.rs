// SPDX-License-Identifier: MIT
//! The guest's memory window: carries out what the back-end asks on its channel.
use std::io;
use std::os::fd::AsRawFd;

use vhost::vhost_user::message::{VhostUserMMap, VhostUserMMapFlags};
use vhost::vhost_user::VhostUserFrontendReqHandlerMut;

struct Mapping {
    offset: u64,
    size: u64,
}

pub struct Window {
    base: *mut u8,
    size: u64,
    shmid: u8,
    mappings: Vec<Mapping>,
    pub maps: u32,
    pub unmaps: u32,
    pub refused: Vec<String>,
}

// SAFETY: the reserved range belongs to this process for as long as it runs.
unsafe impl Send for Window {}

impl Window {
    pub fn reserve(size: u64, shmid: u8) -> io::Result<Window> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new range, wherever the kernel likes.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size as usize,
                libc::PROT_NONE,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Window {
            base: base.cast(),
            size,
            shmid,
            mappings: Vec::new(),
            maps: 0,
            unmaps: 0,
            refused: Vec::new(),
        })
    }

    pub fn count(&self) -> usize {
        self.mappings.len()
    }

    /// The guest's pointer to a range, if one mapping has all of it.
    pub fn at(&self, offset: u64, size: u64) -> Option<*mut u64> {
        let whole = |m: &Mapping| offset >= m.offset && offset + size <= m.offset + m.size;
        // SAFETY: inside of the reserved range.
        self.mappings
            .iter()
            .find(|m| whole(m))
            .map(|_| unsafe { self.base.add(offset as usize) }.cast())
    }

    fn place(
        &mut self,
        offset: u64,
        size: u64,
        prot: i32,
        flags: i32,
        fd: i32,
        at: u64,
    ) -> io::Result<()> {
        // SAFETY: the callers have looked that the range is inside of the reserved one.
        let address = unsafe {
            let to = self.base.add(offset as usize).cast();
            libc::mmap(
                to,
                size as usize,
                prot,
                flags | libc::MAP_FIXED,
                fd,
                at as i64,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// A device reset, as the vhost-user manual has it.
    pub fn drop_all(&mut self) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        self.mappings.clear();
        self.place(0, self.size, libc::PROT_NONE, flags, -1, 0)
    }

    fn refuse(&mut self, what: String) -> io::Result<u64> {
        self.refused.push(what);
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }
}

impl VhostUserFrontendReqHandlerMut for Window {
    fn handle_config_change(&mut self) -> io::Result<u64> {
        Ok(0)
    }

    fn shmem_map(&mut self, request: &VhostUserMMap, fd: &dyn AsRawFd) -> io::Result<u64> {
        let (offset, size, at, flags) = (
            request.shm_offset,
            request.len,
            request.fd_offset,
            request.flags,
        );
        self.maps += 1;
        if request.shmid != self.shmid || offset > self.size || size > self.size - offset {
            return self.refuse(format!(
                "map of {offset:#x}+{size:#x} in region {}",
                request.shmid
            ));
        }
        if self
            .mappings
            .iter()
            .any(|m| offset < m.offset + m.size && m.offset < offset + size)
        {
            return self.refuse(format!("map of {offset:#x}+{size:#x} over another"));
        }
        let prot = match VhostUserMMapFlags::from_bits(flags) {
            Some(bits) if bits.contains(VhostUserMMapFlags::WRITABLE) => {
                libc::PROT_READ | libc::PROT_WRITE
            }
            _ => libc::PROT_READ,
        };
        if let Err(e) = self.place(offset, size, prot, libc::MAP_SHARED, fd.as_raw_fd(), at) {
            return self.refuse(format!("map of {offset:#x}+{size:#x}: {e}"));
        }
        self.mappings.push(Mapping { offset, size });
        Ok(0)
    }

    fn shmem_unmap(&mut self, request: &VhostUserMMap) -> io::Result<u64> {
        let (offset, size) = (request.shm_offset, request.len);
        let Some(i) = self
            .mappings
            .iter()
            .position(|m| m.offset == offset && m.size == size)
        else {
            return self.refuse(format!("unmap of {offset:#x}+{size:#x}: nothing is there"));
        };
        self.unmaps += 1;
        self.mappings.remove(i);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        self.place(offset, size, libc::PROT_NONE, flags, -1, 0)
            .map(|()| 0)
    }
}
