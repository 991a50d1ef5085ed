//! What can be typed.

use std::{net::SocketAddr, path::PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args as Group, Parser, Subcommand};
use factum::Version;
use helpdesk::domain::UserNumber;

use crate::time;

/// Where the incidents are kept, unless told otherwise.
pub(crate) const STORE: &str = "sqlite:helpdesk.db";

/// The incidents of a help desk, and everything that ever happened to them.
#[derive(Debug, Parser)]
#[command(name = "helpdesk", version)]
pub(crate) struct Args {
    /// Where the incidents are kept
    #[arg(long, global = true, value_name = "URL", default_value = STORE)]
    pub(crate) store: String,
    /// Where the lists are kept if the store cannot keep them itself, such as `sqlite:views.db`; without it they are
    /// made anew in memory whenever they are asked for
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) read_store: Option<String>,
    /// Who gives the command; it is recorded beside what the command leads to
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) by: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Write(Write),
    #[command(flatten)]
    Read(Read),
    /// Serve the incidents over HTTP, with a page to look at them
    Serve {
        /// Where to listen; with port 0, on any that is free
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        address: SocketAddr,
    },
    /// Carry out the commands of a file of JSON lines; what was recorded by an earlier run is not recorded again
    Import {
        /// A file with a line such as {"number": "…", "command": {"Close": {"solution": "new mouse"}}} per command
        file: PathBuf,
    },
    /// Make up commands that `import` can read
    Generate {
        /// How many
        commands: usize,
        /// A new file for them; without it they are printed
        file: Option<PathBuf>,
    },
    /// Move house: copy everything from a store into an empty one of any other kind
    ///
    /// A copy that was interrupted goes on when it is run again, and a complete one catches up with what came since. So
    /// copy, stop whoever writes to FROM, copy once more, and use TO from then on.
    Copy {
        /// The URL of the store to copy, which has to be there
        from: String,
        /// The URL of an empty store, made if it is not there
        to: String,
    },
    /// Play a story in a fresh store and tell what happens
    Tour,
}

impl Command {
    /// Whether it looks at views.
    pub(crate) const fn asks(&self) -> bool {
        matches!(self, Self::Read(Read::List { all: false } | Read::Workload) | Self::Serve { .. })
    }
}

/// What is asked of one incident.
#[derive(Debug, Subcommand)]
pub(crate) enum Write {
    /// Report that something is broken
    Report {
        /// What is broken
        text: String,
        /// The number of the user who reports it
        #[arg(long, value_name = "USER", value_parser = user_number)]
        reporter: UserNumber,
    },
    /// Correct the description
    Change {
        #[command(flatten)]
        incident: Target,
        /// The description as it should be
        text: String,
    },
    /// Give it to somebody to take care of
    Assign {
        #[command(flatten)]
        incident: Target,
        /// The number of the user who takes care of it
        #[arg(value_name = "USER", value_parser = user_number)]
        to: UserNumber,
    },
    /// Close it
    Close {
        #[command(flatten)]
        incident: Target,
        /// How it was solved
        solution: String,
    },
    /// Open it again
    Reopen {
        #[command(flatten)]
        incident: Target,
        /// Why
        reason: String,
        /// The number of the user who takes care of it now
        #[arg(long, value_name = "USER", value_parser = user_number)]
        to: UserNumber,
    },
    /// Remove it; its history stays
    Remove {
        #[command(flatten)]
        incident: Target,
    },
}

/// Which incident, and in which version.
#[derive(Debug, Group)]
pub(crate) struct Target {
    /// The number of the incident, or the digits that it begins or ends with
    pub(crate) incident: String,
    /// Refuse unless the incident is at exactly this version: the one that you have seen
    #[arg(long, value_name = "VERSION", allow_hyphen_values = true)]
    pub(crate) expect: Option<Version>,
}

/// What can be asked about incidents.
#[derive(Debug, Subcommand)]
pub(crate) enum Read {
    /// List the incidents
    List {
        /// The removed ones too
        #[arg(long)]
        all: bool,
    },
    /// Show who has how many incidents to take care of
    Workload,
    /// Show an incident as it is now, or as it was
    Show {
        /// The number of the incident, or the digits that it begins or ends with
        incident: String,
        /// As it was at this version
        #[arg(long, value_name = "VERSION", allow_hyphen_values = true, conflicts_with = "at_time")]
        at_version: Option<Version>,
        /// As it was at this time in UTC, such as `2026-11-23`, `2026-11-23 14:30` or `2026-11-23 14:30:59.123`; a
        /// day, a minute or a second counts to its end
        #[arg(long, value_name = "TIME", value_parser = time::parse)]
        at_time: Option<DateTime<Utc>>,
    },
    /// Tell everything that happened to an incident
    History {
        /// The number of the incident, or the digits that it begins or ends with
        incident: String,
    },
}

fn user_number(text: &str) -> Result<UserNumber, &'static str> {
    text.parse().map_err(|_| "users have numbers, such as 7")
}
