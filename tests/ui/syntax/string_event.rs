// An event is named by a string.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    "Renamed" { owner },
    #[ends]
    Closed { reason: String },
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
    closed: Option<String>,
}

fn main() {
    let _ = AccountCommand::Close { reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account>::new;
}
