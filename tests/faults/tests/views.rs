//! Processes are killed while they keep views: in mid-commit with rows, in mid-write, and while one build takes the place of
//! another one.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use factum::Position;
use factum_faults::views;
use fastrand::Rng;

use crate::{integrity, new_directory, open};

/// What processes have told: which build has come how far.
type Told = Arc<Mutex<Vec<(u64, Position)>>>;

fn start(url: &str, name: &str, told: &Told) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_reader"))
        .args([url, name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the process starts");
    let output = BufReader::new(child.stdout.take().expect("it was piped"));
    let told = Arc::clone(told);
    thread::spawn(move || {
        for line in output.lines() {
            let line = line.expect("the line is text");
            let (generation, position) = line.split_once(' ').expect("the line has two numbers");
            let numbers = (generation.parse().expect("a number"), position.parse().expect("a position"));
            told.lock().expect("nobody panics").push(numbers);
        }
    });
    child
}

async fn kill_again_and_again(names: &[&str], rounds: u64) {
    let directory = new_directory();
    let url = format!("sqlite:{}/store.db", directory.path().display());
    let told = Told::default();
    let mut rng = Rng::with_seed(names.len() as u64);
    views::set_up(&open(directory.path()).await.unwrap()).await;
    let mut found = (0, 0);
    for round in 0..rounds {
        let before = told.lock().unwrap().len();
        let mut running: Vec<Child> = names.iter().map(|name| start(&url, name, &told)).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        while told.lock().unwrap().len() < before + 10 {
            assert!(Instant::now() < deadline, "nothing is written");
            thread::sleep(Duration::from_millis(1));
        }
        while !running.is_empty() {
            thread::sleep(Duration::from_micros(rng.u64(..60_000)));
            let mut victim = running.swap_remove(rng.usize(..running.len()));
            assert!(victim.try_wait().unwrap().is_none(), "a process ended by itself");
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
        let context = format!("{names:?}, after {round} rounds");
        let store = open(directory.path()).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        let acknowledged = told.lock().unwrap().clone();
        let now = views::check(&store, &acknowledged, &context).await;
        assert!(now.0 >= found.0 && now.1 >= found.1, "{context}: {now:?} after {found:?}");
        found = now;
        assert_eq!(integrity(directory.path()).unwrap(), "ok", "{context}");
    }
    let steps = told.lock().unwrap().len();
    println!("{} events, {steps} steps, {} builds", found.0, found.1);
    assert!(found.1 > 1, "no build took the place of another one");
}

#[tokio::test]
async fn one_process() {
    kill_again_and_again(&["one"], 20).await;
}

#[tokio::test]
async fn two_processes_at_the_same_work() {
    kill_again_and_again(&["one", "two"], 12).await;
}
