//! Moving house.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{fs, process::Stdio, thread, time::Duration};

use factum::{
    Position,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, RecordedEvent, StreamId},
};
use support::Desk;

const MOVED: [&str; 3] = ["copy", "sqlite:helpdesk.db", "sqlite:moved.db"];

/// Everything that is in a store.
async fn content(desk: &Desk, file: &str) -> Vec<RecordedEvent> {
    let store = factum::open(&format!("sqlite:{}", desk.file(file).display())).await.unwrap();
    store.read_all(&Filter::All, Position::START, 1_000_000).await.unwrap().events
}

#[tokio::test]
async fn everything_is_there_and_goes_on() {
    let desk = Desk::new();
    let incident = desk.report("mouse broken");
    desk.run(&["close", &incident, "new mouse", "--by", "ann"]);
    desk.report("printer broken");
    let said = desk.run(&MOVED);
    assert!(said.starts_with("3 events copied in "), "{said}");
    assert!(said.ends_with("compared: 3 events of 2 incidents, the same in both\n"), "{said}");
    assert_eq!(content(&desk, "moved.db").await, content(&desk, "helpdesk.db").await);

    let moved = |arguments: &[&str]| desk.run(&[arguments, &["--store", "sqlite:moved.db"]].concat());
    for question in [&["list"][..], &["show", &incident], &["history", &incident]] {
        assert_eq!(moved(question), desk.run(question));
    }
    assert!(
        moved(&["reopen", &incident, "broke again", "--to", "4", "--expect", "2"]).contains("v3  reopened")
    );
    // It is another desk from now on, and is not written over.
    let told = desk.fail(1, &MOVED);
    assert!(told.contains("has more events") && told.contains("name an empty store"), "{told}");
}

#[tokio::test]
async fn a_second_run_brings_what_has_come_since() {
    let desk = Desk::new();
    desk.report("mouse broken");
    desk.run(&MOVED);
    let said = desk.run(&MOVED);
    assert_eq!(said, "nothing to copy: the target holds all of it already: 1 event of 1 incident\n");
    desk.report("printer broken");
    let said = desk.run(&MOVED);
    assert!(
        said.contains("1 event copied") && said.contains("1 event was there from an earlier run"),
        "{said}"
    );
    assert_eq!(content(&desk, "moved.db").await, content(&desk, "helpdesk.db").await);
}

/// As `kill -9` does it, at any moment.
#[tokio::test]
async fn a_killed_copy_goes_on_where_it_was() {
    let desk = Desk::new();
    let from = factum::open(&format!("sqlite:{}", desk.file("helpdesk.db").display())).await.unwrap();
    let event = NewEvent {
        name: Name::from("Counted"),
        schema: 1,
        payload: Payload::json("{\"number\":7}"),
        metadata: None,
    };
    for id in ["a", "b"] {
        let (stream, events) = (StreamId::new("thing", id), vec![event.clone(); 30_000]);
        let append = Append { stream, expected: Expected::NoStream, tail: None, events };
        from.append(Commit::new(vec![append])).await.unwrap();
    }
    drop(from);
    let whole = content(&desk, "helpdesk.db").await;
    let moved = factum::open(&format!("sqlite:{}", desk.file("moved.db").display())).await.unwrap();
    let (mut before, mut in_the_middle) = (0, 0);
    for _ in 0..10 {
        let mut copy = desk.program(&MOVED).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let was = moved.head().await.unwrap();
        while copy.try_wait().unwrap().is_none() && moved.head().await.unwrap() == was {
            thread::sleep(Duration::from_millis(1));
        }
        copy.kill().unwrap();
        copy.wait().unwrap();
        let there = content(&desk, "moved.db").await.len();
        in_the_middle += u32::from(before < there && there < whole.len());
        before = there;
    }
    println!("{in_the_middle} times it was killed in the middle");
    assert!(in_the_middle >= 3, "it was killed too early or too late");
    desk.run(&MOVED);
    assert_eq!(content(&desk, "moved.db").await, whole);
}

#[test]
fn what_cannot_be_copied_is_said_and_nothing_is_made() {
    let desk = Desk::new();
    for (from, to, said) in [
        ("sqlite:nowhere.db", "sqlite:moved.db", "nothing to copy from: there is no file `nowhere.db`"),
        ("memory:", "sqlite:moved.db", "nothing to copy from: a store in memory is always a new one"),
        (
            "sqlite::memory:",
            "sqlite:moved.db",
            "nothing to copy from: a database in memory is always a new one",
        ),
        ("helpdesk.db", "sqlite:moved.db", "does not name a store"),
        ("sqlite:same.db", "sqlite:same.db", "cannot be copied into itself"),
    ] {
        let told = desk.fail(1, &["copy", from, to]);
        assert!(told.starts_with("helpdesk: ") && told.contains(said), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert_eq!(fs::read_dir(desk.file("")).unwrap().count(), 0, "{from}: a file was made");
    }

    desk.report("mouse broken");
    fs::write(desk.file("empty.db"), "").unwrap();
    fs::write(desk.file("text.db"), "dear diary").unwrap();
    for (from, to, said) in [
        ("sqlite:empty.db", "sqlite:moved.db", "`empty.db` is empty"),
        ("sqlite:text.db", "sqlite:moved.db", "nothing to copy from: `text.db` is not a SQLite database"),
        ("sqlite:helpdesk.db", "sqlite:text.db", "nowhere to copy to: `text.db` is not a SQLite database"),
        ("sqlite:helpdesk.db", "memory:", "a store in memory ends with this program"),
        ("sqlite:helpdesk.db", "sqlite:no/such/directory.db", "nowhere to copy to: "),
    ] {
        let told = desk.fail(1, &["copy", from, to]);
        assert!(told.starts_with("helpdesk: ") && told.contains(said), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!desk.file("moved.db").exists(), "{from}: a file was made");
    }
    assert_eq!(fs::read(desk.file("empty.db")).unwrap(), b"");
    assert_eq!(fs::read(desk.file("text.db")).unwrap(), b"dear diary");
}

#[tokio::test]
async fn a_store_with_other_events_is_left_alone() {
    let desk = Desk::new();
    desk.report("mouse broken");
    desk.run(&["report", "printer broken", "--reporter", "7", "--store", "sqlite:moved.db"]);
    let before = content(&desk, "moved.db").await;
    let told = desk.fail(1, &MOVED);
    assert!(told.contains("event 1 is version 1 of `incident/"), "{told}");
    assert!(told.ends_with("name an empty store\n") && told.lines().count() == 1, "{told}");
    assert_eq!(content(&desk, "moved.db").await, before);
}

#[test]
fn the_help_says_how_to_move() {
    let desk = Desk::new();
    assert!(desk.run(&["--help"]).contains("Move house"));
    let help = desk.run(&["copy", "--help"]);
    assert!(help.contains("<FROM> <TO>") && help.contains("copy once more"), "{help}");
}
