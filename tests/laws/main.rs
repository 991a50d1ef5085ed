//! The laws of models: they hold for models that are right, and find what is wrong with others.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is how a test fails")]

mod broken;
mod unreached;

use std::collections::HashSet;

use factum::{Aggregate, Id, testing::lock::Category};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Id, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Number(Uuid);

/// Guards that compare ids, times and who it is.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = String)]
#[events {
    #[creates]
    Opened { owner },
    Lent { to: Number, until: chrono::DateTime<chrono::Utc> },
    Returned,
    Refused { #[audit] who: Number },
    Late { #[audit] who: Number },
    #[retired]
    Lost,
    #[ends]
    Sold { #[audit] price: f64 },
}]
#[commands {
    Open => Opened,
    #[require(self.borrower.is_none(), "lent already".to_owned())]
    #[require(self.owner != to, "it is theirs".to_owned())]
    #[require(until > ctx.now, "that was before".to_owned())]
    #[on_conflict(Late { who: to })]
    Lend => Lent,
    #[require(self.borrower == Some(by), "by somebody else".to_owned())]
    Return { by: Number } => Returned,
    #[decide(if self.borrower.is_some_and(|borrower| borrower != who) {
        Ok(BookEvent::Refused { who })
    } else {
        Err("why not".to_owned())
    })]
    Ask { who: Number } => Refused,
    #[require(ctx.actor() == Some("ann"), "only ann does".to_owned())]
    Sell => Sold,
}]
pub struct Book {
    #[id]
    number: Number,
    #[version]
    version: u64,
    owner: Number,
    #[on(Lent = Some(to), Returned | Lost = None)]
    borrower: Option<Number>,
    #[on(Lent = Some(until), Returned = None)]
    until: Option<chrono::DateTime<chrono::Utc>>,
}

factum::laws!(Book);

/// An id without a sample, an error that is never given, and a command that wants a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Path(Vec<String>);

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl std::str::FromStr for Path {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split('/').map(str::to_owned).collect()))
    }
}

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = &'static str)]
#[events {
    #[creates]
    Closed { color },
    Opened,
}]
#[commands {
    Close => Closed,
    #[require(secret == 4711, "wrong")]
    Open { secret: u64 } => Opened,
}]
pub struct Safe {
    #[id]
    path: Path,
    color: String,
    #[on(Opened = true)]
    open: bool,
}

factum::laws!(Safe as safe, id = Path(vec!["a".into()]), commands = safe_commands());

fn safe_commands() -> impl factum::testing::proptest::strategy::Strategy<Value = SafeCommand> {
    use factum::testing::proptest::prelude::*;
    prop_oneof![
        (4710..4713_u64).prop_map(|secret| SafeCommand::Open { secret }),
        factum::testing::laws::made_up::<SafeCommand>(),
    ]
}

/// What has no order is written in any, and is the same all the same.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(snapshot(every = 3))]
#[events {
    #[creates]
    Sorted { labels },
    Labelled { more: HashSet<String> },
}]
#[commands { Sort => Sorted, Label => Labelled }]
pub struct Drawer {
    #[id]
    number: Number,
    #[on(Labelled => self.labels.extend(more))]
    labels: HashSet<String>,
}

factum::laws!(Drawer as drawer);

#[test]
fn published_payloads_without_an_order_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let check = |update| factum::testing::lock::check(folder.path(), update, &[Category::of::<Drawer>()]);
    check(Some("update")).unwrap();
    let file = folder.path().join("factum.lock/drawer.payloads");
    let published = std::fs::read_to_string(&file).unwrap();
    let more = r#"event Labelled 1 {"more":["a","b","c","d","e","f","g","h"]}"#;
    std::fs::write(&file, format!("{published}{more}\n")).unwrap();
    for _ in 0..20 {
        check(None).unwrap();
    }
}

/// What the law says when it fails.
fn fails(law: impl FnOnce()) -> String {
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(law)).unwrap_err();
    failure.downcast::<String>().map_or_else(|_| panic!("no message"), |message| *message)
}
