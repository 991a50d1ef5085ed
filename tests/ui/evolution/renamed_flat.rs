// A flattened field has no member of its own.
use factum::Aggregate;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    text: String,
}

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    #[schema(2)]
    Closed { #[serde(flatten)] #[renamed(2, from = "why")] reason: Reason },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    Close => Closed,
}]
pub struct Account {
    #[id]
    number: u64,
    owner: String,
    #[on(Closed = Some(reason))]
    closed: Option<Reason>,
    #[on(Renamed += 1)]
    names: u32,
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let _ = AccountCommand::Close { reason: Reason { text: String::new() } };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: Reason { text: String::new() } }];
    let _ = factum::Repository::<Account>::new;
}
