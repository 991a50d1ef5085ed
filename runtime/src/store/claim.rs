//! Values that no two streams hold at the same time.

use uuid::Uuid;

use super::{Name, StreamId};

/// A unique value and who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The constraint under which the value is unique.
    pub constraint: Name,
    /// The value, hashed together with the name of the constraint.
    pub value: ClaimValue,
    /// The stream that holds it.
    pub owner: StreamId,
}

/// A unique value as stores keep it: hashed, so that nobody reads it there. Who knows what values are likely can still try
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimValue(pub(crate) Uuid);

impl ClaimValue {
    /// The hash, a UUID of version 5, of this value under this constraint. A value of several parts is another one when
    /// anything moves from one part to the next.
    #[must_use]
    pub fn new<P: AsRef<str>>(constraint: &str, parts: impl IntoIterator<Item = P>) -> Self {
        /// What version 5 wants to begin with: no other thing of ours is hashed under it.
        const CLAIMS: Uuid = Uuid::from_u128(0x8e0c_5f5b_5d0e_4b1a_9a3c_6b1f_2f0d_7c41);
        let mut hash = Uuid::new_v5(&CLAIMS, constraint.as_bytes());
        for part in parts {
            hash = Uuid::new_v5(&hash, part.as_ref().as_bytes());
        }
        Self(hash)
    }

    /// The UUID in it.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// A unique value that is taken or released with a commit.
///
/// All that are released are free before any is taken, so two streams can change places in one commit. To take what one
/// holds already changes nothing, and so does to release what one does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimChange {
    /// The stream takes the value; the commit fails if another one holds it.
    Take(Claim),
    /// The stream gives the value back.
    Release(Claim),
}

impl ClaimChange {
    /// What is taken or released.
    #[must_use]
    pub const fn claim(&self) -> &Claim {
        match self {
            Self::Take(claim) | Self::Release(claim) => claim,
        }
    }
}

/// What a store has on record: that the streams of a category hold unique values under this name.
///
/// Its commits to streams of the category are refused, unless they say that their writer knows the constraint: a program
/// that does not would go around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The category whose streams hold the values.
    pub category: Name,
    /// The name, unique in the store. How the value is made belongs to it: another way is another constraint.
    pub name: Name,
}

impl Constraint {
    /// How the names begin under which transactional views are on record. Nobody claims values of those: that they are on
    /// record keeps programs out that do not know the view and would leave its rows as they are.
    pub const OF_VIEWS: &'static str = "view:";
}

/// How far a constraint that is on record has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The values that are held already are being collected. Commits that take or release others are refused meanwhile.
    Building,
    /// Values are taken and released with commits.
    InForce,
}
