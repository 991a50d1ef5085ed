// A payload whose type is private to another module.
use factum::Aggregate;

mod reasons {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Reason(String);
}

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { reason: reasons::Reason },
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
    #[on(Closed = Some(format!("{reason:?}")))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
}

fn main() {}
