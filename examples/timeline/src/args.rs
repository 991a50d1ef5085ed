//! What can be typed.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand};

/// The history of a git repository, kept as events: import it, ask for any tree of the past, hold it against git.
#[derive(Debug, Parser)]
#[command(name = "timeline", version)]
pub(crate) struct Args {
    /// Where the events are kept
    #[arg(long, global = true, value_name = "URL", default_value = "sqlite:timeline.db")]
    pub(crate) store: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record the commits of a repository, along the first parents; again later, only the new ones
    Import {
        /// The repository
        repository: PathBuf,
        /// Up to which commit
        #[arg(long, default_value = "HEAD")]
        revision: String,
    },
    /// List the commits that are recorded, oldest first
    Log,
    /// Show the tree as of a commit, as `git ls-tree -r` does, from the store alone
    Tree {
        /// The commit: its hash or how that begins; by default the latest
        #[arg(long, value_name = "COMMIT")]
        at: Option<String>,
        /// End lines with NUL and show paths as they are
        #[arg(short = 'z')]
        nul: bool,
    },
    /// Tell everything that happened to a path
    History {
        /// The path, from the top of the repository; `tree` shows it
        path: OsString,
    },
    /// Compare the recorded trees with git's
    Verify {
        /// The repository
        #[arg(default_value = ".")]
        repository: PathBuf,
        /// Compare at every so manieth commit, and at the first and the last
        #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
    },
}
