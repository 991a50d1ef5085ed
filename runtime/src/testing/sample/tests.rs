use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::*;

const SEEDS: std::ops::Range<u64> = 0..300;

/// All of these are found, whatever the seed.
fn all<T: DeserializeOwned>() -> Vec<T> {
    SEEDS.map(|seed| sample(seed).unwrap()).collect()
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Email(String);

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once('@');
        if parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not an address"))
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Everything {
    id: Uuid,
    contact: Email,
    at: DateTime<Utc>,
    day: NaiveDate,
    local: NaiveDateTime,
    time: NaiveTime,
    addresses: (IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr),
    count: NonZeroU32,
    large: u128,
    small: i8,
    share: f64,
    pause: Duration,
    letter: char,
    list: Vec<Option<Email>>,
    set: BTreeSet<u32>,
    map: HashMap<String, Vec<u8>>,
    nothing: (),
    free: serde_json::Value,
}

#[test]
fn types_that_read_text_of_a_form_are_made_up() {
    let made = all::<Everything>();
    assert!(made.iter().all(|everything| everything.share.is_finite()));
    assert_eq!(made, all::<Everything>(), "the same seeds give the same values");
    assert_ne!(made[1], made[2]);
}

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Line(i32, i32),
    #[serde(rename = "box")]
    Box {
        width: u32,
        name: Email,
    },
}

#[test]
fn every_variant_is_reached_and_can_be_asked_for() {
    let made = all::<Shape>();
    for wanted in ["Point", "Circle", "Line", "box"] {
        let shape: Shape = sample_variant(wanted, 9).unwrap();
        let same = |other: &&Shape| std::mem::discriminant(*other) == std::mem::discriminant(&shape);
        assert!(made.iter().any(|other| same(&other)), "{wanted}");
    }
    assert!(matches!(sample_variant("box", 3).unwrap(), Shape::Box { .. }));
    let error = sample_variant::<Shape>("Square", 3).unwrap_err();
    assert!(error.to_string().contains("unknown variant `Square`, there are `Point`, `Circle`"), "{error}");
}

#[test]
fn numbers_are_small_ones_and_the_ends() {
    let made: BTreeSet<u32> = all().into_iter().collect();
    for number in [0, 1, 2, 3, u32::MAX] {
        assert!(made.contains(&number), "{number}");
    }
    let made: BTreeSet<i64> = all().into_iter().collect();
    assert!(made.contains(&i64::MIN) && made.contains(&i64::MAX));
    assert_eq!(all::<bool>().into_iter().collect::<BTreeSet<_>>().len(), 2);
}

#[derive(Debug, PartialEq, Deserialize)]
enum Expression {
    Add(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Number(i64),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Tree {
    left: Option<Box<Tree>>,
    children: Vec<Tree>,
}

#[test]
fn what_holds_itself_comes_to_an_end() {
    all::<Expression>();
    all::<Tree>();
}

#[derive(Debug, Deserialize)]
struct Endless {
    #[allow(dead_code, reason = "there is no such value")]
    again: Box<Endless>,
}

#[test]
fn what_has_no_end_is_an_error() {
    let error = sample::<Endless>(5).unwrap_err();
    assert_eq!(error.cause, "the type holds itself without end");
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    First { number: u32, when: DateTime<Utc> },
    Second,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", content = "is")]
enum Adjacent {
    First { number: u32 },
    Second(Email),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    a: u32,
    #[serde(flatten)]
    more: More,
}

#[derive(Debug, PartialEq, Deserialize)]
struct More {
    b: Email,
    #[serde(default, alias = "d")]
    c: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    #[serde(alias = "old", alias = "older")]
    new: u32,
    other: String,
}

#[test]
fn what_serde_buffers_is_made_up_too() {
    assert!(all::<Tagged>().iter().any(|tagged| matches!(tagged, Tagged::First { .. })));
    assert!(all::<Tagged>().contains(&Tagged::Second));
    all::<Adjacent>();
    all::<Untagged>();
    all::<Flat>();
    all::<Strict>();
    all::<Vec<Tagged>>();
    all::<BTreeMap<Uuid, Tagged>>();
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "(u32, u32)")]
struct Span(u32, u32);

impl TryFrom<(u32, u32)> for Span {
    type Error = &'static str;

    fn try_from((from, to): (u32, u32)) -> Result<Self, Self::Error> {
        if from < to { Ok(Self(from, to)) } else { Err("ends before it begins") }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<u8>")]
struct NotEmpty(Vec<u8>);

impl TryFrom<Vec<u8>> for NotEmpty {
    type Error = &'static str;

    fn try_from(list: Vec<u8>) -> Result<Self, Self::Error> {
        if list.is_empty() { Err("empty") } else { Ok(Self(list)) }
    }
}

#[test]
fn rules_over_several_parts_are_met() {
    all::<Span>();
    all::<NotEmpty>();
    all::<Vec<Span>>();
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Password(#[allow(dead_code, reason = "there is no such value")] String);

impl TryFrom<String> for Password {
    type Error = &'static str;

    fn try_from(_: String) -> Result<Self, Self::Error> {
        Err("too weak")
    }
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "there is no such value")]
enum Door {
    Guarded { keeper: String, keys: (u8, Password) },
}

#[test]
fn what_refuses_everything_is_named() {
    let error = sample::<Door>(1).unwrap_err();
    assert_eq!((&*error.path, &*error.cause), ("Guarded.keys.1", "too weak"));
    let name = type_name::<Door>();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot make up a value of `{name}` because of `Guarded.keys.1`: it refuses whatever is tried, at last \
             with: too weak. Give this value by hand"
        )
    );
}

#[derive(Debug, PartialEq, Deserialize)]
struct User(Uuid);

#[derive(Debug, PartialEq, Deserialize)]
struct Letter {
    from: User,
    to: User,
    subject: String,
    reply_to_mail: Option<String>,
    pages: Vec<u8>,
    sent: DateTime<Utc>,
}

#[test]
fn a_tame_value_reads_well() {
    let letter: Letter = sample(TAME).unwrap();
    assert_eq!(
        format!("{letter:?}"),
        "Letter { from: User(01900000-0000-7000-8000-000000000002), to: User(01900000-0000-7000-8000-000000000003), \
         subject: \"subject\", reply_to_mail: Some(\"forest.apple@example.com\"), pages: [7], sent: 2000-01-01T00:00:08Z }"
    );
}

#[test]
fn values_from_a_pool_meet_again() {
    let pooled = |pool| -> BTreeSet<_> {
        let mut memory = Memory::default();
        let letters = SEEDS.map(|seed| Sampler::new(seed).pool(pool).sample::<Letter>(&mut memory).unwrap());
        let letters = letters.collect::<Vec<_>>().into_iter();
        letters.flat_map(|letter| [letter.from.0, letter.to.0]).collect()
    };
    assert_eq!(pooled(1).len(), 3);
    assert_ne!(pooled(1), pooled(2));
}
