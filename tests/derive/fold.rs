//! `#[on]`: right sides see the state before, statements run in order, every operator does what it does in Rust.

use std::{collections::BTreeMap, ops::AddAssign};

use factum::Aggregate;

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Made { a, b },
    Swapped,
    Turned,
    Summed { by: i32 },
}]
#[commands {
    Make => Made,
    Swap => Swapped,
    Turn => Turned,
    Sum => Summed,
}]
struct Pair {
    #[id]
    number: u8,
    #[on(Swapped = self.b, Turned = self.c, Summed += by)]
    a: i32,
    #[on(Swapped = self.a, Turned = self.a, Summed += self.a)]
    b: i32,
    #[on(Made = 100 + a + b, Turned = self.b, Summed = self.a + self.b)]
    c: i32,
}

fn made() -> PairEvent {
    PairEvent::Made { a: 1, b: 2 }
}

#[test]
fn every_right_side_sees_the_state_before() {
    let pair = |a, b, c| Pair { number: 1, a, b, c };
    Pair::given([made()]).then_state(&pair(1, 2, 103));
    Pair::given([made(), PairEvent::Swapped]).then_state(&pair(2, 1, 103));
    Pair::given([made(), PairEvent::Turned]).then_state(&pair(103, 1, 2));
    Pair::given([made(), PairEvent::Summed { by: 10 }]).then_state(&pair(11, 3, 3));
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Made,
    Changed { by: u32 },
}]
#[commands {
    Make => Made,
    Change => Changed,
}]
struct Operators {
    #[id]
    number: u8,
    #[on(Made = 12, Changed += by)]
    add: u32,
    #[on(Made = 12, Changed -= by)]
    sub: u32,
    #[on(Made = 12, Changed *= by)]
    mul: u32,
    #[on(Made = 12, Changed /= by)]
    div: u32,
    #[on(Made = 12, Changed %= by + 2)]
    rem: u32,
    #[on(Made = 12, Changed ^= by)]
    xor: u32,
    #[on(Made = 12, Changed &= by + 5)]
    and: u32,
    #[on(Made = 12, Changed |= by)]
    or: u32,
    #[on(Made = 12, Changed <<= by)]
    shl: u32,
    #[on(Made = 12, Changed >>= by)]
    shr: u32,
}

#[test]
fn all_operators_work() {
    Operators::given([OperatorsEvent::Made, OperatorsEvent::Changed { by: 3 }]).then_state(&Operators {
        number: 1,
        add: 15,
        sub: 9,
        mul: 36,
        div: 4,
        rem: 2,
        xor: 15,
        and: 8,
        or: 15,
        shl: 96,
        shr: 1,
    });
}

/// Something that only knows `+=`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally(Vec<u32>);

impl AddAssign<u32> for Tally {
    fn add_assign(&mut self, count: u32) {
        self.0.push(count);
    }
}

/// A number of times that something was counted.
struct Times {
    count: u32,
    times: usize,
}

impl AddAssign<Times> for Tally {
    fn add_assign(&mut self, times: Times) {
        self.0.extend(std::iter::repeat_n(times.count, times.times));
    }
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened { first: u32 },
    #[creates]
    Copied { first: u32 },
    Counted { count: u32, name: String },
    Cleared,
    Halved,
    Repeated { count: u32 },
}]
#[commands {
    Open => Opened,
    Copy => Copied,
    Count => Counted,
    Clear => Cleared,
    Halve => Halved,
    Repeat => Repeated,
}]
struct Book {
    #[id]
    number: u8,
    // On creation an operator and a statement start from `Default`.
    #[on(Opened | Copied += first, Counted += count, Repeated += Times { count, times: self.tally.0.len() + 1 })]
    tally: Tally,
    #[on(
        Opened => { self.counts.insert("first".to_owned(), first); },
        Counted => *self.counts.entry(name).or_default() += count,
        Cleared => self.counts.clear(),
        Halved => for count in self.counts.values_mut() { *count /= 2 },
    )]
    counts: BTreeMap<String, u32>,
    // Reads `counts`, so it runs before the statement that writes it, though it stands below.
    #[on(Cleared => self.history.push(self.counts.values().sum()), Halved => if self.open { self.history.push(0) })]
    history: Vec<u32>,
    #[on(Opened | Counted = true, Cleared | Halved = false)]
    open: bool,
    #[on(Cleared = self.counts.len() + self.history.len())]
    cleared: usize,
}

