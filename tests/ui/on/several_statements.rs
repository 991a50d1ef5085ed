// Two statements without braces.
use factum::Aggregate;

#[derive(Aggregate)]
#[aggregate(error = String)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { reason: String, #[audit] names: u32 },
}]
#[commands {
    Open => Opened,
    #[require(!owner.is_empty(), owner)]
    Rename => Renamed,
    #[decide(self.close(reason))]
    Close { reason: String } => Closed,
}]
pub struct Account {
    #[id]
    number: u64,
    owner: String,
    #[on(Closed => let text = reason.trim(); self.closed = Some(text.to_owned()))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
}

impl Account {
    fn close(&self, reason: String) -> Result<AccountEvent, String> {
        Ok(AccountEvent::Closed { reason, names: self.names })
    }
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let closed = || AccountEvent::Closed { reason: String::new(), names: 1 };
    let _ = [AccountEvent::Opened { owner: String::new() }, closed()];
    Account::given([closed()])
        .when(AccountCommand::Close { reason: String::new() })
        .then_rejected(String::new());
    let _ = factum::Repository::<Account>::new;
}
