// A struct without the derive.
pub struct Account {
    number: u64,
}

pub struct Shelf {
    pub account: factum::Fold<Account>,
}

fn main() {}
