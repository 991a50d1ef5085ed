//! A payload field that several rules use is cloned for all but the last of them.

use std::{cell::Cell, ops::AddAssign};

use factum::{Aggregate, Fold};
use serde::{Deserialize, Serialize};

/// Text that counts how often it is cloned.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted(String);

thread_local! {
    static CLONES: Cell<usize> = const { Cell::new(0) };
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0.clone())
    }
}

impl Counted {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// It takes borrowed text.
#[derive(Debug, Default, PartialEq)]
pub struct Log(String);

impl AddAssign<&Counted> for Log {
    fn add_assign(&mut self, text: &Counted) {
        self.0 += text.as_str();
    }
}

impl AddAssign<&str> for Log {
    fn add_assign(&mut self, text: &str) {
        self.0 += text;
    }
}

fn measure(text: &Counted) -> usize {
    text.0.len()
}

#[derive(Aggregate, Debug, Default, PartialEq)]
#[events {
    #[creates]
    Made { first },
    #[creates]
    MadeTwice { first },
    Once { text: Counted },
    Twice { text: Counted },
    Thrice { text: Counted },
    Measured { text: Counted },
    Printed { text: Counted },
    Bare { first },
    BareAndRule { first },
    Held { text: Counted },
    HeldAndPushed { text: Counted },
    Receiver { text: Counted },
    Temporary { text: Counted },
    Copied { count: u32 },
}]
#[commands {
    #[decide(Ok(what))]
    Begin { what: Option<ShelfEvent> } => Made | MadeTwice,
    #[decide(Ok(what))]
    Record { what: Vec<ShelfEvent> } => Once | Twice | Thrice | Measured | Printed | Bare | BareAndRule | Held
        | HeldAndPushed | Receiver | Temporary | Copied,
}]
pub struct Shelf {
    #[id]
    number: u8,
    #[on(Measured | Receiver = measure(&text), BareAndRule = measure(&first))]
    length: usize,
    #[on(Printed = format!("{text}"))]
    printed: String,
    #[on(Once | Twice | Thrice | Measured | Printed | Held = text)]
    first: Counted,
    #[on(Twice | Thrice = Some(text), MadeTwice | BareAndRule = Some(first))]
    second: Option<Counted>,
    #[on(
        Held | HeldAndPushed += &text,
        Receiver += text.as_str(),
        Temporary += format!("{}!", text.as_str()).as_str(),
    )]
    log: Log,
    #[on(Thrice | HeldAndPushed | Receiver => self.list.push(text))]
    list: Vec<Counted>,
    #[on(Copied += count)]
    sum: u32,
    #[on(Copied = count)]
    last: u32,
}

fn text() -> Counted {
    Counted("abc".into())
}

/// The state after the event, and how many clones that took.
fn folded(event: ShelfEvent) -> (Shelf, usize) {
    let mut fold = Fold::<Shelf>::new(1);
    fold.apply(ShelfEvent::Made { first: Counted("first".into()) }).unwrap();
    CLONES.set(0);
    fold.apply(event).unwrap();
    (fold.finish().unwrap().state, CLONES.get())
}

fn shelf() -> Shelf {
    Shelf { number: 1, first: Counted("first".into()), ..Shelf::default() }
}

#[test]
fn one_user_takes_it() {
    assert_eq!(folded(ShelfEvent::Once { text: text() }), (Shelf { first: text(), ..shelf() }, 0));
    assert_eq!(folded(ShelfEvent::Bare { first: text() }), (Shelf { first: text(), ..shelf() }, 0));
}

#[test]
fn of_several_users_the_last_takes_it() {
    let twice = Shelf { first: text(), second: Some(text()), ..shelf() };
    assert_eq!(folded(ShelfEvent::Twice { text: text() }), (twice, 1));
    let thrice = Shelf { first: text(), second: Some(text()), list: vec![text()], ..shelf() };
    assert_eq!(folded(ShelfEvent::Thrice { text: text() }), (thrice, 2));
    let and_rule = Shelf { first: text(), second: Some(text()), length: 3, ..shelf() };
    assert_eq!(folded(ShelfEvent::BareAndRule { first: text() }), (and_rule, 1));
}

#[test]
fn who_only_borrows_needs_no_clone() {
    let measured = Shelf { first: text(), length: 3, ..shelf() };
    assert_eq!(folded(ShelfEvent::Measured { text: text() }), (measured, 0));
    let printed = Shelf { first: text(), printed: "abc".into(), ..shelf() };
    assert_eq!(folded(ShelfEvent::Printed { text: text() }), (printed, 0));
}

#[test]
fn a_compound_assignment_may_hold_a_borrow() {
    let log = || Log("abc".into());
    assert_eq!(
        folded(ShelfEvent::Held { text: text() }),
        (Shelf { first: text(), log: log(), ..shelf() }, 1)
    );
    let pushed = Shelf { list: vec![text()], log: log(), ..shelf() };
    assert_eq!(folded(ShelfEvent::HeldAndPushed { text: text() }), (pushed, 1));
    let receiver = Shelf { list: vec![text()], log: log(), length: 3, ..shelf() };
    assert_eq!(folded(ShelfEvent::Receiver { text: text() }), (receiver, 1));
    let temporary = Shelf { log: Log("abc!".into()), ..shelf() };
    assert_eq!(folded(ShelfEvent::Temporary { text: text() }), (temporary, 0));
}

#[test]
fn creation_follows_the_same_rule() {
    let mut fold = Fold::<Shelf>::new(1);
    CLONES.set(0);
    fold.apply(ShelfEvent::MadeTwice { first: text() }).unwrap();
    assert_eq!(CLONES.get(), 1);
    assert_eq!(
        fold.finish().unwrap().state,
        Shelf { number: 1, first: text(), second: Some(text()), ..Shelf::default() }
    );
}

#[test]
fn numbers_are_copied() {
    assert_eq!(folded(ShelfEvent::Copied { count: 4 }), (Shelf { sum: 4, last: 4, ..shelf() }, 0));
}
