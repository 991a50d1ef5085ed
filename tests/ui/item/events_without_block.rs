// The block is missing.
use factum::Aggregate;

#[derive(Aggregate)]
#[events]
pub struct Account {
    #[id]
    number: u64,
}

fn main() {
    let _ = factum::Repository::<Account>::new;
}
