//! What the derives say about mistakes: each program in `ui/` has one, which its first line tells, and gets one message.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test --test ui`, and read what changed as a newcomer would.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::{fs, path::PathBuf};

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}

#[test]
fn one_mistake_is_one_message() {
    let mut wrong = Vec::new();
    let mut programs = 0;
    for path in expectations() {
        let text = fs::read_to_string(&path).unwrap();
        let messages = text.lines().filter(|line| line.starts_with("error")).count();
        let mistakes = match path.file_stem().and_then(|name| name.to_str()) {
            Some("five_mistakes") => 5,
            Some("nothing_but_the_derive") => 2,
            _ => 1,
        };
        programs += 1;
        if messages != mistakes || text.contains("warning: ") {
            wrong.push(format!("{}: {messages} messages for {mistakes} mistakes", path.display()));
        }
        // What is shown of the standard library depends on what else is installed.
        if text.contains("$RUST") {
            wrong.push(format!("{}: shows the standard library", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(programs >= 150, "only {programs} programs were found");
}

fn expectations() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui");
    let entries = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries(folder)
        .flat_map(entries)
        .filter(|path| path.extension().is_some_and(|end| end == "stderr"))
        .collect()
}
