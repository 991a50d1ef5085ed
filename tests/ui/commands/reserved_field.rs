// A field of a command has a reserved name.
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
    #[decide(Ok(AccountEvent::Renamed { owner: id.to_string() }))]
    Rename { id: u64 } => Renamed,
    Close => Closed,
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
    let _ = AccountCommand::Close { reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account>::new;
}
