//! The domain in its second year: a second branch was opened, and letters say "Dear Ms Lovelace".

use factum::Aggregate;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Branch {
    Main,
    Harbour,
}

/// A member of the library.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(snapshot(every = 4))]
#[events {
    #[creates]
    #[schema(2)]
    #[upcast(from = 1, with = two_names)]
    Joined { given, family, address },
    #[schema(2)]
    BookLent {
        book: String,
        #[audit]
        days: u32,
        #[audit]
        shelf: String,
        #[audit]
        #[since(2, default = Branch::Main)]
        branch: Branch,
    },
    BookBack { book: String },
    #[schema(2)]
    #[upcast(from = 1, with = two_names)]
    DetailsChanged { given, family, address },
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
    given: String,
    family: String,
    address: String,
    #[on(BookLent => self.books.push(book), BookBack => self.books.retain(|lent| *lent != book))]
    books: Vec<String>,
}

#[derive(Deserialize)]
struct OneName {
    name: String,
    address: String,
}

#[derive(Serialize)]
struct TwoNames {
    given: String,
    family: String,
    address: String,
}

fn two_names(OneName { name, address }: OneName) -> TwoNames {
    let (given, family) = name.rsplit_once(' ').unwrap_or(("", &name));
    TwoNames { given: given.to_owned(), family: family.to_owned(), address }
}
