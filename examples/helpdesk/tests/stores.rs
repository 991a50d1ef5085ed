//! The same story on every store: nothing but the URL differs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
