//! The domain as it was on the first day.

use factum::Aggregate;
use serde::{Deserialize, Serialize};

/// A member of the library.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(snapshot(every = 4))]
#[events {
    #[creates]
    Joined { name, address },
    BookLent { book: String, #[audit] days: u32, #[audit] shelf: String },
    BookBack { book: String },
    DetailsChanged { name, address },
    #[ends]
    Left { #[audit] reason: String },
}]
#[commands {
    Join => Joined,
    Lend => BookLent,
    TakeBack => BookBack,
    ChangeDetails => DetailsChanged,
    Leave => Left,
}]
pub(crate) struct Member {
    #[id]
    number: u64,
    name: String,
    address: String,
    #[on(BookLent => self.books.push(book), BookBack => self.books.retain(|lent| *lent != book))]
    books: Vec<String>,
}
