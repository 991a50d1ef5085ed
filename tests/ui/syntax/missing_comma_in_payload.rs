// A comma is missing.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { #[audit] note: String reason: String },
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
    let _ = AccountEvent::Closed { note: String::new(), reason: String::new() };
}
