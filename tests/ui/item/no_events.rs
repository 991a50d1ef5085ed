// The events are missing.
use factum::Aggregate;

#[derive(Aggregate)]
pub struct Account {
    #[id]
    number: u64,
}

fn main() {
    let _ = factum::Repository::<Account>::new;
}
