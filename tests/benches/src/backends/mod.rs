//! The stores, and for each what a careful engineer writes on it by hand.

pub mod jetstream;
pub mod memory;
pub mod postgres;
pub mod sqlite;

use crate::{
    Error,
    database::{Answer, Database},
};

/// A store to measure on, with its server where it has one.
pub trait Backend: Send + Sync {
    /// What the table calls it.
    fn name(&self) -> &'static str;

    /// The settings on which durability and speed depend, as the server says that they are in force.
    fn settings(&self) -> Answer<'_, String>;

    /// A new, empty store of ours.
    fn ours(&self) -> Answer<'_, Box<dyn Database>>;

    /// A new, empty one for the programs by hand.
    fn by_hand(&self) -> Answer<'_, Box<dyn Database>>;

    /// On how many streams commands are measured: enough that a stream keeps about its ten events.
    fn streams(&self) -> u64 {
        20_000
    }

    /// How many events a replay is measured on. A round of an import has a tenth of them.
    fn replayed(&self) -> u64 {
        500_000
    }

    /// Whether each round has databases of its own, because streams would grow too long in one.
    fn anew_each_round(&self) -> bool {
        false
    }

    /// Whether more than commands is measured.
    fn is_durable(&self) -> bool {
        true
    }
}

/// The backends by their names on the command line.
pub const NAMES: [&str; 4] = ["memory", "sqlite", "postgres", "jetstream"];

/// Starts the backend of this name; `None`, with a word, where its server is not installed.
///
/// # Errors
/// It does not start.
pub async fn start(name: &str) -> Result<Option<Box<dyn Backend>>, Error> {
    Ok(match name {
        "memory" => Some(Box::new(memory::Memory)),
        "sqlite" => Some(Box::new(sqlite::Sqlite::new()?)),
        "postgres" => match postgres::Postgres::start().await? {
            Some(postgres) => Some(Box::new(postgres)),
            None => None,
        },
        "jetstream" => match jetstream::Jetstream::start() {
            Some(jetstream) => Some(Box::new(jetstream)),
            None => None,
        },
        other => return Err(format!("there is no backend `{other}`: use {}", NAMES.join(", ")).into()),
    })
}
