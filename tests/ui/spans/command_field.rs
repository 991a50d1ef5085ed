// A wrong value for a field of a command.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { reason: String },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    #[decide(Ok(AccountEvent::Closed { reason }))]
    Close { reason: String } => Closed,
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
    let _ = AccountCommand::Close { reason: 3 };
}
