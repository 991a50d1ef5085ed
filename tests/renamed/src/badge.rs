//! A public aggregate, of which other crates make views.

use events::{Aggregate, Decision, Version};
use serde::{Deserialize, Serialize};

/// The number on a badge.
#[derive(events::Id, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[id(crate = ::events)]
pub struct BadgeNumber(u32);

/// Why a badge is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadgeError {
    /// It is worn out.
    WornOut,
    /// Somebody else has it.
    NotYours,
}

/// A badge that somebody wears.
#[derive(Aggregate, Clone, Debug, PartialEq, Eq)]
#[aggregate(crate = ::events, error = BadgeError, event_derive(Eq), command_derive(Eq))]
#[events {
    #[creates]
    Issued { holder },
    #[ends]
    Revoked { reason: String },
}]
#[commands {
    Issue => Issued,
    #[require(!reason.is_empty(), BadgeError::NotYours)]
    Revoke => Revoked,
}]
pub struct Badge {
    /// The number.
    #[id]
    pub number: BadgeNumber,
    /// Who wears it.
    pub holder: String,
    /// Why nobody does any more.
    #[on(Revoked = Some(reason))]
    pub revoked: Option<String>,
}

/// A badge with everything that the language has.
#[derive(Aggregate, Clone, Debug, PartialEq, Eq)]
#[aggregate(
    crate = ::events,
    error = BadgeError,
    event = PassFact,
    command = PassWish,
    event_derive(Eq),
    command_derive(Eq)
)]
#[events {
    /// It was made.
    #[creates]
    Made {
        holder,
        /// Where.
        #[audit]
        place: String,
    },
    #[name = "used"]
    Used { door: u16, #[audit] times: u32 = self.used, #[audit] note: String },
    #[schema(4)]
    #[renamed(2, from = "Handed")]
    #[removed(2, "at")]
    #[upcast(from = 3, with = tidy)]
    Renamed {
        #[since(2, default = "nobody".to_owned())]
        #[renamed(3, from = "to")]
        holder,
        #[audit]
        from: String = self.holder.clone(),
    },
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = use_twice)]
    UsedTwice,
    #[retired]
    #[deprecated(note = "passes are of paper now")]
    Polished,
    #[ends]
    Burnt,
}]
#[commands {
    Make => Made,
    #[require(self.used < 100, BadgeError::WornOut)]
    #[require(door != 13, BadgeError::NotYours)]
    Use => Used,
    Rename => Renamed,
    #[decide(self.burn(&by))]
    Burn { by: String } => Burnt | Renamed,
    #[reads(doors, used)]
    #[decide({
        let door = *doors.first().ok_or(BadgeError::WornOut)?;
        Ok(PassFact::Used { door, times: *used, note })
    })]
    UseAgain { note } => Used,
    #[require(state.is_none_or(|pass| pass.used == 0), BadgeError::WornOut)]
    #[decide(Ok(match state {
        None => Decision::one(PassFact::Made { holder, place: format!("{id} {}", ctx.version.get()) }),
        Some(_) => Decision::none(),
    }))]
    Ensure { holder } => Made | Renamed,
}]
pub struct Pass {
    /// The number.
    #[id]
    pub number: BadgeNumber,
    /// How many events there have been.
    #[version]
    pub version: Version,
    /// Who has it.
    pub holder: String,
    /// How often it was used.
    #[on(Used += 1, Polished = 0)]
    pub used: u32,
    /// The doors that it opened, each once.
    #[on(Used => if !self.doors.contains(&door) { self.doors.push(door) }, Burnt => self.doors.clear())]
    pub doors: Vec<u16>,
    /// The last door.
    #[on(Used = Some(door), Burnt = None, Renamed = self.doors.last().copied())]
    pub last: Option<u16>,
}

/// How it was renamed.
#[derive(Deserialize, Serialize)]
struct Renaming {
    holder: String,
    from: String,
}

fn tidy(old: Renaming) -> Renaming {
    Renaming { holder: old.holder.trim().to_owned(), ..old }
}

/// Two doors behind each other.
#[derive(Deserialize)]
struct TwoDoors {
    doors: [u16; 2],
}

fn use_twice(TwoDoors { doors }: TwoDoors) -> Result<[PassFact; 2], &'static str> {
    if doors.contains(&13) {
        return Err("there is no such door");
    }
    Ok(doors.map(|door| PassFact::Used { door, times: 0, note: String::new() }))
}

impl Pass {
    fn burn(&self, by: &str) -> Result<[PassFact; 1], BadgeError> {
        if self.holder == by { Ok([PassFact::Burnt]) } else { Err(BadgeError::NotYours) }
    }
}

/// Kept for its history.
#[derive(Aggregate, Debug)]
#[aggregate(crate = ::events)]
#[events {
    #[creates]
    #[retired]
    Kept,
}]
pub struct Relic {
    /// The number.
    #[id]
    pub number: u64,
}
