//! Instructions of the fold, the handler and the codec, counted by callgrind, against the hand-written ones.
//!
//! `cargo run --release -p factum-benches --bin instructions` runs itself under valgrind, which has to be installed.
//! Only the functions named `measured_…` are counted. The counts are the same each time.

use std::{hint::black_box, process::Command};

use factum::{Aggregate, Context, Event, Fold, Metadata, Version};
use factum_benches::{derived, hand, history};

const EVENTS: usize = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next() {
        Some(what) => run(&what),
        None => compare(),
    }
}

fn compare() {
    println!("instructions per event or command, counted by callgrind");
    println!("{:<24} {:>10} {:>10} {:>7}", "", "factum", "by hand", "ratio");
    for what in ["fold", "handle", "decode_fold", "encode"] {
        let ours = count(&format!("measured_factum_{what}"));
        let hand = count(&format!("measured_hand_{what}"));
        match (ours, hand) {
            (Some(ours), Some(hand)) => println!(
                "{what:<24} {:>10.1} {:>10.1} {:>7.3}",
                ours / EVENTS as f64,
                hand / EVENTS as f64,
                ours / hand
            ),
            _ => println!("{what:<24} valgrind gave no count: is it installed?"),
        }
    }
}

/// Runs this program under callgrind and counts within the one function.
fn count(function: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect=instructions::{function}"))
        .arg(program)
        .arg(function)
        .output()
        .ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let collected = report.lines().find_map(|line| line.split_once("Collected :"))?.1;
    collected.trim().parse().ok()
}

fn run(what: &str) {
    let stored = history(EVENTS);
    let ours = || -> Vec<_> {
        stored
            .iter()
            .filter_map(|(name, payload)| derived::IncidentEvent::decode(name, 1, payload).ok()?.one())
            .collect()
    };
    let by_hand = || -> Vec<_> {
        stored.iter().filter_map(|(name, payload)| hand::Event::decode(name, payload).ok()).collect()
    };
    match what {
        "measured_factum_fold" => drop(black_box(measured_factum_fold(ours()))),
        "measured_hand_fold" => drop(black_box(measured_hand_fold(by_hand()))),
        "measured_factum_decode_fold" => drop(black_box(measured_factum_decode_fold(&stored))),
        "measured_hand_decode_fold" => drop(black_box(measured_hand_decode_fold(&stored))),
        "measured_factum_encode" => drop(black_box(measured_factum_encode(&ours()))),
        "measured_hand_encode" => drop(black_box(measured_hand_encode(&by_hand()))),
        "measured_factum_handle" => {
            let fold = measured_factum_fold(ours().into_iter().take(1).collect());
            let ctx = Context::new(
                "2026-01-01T00:00:00Z".parse().unwrap_or_default(),
                Version::FIRST,
                Metadata::new(),
            );
            let commands = (0..EVENTS as u64).map(|number| match number % 3 {
                0 => derived::IncidentCommand::ChangeText { text: format!("text {number}") },
                1 => derived::IncidentCommand::Assign { to: number },
                _ => derived::IncidentCommand::Close { solution: format!("solution {number}") },
            });
            black_box(measured_factum_handle(&fold, &ctx, commands.collect()));
        }
        "measured_hand_handle" => {
            let state = measured_hand_fold(by_hand().into_iter().take(1).collect());
            let commands = (0..EVENTS as u64).map(|number| match number % 3 {
                0 => hand::Command::ChangeText { text: format!("text {number}") },
                1 => hand::Command::Assign { to: number },
                _ => hand::Command::Close { solution: format!("solution {number}") },
            });
            black_box(measured_hand_handle(state.as_ref(), commands.collect()));
        }
        other => eprintln!("there is nothing called {other}"),
    }
}

#[inline(never)]
fn measured_factum_fold(events: Vec<derived::IncidentEvent>) -> Fold<derived::Incident> {
    let mut fold = Fold::new(1);
    for event in events {
        if let Err(error) = fold.apply(event) {
            eprintln!("{error}");
        }
    }
    fold
}

#[inline(never)]
fn measured_hand_fold(events: Vec<hand::Event>) -> Option<hand::Incident> {
    let mut state = None;
    let mut version = 0_u64;
    for event in events {
        version += 1;
        if let Err(error) = hand::Incident::fold(&mut state, 1, event) {
            eprintln!("{error} at {version}");
        }
    }
    black_box(version);
    state
}

#[inline(never)]
fn measured_factum_handle(
    fold: &Fold<derived::Incident>,
    ctx: &Context,
    commands: Vec<derived::IncidentCommand>,
) -> usize {
    let mut events = 0;
    for command in commands {
        match fold.decide(command, ctx) {
            Ok(decision) => events += black_box(&decision).as_slice().len(),
            Err(rejection) => eprintln!("{rejection}"),
        }
    }
    events
}

#[inline(never)]
fn measured_hand_handle(state: Option<&hand::Incident>, commands: Vec<hand::Command>) -> usize {
    let mut events = 0;
    for command in commands {
        match hand::Incident::handle(state, command) {
            Ok(decision) => events += black_box(&decision).len(),
            Err(error) => eprintln!("{error}"),
        }
    }
    events
}

#[inline(never)]
fn measured_factum_decode_fold(stored: &[(&'static str, String)]) -> Fold<derived::Incident> {
    let mut fold = Fold::new(1);
    for (name, payload) in stored {
        match <derived::Incident as Aggregate>::Event::decode(name, 1, payload) {
            Ok(event) => drop(fold.apply_decoded(event)),
            Err(error) => eprintln!("{error}"),
        }
    }
    fold
}

#[inline(never)]
fn measured_hand_decode_fold(stored: &[(&'static str, String)]) -> Option<hand::Incident> {
    let mut state = None;
    let mut version = 0_u64;
    for (name, payload) in stored {
        version += 1;
        match hand::Event::decode(name, payload) {
            Ok(event) => drop(hand::Incident::fold(&mut state, 1, event)),
            Err(error) => eprintln!("{error}"),
        }
    }
    black_box(version);
    state
}

#[inline(never)]
fn measured_factum_encode(events: &[derived::IncidentEvent]) -> usize {
    events.iter().filter_map(|event| event.encode().ok()).map(|payload| payload.len()).sum()
}

#[inline(never)]
fn measured_hand_encode(events: &[hand::Event]) -> usize {
    events.iter().filter_map(|event| event.encode().ok()).map(|payload| payload.len()).sum()
}
