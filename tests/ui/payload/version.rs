// The version is repeated in the payload.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner, version },
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
    #[version]
    version: u64,
}

fn main() {
    let _ = AccountEvent::Opened { owner: String::new(), version: 1 };
}
