// An attribute of a payload field is misspelt.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { #[audits] note: String, reason: String },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    #[decide(Ok(AccountEvent::Closed { note: String::new(), reason }))]
    Close { reason } => Closed,
}]
pub struct Account {
    #[id]
    number: u64,
    owner: String,
    #[on(Closed = Some(reason))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
}
