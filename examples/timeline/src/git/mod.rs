//! What git is asked.
//!
//! Everything is asked in the forms that scripts use: hashes in full, paths between NULs, no settings of the user.

mod log;
mod tree;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use timeline::domain::CommitHash;

pub(crate) use self::log::{Change, Commit};
use crate::error::Result;

/// What git sets for the hooks of a repository, and obeys in any other one.
const ELSEWHERE: [&str; 9] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// A repository on this machine.
pub(crate) struct Git {
    path: PathBuf,
}

impl Git {
    /// # Errors
    /// There is no git, or no repository.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let git = Self { path: path.to_owned() };
        git.run(["rev-parse", "--git-dir"])?;
        Ok(git)
    }

    /// The commit that `revision` names: a hash, a branch, a tag, …
    pub(crate) fn resolve(&self, revision: &str) -> Result<CommitHash> {
        let commit = format!("{revision}^{{commit}}");
        let output = self.output(["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        if !output.status.success() {
            return Err(format!("there is no commit `{revision}` in {}", self.path.display()).into());
        }
        Ok(CommitHash::new(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// The commits along the first parents up to `tip`, oldest first, without those up to `after`.
    pub(crate) fn line(&self, after: Option<&CommitHash>, tip: &CommitHash) -> Result<Vec<CommitHash>> {
        let range = range(after, tip);
        let output =
            self.run(["rev-list", "--first-parent", "--reverse", "--end-of-options", &range, "--"])?;
        Ok(String::from_utf8_lossy(&output).lines().map(CommitHash::new).collect())
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Vec<u8>> {
        let output = self.output(arguments)?;
        if output.status.success() { Ok(output.stdout) } else { Err(failure(&output.stderr)) }
    }

    fn output<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Output> {
        self.command().args(arguments).output().map_err(|error| cannot_run(&error).into())
    }

    /// `git` in this repository, whatever the environment says about another one.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.path).arg("--no-replace-objects");
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}

fn range(after: Option<&CommitHash>, tip: &CommitHash) -> String {
    after.map_or_else(|| tip.to_string(), |after| format!("{after}..{tip}"))
}

fn cannot_run(error: &io::Error) -> String {
    format!("cannot run `git`: {error}")
}

/// What git said before it gave up.
fn failure(stderr: &[u8]) -> Box<dyn std::error::Error + Send + Sync> {
    let text = String::from_utf8_lossy(stderr);
    let said = text.lines().find(|line| !line.is_empty()).unwrap_or("git failed and did not say why");
    format!("git: {}", said.trim_start_matches("fatal: ")).into()
}
