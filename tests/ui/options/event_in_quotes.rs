// The name of the enum is given as a string.
use factum::Aggregate;

#[derive(Aggregate)]
#[aggregate(event = "AccountFact")]
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
    let _ = AccountFact::Opened { owner: String::new() };
}
