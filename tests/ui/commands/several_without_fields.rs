// Several events, and no fields to make them of.
use factum::Aggregate;

#[derive(Aggregate)]
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
    #[decide(self.close(reason, owner))]
    Close => Renamed | Closed,
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
    fn close(&self, reason: String, owner: String) -> Result<[AccountEvent; 2], std::convert::Infallible> {
        Ok([AccountEvent::Renamed { owner }, AccountEvent::Closed { reason }])
    }
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let _ = AccountCommand::Close { owner: String::new(), reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account>::new;
}
