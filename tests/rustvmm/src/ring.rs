// SPDX-License-Identifier: MIT
//! The driver's side of a split virtqueue.
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use vhost::VringConfigData;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EventFd, EFD_NONBLOCK};

use crate::Outcome;

pub const ENTRIES: u16 = 64;
const ROOM: u64 = 0x4000; // of a slot, half of it for the answer
const AVAIL: u64 = 0x2000;
const USED: u64 = 0x3000;
const ROOMS: u64 = 0x10000;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const PATIENCE_MS: i32 = 20_000;

pub struct Ring {
    memory: GuestMemoryMmap,
    base: u64,
    pub kick: EventFd,
    pub call: EventFd,
    next: u16,
    seen: u16,
}

impl Ring {
    /// Takes `ROOMS` and 32 rooms of guest memory from `base` on.
    pub fn new(memory: &GuestMemoryMmap, base: u64) -> Outcome<Ring> {
        Ok(Ring {
            memory: memory.clone(),
            base,
            kick: EventFd::new(EFD_NONBLOCK)?,
            call: EventFd::new(EFD_NONBLOCK)?,
            next: 0,
            seen: 0,
        })
    }

    /// Another driver begins: the ring is empty.
    pub fn fresh(&mut self) -> Outcome<()> {
        self.memory
            .write_slice(&[0; ROOMS as usize], GuestAddress(self.base))?;
        self.next = 0;
        self.seen = 0;
        Ok(())
    }

    /// Where it lies, in this process' addresses.
    pub fn config(&self) -> Outcome<VringConfigData> {
        let host = |at: u64| {
            self.memory
                .get_host_address(GuestAddress(self.base + at))
                .map(|p| p as u64)
        };
        Ok(VringConfigData {
            queue_max_size: ENTRIES,
            queue_size: ENTRIES,
            flags: 0,
            desc_table_addr: host(0)?,
            used_ring_addr: host(USED)?,
            avail_ring_addr: host(AVAIL)?,
            log_addr: None,
        })
    }

    fn describe(&self, entry: u16, at: u64, size: usize, flags: u16, next: u16) -> Outcome<()> {
        let to = GuestAddress(self.base + 16 * u64::from(entry));
        self.memory.write_obj(at, to)?;
        self.memory.write_obj(size as u32, GuestAddress(to.0 + 8))?;
        self.memory.write_obj(flags, GuestAddress(to.0 + 12))?;
        self.memory.write_obj(next, GuestAddress(to.0 + 14))?;
        Ok(())
    }

    /// Lends the device a slot with a request and room for an answer; either may be empty.
    pub fn submit(&mut self, slot: u16, request: &[u8], space: usize) -> Outcome<()> {
        let room = self.base + ROOMS + u64::from(slot) * ROOM;
        let (first, second) = (2 * slot, 2 * slot + 1);
        let head = if request.is_empty() { second } else { first };
        self.memory.write_slice(request, GuestAddress(room))?;
        if !request.is_empty() {
            let flags = if space > 0 { NEXT } else { 0 };
            self.describe(first, room, request.len(), flags, second)?;
        }
        if space > 0 {
            self.describe(second, room + ROOM / 2, space, WRITE, 0)?;
        }
        let entry = u64::from(self.next % ENTRIES);
        self.memory
            .write_obj(head, GuestAddress(self.base + AVAIL + 4 + 2 * entry))?;
        self.next = self.next.wrapping_add(1);
        self.memory.store(
            self.next,
            GuestAddress(self.base + AVAIL + 2),
            Ordering::Release,
        )?;
        self.kick.write(1)?;
        Ok(())
    }

    /// Waits for the device to give a slot back: the slot, and the answer.
    pub fn take(&mut self) -> Outcome<(u16, Vec<u8>)> {
        while self
            .memory
            .load::<u16>(GuestAddress(self.base + USED + 2), Ordering::Acquire)?
            == self.seen
        {
            let mut called = libc::pollfd {
                fd: self.call.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one pollfd of our own.
            if unsafe { libc::poll(&mut called, 1, PATIENCE_MS) } != 1 {
                return Err("the device gives no answer".into());
            }
            let _ = self.call.read();
        }
        let at = self.base + USED + 4 + 8 * u64::from(self.seen % ENTRIES);
        let id: u32 = self.memory.read_obj(GuestAddress(at))?;
        let length: u32 = self.memory.read_obj(GuestAddress(at + 4))?;
        let slot = (id / 2) as u16;
        let mut answer = vec![0; length as usize];
        let room = self.base + ROOMS + u64::from(slot) * ROOM + ROOM / 2;
        self.memory.read_slice(&mut answer, GuestAddress(room))?;
        self.seen = self.seen.wrapping_add(1);
        Ok((slot, answer))
    }

    /// One request and its answer.
    pub fn request(&mut self, request: &[u8], space: usize) -> Outcome<Vec<u8>> {
        self.submit(0, request, space)?;
        Ok(self.take()?.1)
    }
}
