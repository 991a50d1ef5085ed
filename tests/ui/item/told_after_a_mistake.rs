// The hidden macro of the aggregate is there after a mistake too.
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
    #[on(Renamd += 1)]
    names: u32,
}

fn main() {
    macro_rules! told {
        ($($tokens:tt)*) => {
            stringify!($($tokens)*)
        };
    }
    let _ = Account!((told) {});
}
