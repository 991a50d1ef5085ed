//! Sign-ups, counted from the store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use factum::{
    Aggregate, Position, Recorded, Repository,
    store::{Filter, RecordedEvent},
};
use registration::domain::{User, UserCommand, UserEvent, UserNumber, normal_address};
use support::Program;

/// What the store of the program holds of users.
async fn users(program: &Program) -> Vec<RecordedEvent> {
    let store = factum::open(&url(program)).await.unwrap();
    let (mut events, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_all(&Filter::category(User::CATEGORY), after, 5000).await.unwrap();
        events.extend(page.events);
        if page.end {
            return events;
        }
        after = page.last;
    }
}

fn url(program: &Program) -> String {
    format!("sqlite:{}", program.file("registration.db").display())
}

/// The number with this name in what the program says.
fn said(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    let word = line.split_whitespace().nth(1).unwrap().trim_end_matches(',');
    word.replace(',', "").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_address_has_one_holder() {
    let program = Program::new();
    let text = program.run(&["load", "--count", "3000", "--duplicates", "0.4"]);
    let (accepted, refused) = (said(&text, "accepted"), said(&text, "refused"));
    assert_eq!(accepted + refused, 3000, "{text}");
    assert!((900..1500).contains(&refused), "about two of five: {text}");

    let events = users(&program).await;
    let mut addresses = BTreeMap::<String, UserNumber>::new();
    for event in events {
        let number = event.stream.parse_id::<User>().unwrap();
        let event = Recorded::<UserEvent>::decode(event).unwrap().one().unwrap().event;
        let UserEvent::Registered { email, .. } = event else {
            panic!("something else than a registration");
        };
        assert_eq!(addresses.insert(normal_address(&email), number), None, "{email}");
    }
    assert_eq!(addresses.len() as u64, accepted);
    assert_eq!(addresses.values().collect::<BTreeSet<_>>().len() as u64, accepted);

    // Another run beside what is there.
    let text = program.run(&["load", "--count", "500", "--clients", "8"]);
    assert_eq!((said(&text, "accepted"), said(&text, "refused")), (500, 0));
    assert_eq!(said(&text, "proof"), accepted + 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_changed_or_left_is_counted_as_it_is() {
    let program = Program::new();
    let users = Repository::<User>::new(factum::open(&url(&program)).await.unwrap());
    let register = |email: &str| UserCommand::Register { email: email.into(), name: "Ann".into() };
    let [ann, bob, carl] = [(); 3].map(|()| UserNumber::new());
    users.execute(&ann, register("ann@example.org")).await.unwrap();
    let change = UserCommand::ChangeEmail { email: "anna@example.org".into() };
    users.execute(&ann, change).await.unwrap();
    users.execute(&bob, register("Ann@example.org")).await.unwrap();
    users.execute(&bob, UserCommand::Deregister).await.unwrap();
    users.execute(&carl, register("ANN@example.org")).await.unwrap();
    let text = program.run(&["load", "--count", "10"]);
    assert_eq!(said(&text, "proof"), 12, "{text}");
}

#[test]
fn a_rate_is_kept_for_as_long_as_was_asked() {
    let program = Program::new();
    let began = Instant::now();
    let text =
        program.run(&["load", "--rate", "50", "--seconds", "2", "--clients", "4", "--store", "memory:"]);
    let took = began.elapsed();
    assert_eq!(said(&text, "accepted"), 100, "{text}");
    assert!((Duration::from_millis(1900)..Duration::from_secs(20)).contains(&took), "{took:?}");
}
