//! The same story on every store: nothing but the URL differs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use factum_tests::{nats::Nats, postgres::Postgres};
use support::Desk;

/// The story without what differs each time: ids of incidents, times, who of two at once was faster, and how to look at
/// what is left.
fn told(desk: &Desk, url: &str) -> String {
    let told = desk.run(&["tour", "--store", url]);
    let told = told.split("\n13 ").next().unwrap();
    let words = |line: &str| -> String {
        let words = line.split(' ').map(|word| {
            let id = word.bytes().filter(u8::is_ascii_hexdigit).count() >= 8;
            let time = word.contains(':') && word.starts_with(|first: char| first.is_ascii_digit());
            if id || time { "… " } else { word }
        });
        words.collect()
    };
    let certain =
        told.lines().filter(|line| !line.contains("mice broken") && !line.contains("bitten through"));
    certain.map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tour_is_the_same_on_all_of_them() {
    let desk = Desk::new();
    let expected = told(&desk, "memory:");
    assert!(expected.lines().count() > 50, "{expected}");
    assert_eq!(told(&desk, "sqlite:desk.db"), expected);
    if let Some(server) = Postgres::shared() {
        assert_eq!(told(&desk, &server.fresh()), expected);
    }
    for servers in [Nats::shared(), Nats::shared_cluster()].into_iter().flatten() {
        assert_eq!(told(&desk, &servers.fresh()), expected);
    }
}

/// What the list and the workload show, without what differs each time.
fn overview(desk: &Desk, options: &[&str]) -> Vec<String> {
    let lines = |query: &str| desk.run(&[&[query], options].concat());
    let (list, workload) = (lines("list"), lines("workload"));
    let list = list.lines().map(|line| line.split_once(' ').unwrap().1.trim().to_owned());
    list.chain(workload.lines().map(str::to_owned)).collect()
}

#[test]
fn the_views_are_the_same_wherever_they_are_kept() {
    let desk = Desk::new();
    // Three incidents, one of them closed, and one removed.
    let furnish = |options: &[&str]| {
        let run = |arguments: &[&str]| desk.run(&[arguments, options].concat());
        let numbers: Vec<_> = ["mouse broken", "printer broken", "door locked", "it rains"]
            .iter()
            .map(|text| run(&["report", text, "--reporter", "7"])[..8].to_owned())
            .collect();
        run(&["assign", &numbers[0], "3"]);
        run(&["assign", &numbers[1], "3"]);
        run(&["close", &numbers[1], "new printer"]);
        run(&["assign", &numbers[2], "4"]);
        run(&["change", &numbers[2], "door jammed"]);
        run(&["remove", &numbers[3]]);
        numbers
    };
    furnish(&["--store", "sqlite:desk.db"]);
    let expected = overview(&desk, &["--store", "sqlite:desk.db"]);
    let workload = [
        "user    open now  assigned so far  reported",
        "user 3         1                2         0",
        "user 4         1                1         0",
        "user 7         0                0         4",
    ];
    assert_eq!(expected[4..], workload);
    assert!(expected[3].ends_with("door jammed"), "{expected:?}");
    let refused = desk.fail(1, &["list", "--store", "sqlite:desk.db", "--read-store", "sqlite:views.db"]);
    assert!(refused.contains("leave out --read-store"), "{refused}");

    if let Some(server) = Postgres::shared() {
        let url = server.fresh();
        furnish(&["--store", &url]);
        assert_eq!(overview(&desk, &["--store", &url]), expected);
    }
    // JetStream keeps events and no views: they are made anew in memory, or kept beside.
    if let Some(server) = Nats::shared() {
        let url = server.fresh();
        let beside = ["--store", &url, "--read-store", "sqlite:views.db"];
        let numbers = furnish(&beside);
        assert_eq!(overview(&desk, &beside), expected);
        assert_eq!(overview(&desk, &["--store", &url]), expected);
        // Whoever writes without knowing of the views beside leaves them behind; they catch up when they are asked.
        desk.run(&["assign", &numbers[0], "9", "--store", &url]);
        assert!(desk.run(&[&["list"], &beside[..]].concat()).contains("user 9"));
        let refused = desk.fail(1, &["list", "--store", &url, "--read-store", &url]);
        assert!(refused.contains("cannot keep views"), "{refused}");
    }
}
