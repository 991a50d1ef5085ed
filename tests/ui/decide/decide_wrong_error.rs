// A decision gives an error of another type.
use factum::Aggregate;

#[derive(Aggregate)]
#[aggregate(error = String)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    #[ends]
    Closed { reason: String },
}]
#[commands {
    Open => Opened,
    #[decide(self.rename(owner))]
    Rename { owner } => Renamed,
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

impl Account {
    fn rename(&self, owner: String) -> Result<AccountEvent, u32> {
        if owner.is_empty() { Err(self.names) } else { Ok(AccountEvent::Renamed { owner }) }
    }
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let _ = AccountCommand::Close { reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account>::new;
}
