// A brace is not closed: rustc finds it before we do.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner,
}]
#[commands {
    Open => Opened,
}]
pub struct Account {
    #[id]
    number: u64,
    owner: String,
}

fn main() {
    let _ = factum::Repository::<Account>::new;
}
