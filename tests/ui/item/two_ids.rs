// Two fields claim to be the id.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened,
    Renamed,
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
    #[id]
    owner: String,
    #[on(Closed = Some(reason))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
}

fn main() {
    let _ = factum::Repository::<Account>::new;
}
