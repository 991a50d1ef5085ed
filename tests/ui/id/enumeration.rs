// An id that is one of several.
#[derive(factum::Id, Clone)]
pub enum AccountNumber {
    Old(u32),
    New(uuid::Uuid),
}

#[derive(factum::Aggregate)]
#[events {
    #[creates]
    Opened { owner },
}]
#[commands {
    Open => Opened,
}]
pub struct Account {
    #[id]
    number: AccountNumber,
    owner: String,
}

fn main() {
    let number = AccountNumber::new();
    let number: AccountNumber = number.to_string().parse().unwrap();
    let _ = |accounts: factum::Repository<Account>| drop(accounts.load(&number));
}
