//! The same story on every store: nothing but the URL differs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use factum_tests::{nats::Nats, postgres::Postgres};
use support::Program;

/// The story without what differs each time: addresses, times, and how long something takes.
fn told(program: &Program, url: &str) -> String {
    let told = program.run(&["tour", "--store", url]);
    let words = |line: &str| -> String {
        let words = line.split(' ').map(|word| {
            let id = word.contains('@') || word.starts_with("phone-");
            let time = word.contains(':') && word.starts_with(|first: char| first.is_ascii_digit());
            let took = word.contains('.') && word.parse::<f64>().is_ok();
            if id || time || took { "… " } else { word }
        });
        words.collect()
    };
    told.lines().map(words).collect::<Vec<_>>().join("\n")
}

/// Runs everything on this store, whatever was there before.
fn holds(program: &Program, url: &str, story: &str) {
    assert_eq!(told(program, url), story, "{url}");
    assert_eq!(told(program, url), story, "{url}: told again");
    let load = program.run(&["load", "--count", "300", "--duplicates", "0.3", "--store", url]);
    assert!(load.contains("none held twice"), "{url}: {load}");
    let bank = ["bank", "--clients", "16", "--accounts", "8", "--transfers", "100", "--store", url];
    assert!(program.run(&bank).contains("none was ever below zero"), "{url}");
}

#[test]
fn it_is_the_same_on_memory_and_sqlite() {
    let program = Program::new();
    let story = told(&program, "memory:");
    assert!(story.lines().count() > 80, "{story}");
    holds(&program, "sqlite:registration.db", &story);
}

#[test]
fn it_is_the_same_on_postgresql() {
    let program = Program::new();
    if let Some(server) = Postgres::shared() {
        holds(&program, &server.fresh(), &told(&program, "memory:"));
    }
}

#[test]
fn it_is_the_same_on_jetstream() {
    let program = Program::new();
    for servers in [Nats::shared(), Nats::shared_cluster()].into_iter().flatten() {
        holds(&program, &servers.fresh(), &told(&program, "memory:"));
    }
}
