//! The domain: files that come, change, go and come again, and the line of commits that changes them.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

mod entry;
mod file;
mod mainline;
mod path;

pub use entry::{Entry, InvalidMode, Mode};
pub use file::{File, FileCommand, FileError, FileEvent};
pub use mainline::{CommitHash, Mainline, MainlineCommand, MainlineError, MainlineEvent};
pub use path::{InvalidPath, TreePath};
