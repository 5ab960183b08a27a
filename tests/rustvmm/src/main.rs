// SPDX-License-Identifier: MIT
//! Drives hostblob-gpu or hostblob-media with rust-vmm's own vhost-user front-end.
mod gpu;
mod machine;
mod media;
mod ring;
mod window;

use machine::{Habit, Machine};

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

pub fn ensure(good: bool, what: &str) -> Outcome<()> {
    if good {
        return Ok(());
    }
    Err(format!("not so: {what}").into())
}

pub fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn tell(device: &str, path: &str, single: bool, habit: Habit) -> Outcome<String> {
    let shmid = if device == "gpu" {
        gpu::SHMID
    } else {
        media::SHMID
    };
    let mut machine = Machine::connect(path, shmid, habit)?;
    match device {
        "gpu" => gpu::tell(&mut machine, single)?,
        _ => media::tell(&mut machine, single)?,
    }
    let window = machine.window.lock().unwrap();
    if let Some(first) = window.refused.first() {
        return Err(format!(
            "{} requests were refused, the first: {first}",
            window.refused.len()
        )
        .into());
    }
    Ok(format!(
        "{} mapped, {} unmapped",
        window.maps, window.unmaps
    ))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options: Vec<&str> = arguments.iter().skip(2).map(String::as_str).collect();
    let known = options
        .iter()
        .all(|option| ["--single", "--keep", "--mute"].contains(option));
    if arguments.len() < 2 || !["gpu", "media"].contains(&arguments[0].as_str()) || !known {
        eprintln!("usage: hostblob-rustvmm gpu|media SOCKET [--single] [--keep | --mute]");
        std::process::exit(2);
    }
    let habit = match (options.contains(&"--keep"), options.contains(&"--mute")) {
        (true, _) => Habit::Keep,
        (_, true) => Habit::Mute,
        _ => Habit::Manual,
    };
    match tell(
        &arguments[0],
        &arguments[1],
        options.contains(&"--single"),
        habit,
    ) {
        Ok(said) => println!("{said}"),
        Err(e) => {
            println!("{e}");
            std::process::exit(1);
        }
    }
}
