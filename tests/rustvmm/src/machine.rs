// SPDX-License-Identifier: MIT
//! A virtual machine without a processor: connects to a back-end as a VMM built on rust-vmm does.
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use vhost::vhost_user::message::{VhostUserConfigFlags, VhostUserHeaderFlag};
use vhost::vhost_user::{
    Frontend, FrontendReqHandler, VhostUserFrontend, VhostUserProtocolFeatures,
};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo};
use vm_memory::{FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

use crate::ring::{Ring, ENTRIES};
use crate::window::Window;
use crate::{ensure, Outcome};

const MEMORY: usize = 16 << 20;
const RINGS: usize = 2;
const FEATURES: u64 = 0xff_ffff | 1 << 30 | 1 << 32;
const MUTE_WINDOW: u64 = 4 << 30;

/// What a VMM decides for itself.
#[derive(Clone, Copy, PartialEq)]
pub enum Habit {
    /// As the vhost-user manual has it: the mappings go at a device reset.
    Manual,
    /// As crosvm: no BACKEND_SEND_FD, and what is mapped stays until the back-end takes it out.
    Keep,
    /// As libkrun: no REPLY_ACK, no question how large the window is or where a ring stopped, and a
    /// new channel for each driver. What is mapped stays.
    Mute,
}

struct Server {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

pub struct Machine {
    frontend: Frontend,
    features: u64,
    memory: GuestMemoryMmap,
    pub rings: Vec<Ring>,
    pub window: Arc<Mutex<Window>>,
    server: Option<Server>,
    habit: Habit,
}

fn guest_memory() -> Outcome<GuestMemoryMmap> {
    // SAFETY: the name is a C string, and nobody else has the descriptor.
    let file = unsafe {
        let fd = libc::memfd_create(c"guest".as_ptr(), libc::MFD_CLOEXEC);
        ensure(fd >= 0, "a memfd")?;
        File::from_raw_fd(fd)
    };
    file.set_len(MEMORY as u64)?;
    let range = (GuestAddress(0), MEMORY, Some(FileOffset::new(file, 0)));
    Ok(GuestMemoryMmap::from_ranges_with_files([range])?)
}

impl Machine {
    pub fn connect(path: &str, shmid: u8, habit: Habit) -> Outcome<Machine> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut frontend = Frontend::from_stream(stream, RINGS as u64);
        let features = frontend.get_features()? & FEATURES;
        let mut wanted = VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::BACKEND_REQ
            | VhostUserProtocolFeatures::SHMEM;
        if habit != Habit::Mute {
            wanted |= VhostUserProtocolFeatures::REPLY_ACK;
        }
        if habit != Habit::Keep {
            wanted |= VhostUserProtocolFeatures::BACKEND_SEND_FD;
        }
        let offered = frontend.get_protocol_features()?;
        ensure(
            offered.contains(wanted),
            "the back-end offers what a window needs",
        )?;
        ensure(
            !offered.contains(VhostUserProtocolFeatures::GPA_ADDRESSES),
            "it leaves bit 21 alone",
        )?;
        frontend.set_protocol_features(wanted)?;
        if habit != Habit::Mute {
            frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        }
        ensure(
            frontend.get_queue_num()? == RINGS as u64,
            "there are two queues",
        )?;
        let size = match habit {
            Habit::Mute => MUTE_WINDOW,
            _ => window_size(&mut frontend, shmid)?,
        };
        let memory = guest_memory()?;
        let rings = (0..RINGS as u64)
            .map(|i| Ring::new(&memory, (1 + i * 4) << 20))
            .collect::<Outcome<_>>()?;
        let window = Arc::new(Mutex::new(Window::reserve(size, shmid)?));
        Ok(Machine {
            frontend,
            features,
            memory,
            rings,
            window,
            server: None,
            habit,
        })
    }

    pub fn config(&mut self, offset: u32, size: u32) -> Outcome<Vec<u8>> {
        let (_, bytes) = self.frontend.get_config(
            offset,
            size,
            VhostUserConfigFlags::empty(),
            &vec![0; size as usize],
        )?;
        Ok(bytes)
    }

    /// The config space reads the same as a whole and in pieces.
    pub fn check_config(&mut self, size: u32) -> Outcome<Vec<u8>> {
        let whole = self.config(0, size)?;
        for at in 0..size {
            let most = (size - at).min(5);
            let piece = self.config(at, most)?;
            ensure(
                piece == whole[at as usize..(at + most) as usize],
                "a piece of the config space",
            )?;
        }
        Ok(whole)
    }

    /// The back-end channel is served by a thread, one request after the other.
    fn serve(&mut self) -> Outcome<()> {
        let mut handler = FrontendReqHandler::new(self.window.clone())?;
        handler.set_reply_ack_flag(self.habit != Habit::Mute);
        self.frontend
            .set_backend_request_fd(&handler.get_tx_raw_fd())?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, window) = (stop.clone(), self.window.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut asked = libc::pollfd {
                    fd: handler.as_raw_fd(),
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: one pollfd of our own.
                if unsafe { libc::poll(&mut asked, 1, 20) } != 1 {
                    continue;
                }
                if let Err(e) = handler.handle_request() {
                    window
                        .lock()
                        .unwrap()
                        .refused
                        .push(format!("back-end channel: {e}"));
                    break;
                }
            }
        });
        self.server = Some(Server { stop, thread });
        Ok(())
    }

    /// A driver is there: memory, features and rings.
    pub fn start(&mut self) -> Outcome<()> {
        self.frontend.set_owner()?;
        if self.server.is_none() {
            self.serve()?;
        }
        let regions: Vec<_> = self
            .memory
            .iter()
            .map(VhostUserMemoryRegionInfo::from_guest_region)
            .collect::<Result<_, _>>()?;
        self.frontend.set_mem_table(&regions)?;
        self.frontend.set_features(self.features)?;
        for (i, ring) in self.rings.iter_mut().enumerate() {
            ring.fresh()?;
            self.frontend.set_vring_num(i, ENTRIES)?;
            self.frontend.set_vring_base(i, 0)?;
            self.frontend.set_vring_addr(i, &ring.config()?)?;
            self.frontend.set_vring_kick(i, &ring.kick)?;
            self.frontend.set_vring_call(i, &ring.call)?;
            self.frontend.set_vring_enable(i, true)?;
        }
        Ok(())
    }

    /// The guest resets the device.
    pub fn stop(&mut self) -> Outcome<()> {
        for i in 0..RINGS {
            self.frontend.set_vring_enable(i, false)?;
        }
        if self.habit != Habit::Mute {
            for i in 0..RINGS {
                self.frontend.get_vring_base(i)?;
            }
            if self.habit == Habit::Manual {
                self.window.lock().unwrap().drop_all()?;
            }
            return Ok(());
        }
        if let Some(server) = self.server.take() {
            server.stop.store(true, Ordering::Relaxed);
            server
                .thread
                .join()
                .map_err(|_| "the channel's thread has panicked")?;
        }
        Ok(())
    }
}

fn window_size(frontend: &mut Frontend, shmid: u8) -> Outcome<u64> {
    let config = frontend.get_shmem_config()?;
    let sizes = config.memory_sizes;
    ensure(config.nregions == 1, "there is one region")?;
    ensure(
        sizes.iter().filter(|size| **size > 0).count() == 1,
        "and one size",
    )?;
    ensure(
        sizes[usize::from(shmid)].is_power_of_two(),
        "which is a power of two",
    )?;
    Ok(sizes[usize::from(shmid)])
}
