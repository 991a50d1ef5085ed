// The struct has a type parameter.
use factum::Aggregate;

#[derive(Aggregate)]
#[events {
    #[creates]
    Opened { owner },
    Renamed { owner }, Noted { note: T },
    #[ends]
    Closed { reason: String },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    Close => Closed,
    Note => Noted,
}]
pub struct Account<T> {
    #[id]
    number: u64,
    owner: String,
    #[on(Closed = Some(reason))]
    closed: Option<String>,
    #[on(Renamed += 1)]
    names: u32,
    #[on(Noted = Some(note))]
    note: Option<T>,
}

fn main() {
    let _ = [AccountCommand::Open { owner: String::new() }, AccountCommand::Rename { owner: String::new() }];
    let _ = AccountCommand::Close { reason: String::new() };
    let _ = [AccountEvent::Opened { owner: String::new() }, AccountEvent::Closed { reason: String::new() }];
    let _ = factum::Repository::<Account<u8>>::new;
    let _ = AccountEvent::Noted { note: 1_u8 };
}
