// An option is misspelt.
use factum::Aggregate;

#[derive(Aggregate)]
#[aggregate(eror = AccountError)]
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
    #[on(Renamed += 1)]
    names: u32,
}

#[derive(Debug, PartialEq)]
pub enum AccountError {
    Closed,
}

fn main() {
    use factum::Aggregate as _;
    Account::given([AccountEvent::Opened { owner: String::new() }])
        .when(AccountCommand::Rename { owner: String::new() })
        .then_rejected(AccountError::Closed);
}
