// A beginner writes the derive and waits for more.
#[derive(factum::Aggregate)]
pub struct Account {
    number: u64,
    owner: String,
}

fn main() {
    let _ = factum::Repository::<Account>::new;
}
