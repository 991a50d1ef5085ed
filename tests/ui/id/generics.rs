// A newtype with a parameter.
#[derive(factum::Id, Clone)]
pub struct AccountNumber<T = u32>(T);

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
    let number = AccountNumber::<u32>::new(1_u32);
    let number: AccountNumber = number.to_string().parse().unwrap();
    let _ = |accounts: factum::Repository<Account>| drop(accounts.load(&number));
}
