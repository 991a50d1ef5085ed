// A rule is to be enforced where none is.
use factum::Aggregate;

#[derive(Aggregate)]
#[aggregate(error = String)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner },
    RenamingFailed { #[audit] wanted: String },
    #[ends]
    Closed { reason: String },
}]
#[commands {
    Open => Opened,
    #[on_conflict(RenamingFailed { wanted: owner })]
    Rename => Renamed,
    Close => Closed,
}]
pub struct Account {
    #[id]
    number: u64,
    #[unique(enforce = veiw)]
    owner: String,
    #[on(Closed = Some(reason))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let _ = AccountCommand::Close { reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account>::new;
}
