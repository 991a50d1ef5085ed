// A match forgets an event: rustc leads to where it is declared.
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
    let event = AccountEvent::Renamed { owner: String::new() };
    match event {
        AccountEvent::Opened { .. } | AccountEvent::Renamed { .. } => {}
    }
}