fn counted(name: &str, count: u32) -> BookEvent {
    BookEvent::Counted { count, name: name.into() }
}

#[test]
fn statements_change_their_own_field_and_read_others_as_they_were() {
    let events = [BookEvent::Opened { first: 7 }, counted("a", 4), counted("a", 5), BookEvent::Cleared];
    Book::given(events).then_state(&Book {
        number: 1,
        tally: Tally(vec![7, 4, 5]),
        counts: BTreeMap::new(),
        history: vec![16],
        open: false,
        cleared: 2,
    });
}

#[test]
fn a_statement_sees_no_assignment_of_its_event() {
    let events = [BookEvent::Opened { first: 7 }, BookEvent::Halved, BookEvent::Halved];
    let state = Book {
        number: 1,
        tally: Tally(vec![7]),
        counts: BTreeMap::from([("first".to_owned(), 1)]),
        history: vec![0],
        open: false,
        cleared: 0,
    };
    Book::given(events).then_state(&state);
}

#[test]
fn a_creating_event_need_not_set_what_another_sets() {
    Book::given([BookEvent::Copied { first: 3 }]).then_state(&Book {
        number: 1,
        tally: Tally(vec![3]),
        counts: BTreeMap::new(),
        history: vec![],
        open: false,
        cleared: 0,
    });
}

#[test]
fn an_operand_may_be_any_expression() {
    let events = [BookEvent::Opened { first: 7 }, BookEvent::Repeated { count: 4 }];
    let mut fold = factum::Fold::<Book>::new(1);
    events.into_iter().for_each(|event| fold.apply(event).unwrap());
    assert_eq!(fold.state().unwrap().tally, Tally(vec![7, 4, 4]));
}

/// Right sides may call methods, pass `self` on, and print it.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Made { words },
    Described,
    Lengthened { word: String },
}]
#[commands {
    Make => Made,
    Describe => Described,
    Lengthen => Lengthened,
}]
struct Text {
    #[id]
    number: u8,
    #[on(Lengthened => {
        let word = word.trim();
        let short = |text: &str| {
            if text.is_empty() {
                return None;
            }
            Some(text.get(..3)?.len())
        };
        self.words.push(word.split_at(short(word).unwrap_or(0)).0.to_owned())
    })]
    words: Vec<String>,
    #[on(Made = Self::empty(), Described = format!("{} of {self:?}", self.count()))]
    description: String,
    #[on(Described = measure(self), Lengthened += self.words.iter().map(String::len).max().unwrap_or(0))]
    length: usize,
}

impl Text {
    fn empty() -> String {
        "nothing".into()
    }

    fn count(&self) -> usize {
        self.words.len()
    }
}

fn measure(text: &Text) -> usize {
    text.words.iter().map(String::len).sum()
}

#[test]
fn right_sides_are_expressions_over_the_whole_state() {
    let made = || TextEvent::Made { words: vec!["ab".into(), "c".into()] };
    let before =
        Text { number: 1, words: vec!["ab".into(), "c".into()], description: "nothing".into(), length: 0 };
    Text::given([made()]).then_state(&before);
    let description = format!("2 of {before:?}");
    Text::given([made(), TextEvent::Described]).then_state(&Text {
        description,
        length: 3,
        ..before.clone()
    });
    Text::given([made(), TextEvent::Lengthened { word: " def ".into() }]).then_state(&Text {
        words: vec!["ab".into(), "c".into(), "def".into()],
        length: 2,
        ..before
    });
}
