// An id of two parts.
#[derive(factum::Id, Clone)]
pub struct AccountNumber(u32, u32);

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
    let number = AccountNumber::new(1_u32);
    let number: AccountNumber = number.to_string().parse().unwrap();
    let _ = |accounts: factum::Repository<Account>| drop(accounts.load(&number));
}
