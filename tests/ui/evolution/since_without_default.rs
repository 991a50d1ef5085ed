// The type has no default, and none is written.
use factum::Aggregate;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason(String);

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    #[schema(2)]
    Closed { #[since(2)] reason: Reason },
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
    let _ = AccountCommand::Close { reason: Reason(String::new()) };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: Reason(String::new()) }];
    let _ = factum::Repository::<Account>::new;
}
