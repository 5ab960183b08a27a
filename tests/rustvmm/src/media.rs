// SPDX-License-Identifier: MIT
//! A guest's virtio-media driver: frames of the pattern camera, looked at to the last byte.
use crate::machine::Machine;
use crate::{ensure, words, Outcome};

pub const SHMID: u8 = 0;
const CAPTURE: u32 = 1;
const MMAP: u32 = 1;
const BUFFERS: u32 = 4;
const EVENTS: u16 = 8;
const EVENT_SIZE: usize = 608;
const BUFFER_SIZE: usize = 88;
const SIZE: usize = 640 * 480 * 2;
const STAMP: u64 = 0x5041_4d54_5342_4f48;

struct Media<'a> {
    machine: &'a mut Machine,
    session: u32,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The sum of a frame, as protocol/frame_stamp.h has it.
fn frame_sum(frame: &[u64]) -> u64 {
    frame
        .chunks(65536 / 8)
        .fold(0x6a09_e667_f3bc_c908, |sum: u64, block| {
            let mut lane: [u64; 4] = [
                0x510e_527f_ade6_82d1,
                0x1111_1111_1111_1111,
                0x2222_2222_2222_2222,
                0x3333_3333_3333_3333,
            ];
            for (i, value) in block.iter().enumerate() {
                lane[i % 4] = lane[i % 4].rotate_left(7).wrapping_add(*value);
            }
            let low = lane[0] ^ lane[1].wrapping_mul(3);
            let high = lane[2].wrapping_mul(5) ^ lane[3].wrapping_mul(7);
            (sum.rotate_left(7) ^ low.wrapping_add(high)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
}

impl Media<'_> {
    fn command(&mut self, request: &[u8], space: usize) -> Outcome<Vec<u8>> {
        let answer = self.machine.rings[0].request(request, space)?;
        ensure(
            answer.len() >= 8 && word(&answer, 0) == 0,
            "the command succeeds",
        )?;
        Ok(answer)
    }

    fn ioctl(&mut self, nr: u32, payload: &[u8], reads: bool) -> Outcome<Vec<u8>> {
        let mut request = words(&[3, 0, self.session, nr]);
        request.extend(payload);
        let space = 8 + if reads { payload.len() } else { 0 };
        let answer = self
            .command(&request, space)
            .map_err(|e| format!("ioctl {nr}: {e}"))?;
        Ok(answer[8..].to_vec())
    }

    fn buffer(&mut self, nr: u32, index: u32) -> Outcome<Vec<u8>> {
        let mut payload = vec![0; BUFFER_SIZE];
        payload[0..4].copy_from_slice(&index.to_le_bytes());
        payload[4..8].copy_from_slice(&CAPTURE.to_le_bytes());
        payload[60..64].copy_from_slice(&MMAP.to_le_bytes());
        self.ioctl(nr, &payload, true)
    }

    fn request_buffers(&mut self, count: u32) -> Outcome<()> {
        let answer = self.ioctl(8, &words(&[count, CAPTURE, MMAP, 0, 0]), true)?;
        ensure(
            word(&answer, 0) == count,
            "REQBUFS gives what was asked for",
        )
    }

    fn open(&mut self) -> Outcome<()> {
        let answer = self.command(&words(&[1, 0]), 16)?;
        self.session = word(&answer, 8);
        let mut format = vec![0; 208];
        format[0..4].copy_from_slice(&CAPTURE.to_le_bytes());
        format[8..20].copy_from_slice(&words(&[640, 480, u32::from_le_bytes(*b"YUYV")]));
        let answer = self.ioctl(5, &format, true)?;
        ensure(
            answer[8..20] == format[8..20],
            "the camera has 640x480 YUYV",
        )
    }

    fn map(&mut self, index: u32) -> Outcome<u64> {
        let buffer = self.buffer(9, index)?;
        let mmap = words(&[4, 0, self.session, 1, word(&buffer, 64)]);
        let answer = self.command(&mmap, 24)?;
        ensure(
            long(&answer, 16) >= SIZE as u64,
            "the buffer is mapped whole",
        )?;
        Ok(long(&answer, 8))
    }

    /// Waits for a frame: its buffer and its number.
    fn frame(&mut self, last: &mut u32) -> Outcome<u32> {
        let (slot, event) = self.machine.rings[1].take()?;
        self.machine.rings[1].submit(slot, &[], EVENT_SIZE)?;
        ensure(
            event.len() == EVENT_SIZE && word(&event, 0) == 1,
            "the event is a buffer",
        )?;
        ensure(word(&event, 4) == self.session, "of this session")?;
        ensure(word(&event, 8 + 8) == SIZE as u32, "with a whole frame")?;
        ensure(
            word(&event, 8 + 56) >= *last,
            "that is newer than the one before",
        )?;
        *last = word(&event, 8 + 56) + 1;
        Ok(word(&event, 8))
    }

    fn check(&self, offset: u64, sequence: u32) -> Outcome<()> {
        let at = self
            .machine
            .window
            .lock()
            .unwrap()
            .at(offset, SIZE as u64)
            .ok_or("nothing is mapped there")?;
        // SAFETY: the window has the range mapped; the device is done with the buffer.
        let mut frame = unsafe { std::slice::from_raw_parts(at, SIZE / 8) }.to_vec();
        let sum = std::mem::replace(&mut frame[3], 0);
        ensure(
            frame[0] == STAMP && frame[1] == u64::from(sequence),
            "the frame has its stamp",
        )?;
        ensure(frame_sum(&frame) == sum, "and every byte of it is right")
    }

    fn stream(&mut self, frames: u32) -> Outcome<()> {
        let mut places = Vec::new();
        let mut next = 0;
        self.request_buffers(BUFFERS)?;
        for index in 0..BUFFERS {
            places.push(self.map(index)?);
            self.buffer(15, index)?;
        }
        self.ioctl(18, &words(&[CAPTURE]), false)?;
        for _ in 0..frames {
            let index = self.frame(&mut next)?;
            self.check(places[index as usize], next - 1)?;
            self.buffer(15, index)?;
        }
        self.ioctl(19, &words(&[CAPTURE]), false)?;
        for place in places {
            let mut munmap = words(&[5, 0]);
            munmap.extend(place.to_le_bytes());
            self.command(&munmap, 8)?;
        }
        self.request_buffers(0)
    }

    fn close(&mut self) -> Outcome<()> {
        self.machine.rings[0]
            .request(&words(&[2, 0, self.session, 0]), 0)
            .map(|_| ())
    }
}

/// `single`: every buffer is a mapping of its own.
pub fn tell(machine: &mut Machine, single: bool) -> Outcome<()> {
    let config = machine.check_config(40)?;
    ensure(
        word(&config, 0) & 0x0400_0001 == 0x0400_0001,
        "the node captures and streams",
    )?;
    for _ in 0..2 {
        machine.start()?;
        let before = machine.window.lock().unwrap().maps;
        let mut media = Media {
            machine: &mut *machine,
            session: 0,
        };
        for slot in 0..EVENTS {
            media.machine.rings[1].submit(slot, &[], EVENT_SIZE)?;
        }
        media.open()?;
        media.stream(10)?;
        media.close()?;
        let window = machine.window.lock().unwrap();
        ensure(
            window.maps - before == BUFFERS || !single,
            "each buffer was mapped",
        )?;
        ensure(window.count() == usize::from(!single), "and is out again")?;
        drop(window);
        machine.stop()?;
    }
    Ok(())
}
