// SPDX-License-Identifier: MIT
//! A guest's virtio-gpu driver: blobs in the window, seen from both sides.
use crate::machine::Machine;
use crate::{ensure, words, Outcome};

pub const SHMID: u8 = 1;
const CAPSET: u32 = 30; // the memory stream's: protocol/memory_stream.h
const OK: u32 = 0x1100;
const MAPPED: u32 = 0x1106;
const REFUSED: u32 = 0x1200;
const CONTEXT: u32 = 1;
const RESULT: u32 = 1; // a resource for sums, at the window's start
const BLOB: u32 = 2;
const BLOB_AT: u64 = 1 << 20;
const BLOB_SIZE: u64 = 1 << 18;

struct Gpu<'a> {
    machine: &'a mut Machine,
    fence: u64,
}

fn word(seed: u64, index: u64) -> u64 {
    let mut x = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ x >> 32
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0x6a09_e667_f3bc_c908, |sum: u64, value| {
        sum.rotate_left(7)
            .wrapping_add(value ^ 0xbb67_ae85_84ca_a73b)
    })
}

impl Gpu<'_> {
    /// Sends a command with a fence; gives the type of its answer.
    fn command(&mut self, kind: u32, context: u32, body: &[u8]) -> Outcome<u32> {
        self.fence += 1;
        let mut bytes = words(&[kind, 1]);
        bytes.extend(self.fence.to_le_bytes());
        bytes.extend(words(&[context, 0]));
        bytes.extend(body);
        let answer = self.machine.rings[0].request(&bytes, 64)?;
        ensure(
            answer.len() >= 24 && answer[8..16] == self.fence.to_le_bytes(),
            "the fence comes back",
        )?;
        Ok(u32::from_le_bytes(answer[0..4].try_into()?))
    }

    fn create(&mut self, id: u32, size: u64) -> Outcome<()> {
        let mut body = words(&[id, 2, 1, 0, 0, 0]); // HOST3D, mappable
        body.extend(size.to_le_bytes());
        ensure(
            self.command(0x10c, CONTEXT, &body)? == OK,
            "RESOURCE_CREATE_BLOB",
        )?;
        ensure(
            self.command(0x202, CONTEXT, &words(&[id, 0]))? == OK,
            "CTX_ATTACH_RESOURCE",
        )
    }

    fn map(&mut self, id: u32, offset: u64) -> Outcome<u32> {
        let mut body = words(&[id, 0]);
        body.extend(offset.to_le_bytes());
        self.command(0x208, 0, &body)
    }

    fn unref(&mut self, id: u32) -> Outcome<u32> {
        self.command(0x102, 0, &words(&[id, 0]))
    }

    fn stream(&mut self, opcode: u32, id: u32, size: u64, seed: u64, result: u32) -> Outcome<()> {
        let mut body = words(&[48, 0, opcode, id, 0, 0]);
        body.extend(size.to_le_bytes());
        body.extend(seed.to_le_bytes());
        body.extend(words(&[result, 0, 0, 0]));
        ensure(self.command(0x207, CONTEXT, &body)? == OK, "SUBMIT_3D")
    }

    fn at(&self, offset: u64, size: u64) -> Outcome<*mut u64> {
        self.machine
            .window
            .lock()
            .unwrap()
            .at(offset, size)
            .ok_or_else(|| "nothing is mapped there".into())
    }

    /// A context, and the resource for sums.
    fn bind(&mut self) -> Outcome<()> {
        let mut body = words(&[4, CAPSET]);
        body.extend([0; 64]);
        ensure(self.command(0x200, CONTEXT, &body)? == OK, "CTX_CREATE")?;
        self.create(RESULT, 4096)?;
        ensure(self.map(RESULT, 0)? == MAPPED, "RESOURCE_MAP_BLOB")
    }

    /// What the host writes the guest sees, and the other way round.
    fn verify(&mut self, seed: u64) -> Outcome<()> {
        let (seen, result) = (self.at(BLOB_AT, BLOB_SIZE)?, self.at(0, 8)?);
        let count = BLOB_SIZE / 8;
        // SAFETY: the window has these ranges mapped; the device writes them as well.
        let read = |i: u64| unsafe { seen.add(i as usize).read_volatile() };
        ensure((0..count).all(|i| read(i) == 0), "a new blob is empty")?;
        self.stream(1, BLOB, BLOB_SIZE, seed, 0)?;
        ensure(
            (0..count).all(|i| read(i) == word(seed, i)),
            "the guest sees what the host writes",
        )?;
        for i in 0..count {
            unsafe { seen.add(i as usize).write_volatile(word(seed + 1, i)) };
        }
        self.stream(2, BLOB, BLOB_SIZE, 0, RESULT)?;
        let expected = sum((0..count).map(|i| word(seed + 1, i)));
        ensure(
            unsafe { result.read_volatile() } == expected,
            "the host sees what the guest writes",
        )
    }

    fn blobs(&mut self, rounds: u64) -> Outcome<()> {
        for round in 0..rounds {
            self.create(BLOB, BLOB_SIZE)?;
            ensure(self.map(BLOB, BLOB_AT)? == MAPPED, "RESOURCE_MAP_BLOB")?;
            self.verify(round * 7)?;
            if round % 2 == 0 {
                ensure(
                    self.command(0x209, 0, &words(&[BLOB, 0]))? == OK,
                    "RESOURCE_UNMAP_BLOB",
                )?;
            }
            ensure(self.unref(BLOB)? == OK, "RESOURCE_UNREF")?;
        }
        Ok(())
    }
}

/// `single`: every blob is a mapping of its own.
pub fn tell(machine: &mut Machine, single: bool) -> Outcome<()> {
    let config = machine.check_config(24)?;
    ensure(config[8..12] == words(&[1]), "there is one scanout")?;
    for _ in 0..3 {
        machine.start()?;
        let before = machine.window.lock().unwrap().maps;
        let mut gpu = Gpu {
            machine: &mut *machine,
            fence: 0,
        };
        ensure(
            gpu.unref(RESULT)? >= REFUSED,
            "nothing is left of another driver",
        )?;
        gpu.bind()?;
        gpu.blobs(10)?;
        let window = machine.window.lock().unwrap();
        ensure(window.count() == 1, "one mapping is left")?;
        ensure(
            window.maps - before == 11 || !single,
            "each blob was mapped",
        )?;
        drop(window);
        machine.stop()?;
    }
    Ok(())
}
