//! The domain of today, its third version: who is a member of the library, and what they have borrowed.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

use factum::Aggregate;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Branch {
    Main,
    Harbour,
}

/// A book that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    pub book: String,
    pub for_days: u32,
    pub branch: Branch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    #[error("this member does not have that book")]
    NotLent,
    #[error("this member still has books")]
    StillLent,
}

/// A member of the library.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = MemberError, locked, snapshot(every = 4))]
#[events {
    /// Until version 2 there was one `name`.
    #[creates]
    #[schema(2)]
    #[upcast(from = 1, with = upcast::two_names)]
    Joined { given, family, address },
    /// Version 2 came with the second branch. Version 3 says what the days are, and leaves the shelf to the catalogue.
    #[schema(3)]
    #[removed(3, "shelf")]
    BookLent {
        book: String,
        #[renamed(3, from = "days")]
        for_days: u32,
        #[since(2, default = Branch::Main)]
        branch: Branch,
    },
    #[schema(2)]
    #[renamed(2, from = "BookBack")]
    BookReturned { book: String },
    NameChanged { given, family },
    Moved { address },
    /// It was split: people move and change their names for reasons of their own.
    #[retired]
    #[schema(3)]
    #[upcast(from = 1, with = upcast::two_names)]
    #[upcast(from = 2, with = upcast::split)]
    DetailsChanged,
    #[ends]
    Left { #[audit] reason: String },
}]
#[commands {
    Join => Joined,
    Lend => BookLent,
    #[require(self.loans.iter().any(|loan| loan.book == book), MemberError::NotLent)]
    TakeBack => BookReturned,
    ChangeName => NameChanged,
    Move => Moved,
    #[require(self.loans.is_empty(), MemberError::StillLent)]
    Leave => Left,
}]
pub struct Member {
    #[id]
    pub number: u64,
    pub given: String,
    pub family: String,
    pub address: String,
    #[on(
        BookLent => self.loans.push(Loan { book, for_days, branch }),
        BookReturned => self.loans.retain(|loan| loan.book != book)
    )]
    pub loans: Vec<Loan>,
}

/// How payloads of earlier versions become those of the next.
mod upcast {
    use serde::{Deserialize, Serialize};

    use super::MemberEvent;

    #[derive(Deserialize)]
    pub(super) struct OneName {
        name: String,
        address: String,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) struct TwoNames {
        given: String,
        family: String,
        address: String,
    }

    /// The last word is the family's name. Where that is wrong, `ChangeName` puts it right.
    pub(super) fn two_names(OneName { name, address }: OneName) -> TwoNames {
        let (given, family) = name.rsplit_once(' ').unwrap_or(("", &name));
        TwoNames { given: given.to_owned(), family: family.to_owned(), address }
    }

    pub(super) fn split(TwoNames { given, family, address }: TwoNames) -> [MemberEvent; 2] {
        [MemberEvent::NameChanged { given, family }, MemberEvent::Moved { address }]
    }
}
