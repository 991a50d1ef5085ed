//! Views by another name of factum, behind the same wall.

use events::{
    Position, View,
    store::RecordedEvent,
    view::{Change, ProjectError, ViewModel},
};

use crate::badge::{Badge, BadgeNumber, Pass};

/// Who wears which badge.
#[derive(View, Clone, Debug, PartialEq, Eq)]
#[view(of(Badge, Pass), create_on(Made), remove_on(Badge::Revoked, Burnt), crate = ::events)]
pub struct Worn {
    /// The badge.
    #[key(Issued | Revoked | Made | Used | Pass::Renamed | Burnt = id)]
    pub badge: BadgeNumber,
    /// Who has it.
    #[index]
    #[on(Badge::Issued, Made, Renamed)]
    pub holder: String,
    /// How often it opened a door.
    #[on(Issued = 0, Used += 1)]
    pub used: i64,
    /// When it was used last.
    #[on(Issued = None, Used = Some(recorded.position))]
    pub last: Option<Position>,
}

/// The doors, as they were used.
#[derive(View, Debug)]
#[view(of(Pass), create_on(Used), crate = ::events)]
pub(crate) struct Door {
    /// The number of the door.
    #[key(Used = door)]
    number: u16,
    /// Who used it, and when.
    #[on(Used => self.log.push(format!("{id} {note} {}", recorded.at)))]
    log: Vec<String>,
}

/// All badges.
#[derive(View, Debug)]
#[view(of(Badge), by_hand, crate = ::events)]
pub struct Count {
    /// Always the same.
    #[key]
    pub one: bool,
    /// How many.
    pub badges: u32,
}

impl View for Count {
    const MODEL: &'static ViewModel = Self::BY_HAND;

    #[inline]
    fn changes(_: &RecordedEvent) -> Result<Vec<Change<Self>>, ProjectError> {
        let none = Self { one: true, badges: 0 };
        let change = Change::update_or_put(&true, none, |row| row.badges = row.badges.saturating_add(1))?;
        Ok(vec![change])
    }
}
