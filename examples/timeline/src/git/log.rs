//! `git log --raw`: the commits of a line, and what each changed against its first parent.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
    str::SplitAsciiWhitespace,
};

use chrono::{DateTime, Utc};
use timeline::domain::{CommitHash, Entry, TreePath};

use super::{Git, cannot_run, range};
use crate::error::Result;

/// A commit as git tells it.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) hash: CommitHash,
    /// The first parent; `None` for the first commit of all.
    pub(crate) parent: Option<CommitHash>,
    /// When it was committed.
    pub(crate) at: DateTime<Utc>,
    pub(crate) author: String,
    pub(crate) subject: String,
    pub(crate) changes: Vec<(TreePath, Change)>,
}

/// What became of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added(Entry),
    /// The content, the mode, or both.
    Modified(Entry),
    Deleted,
}

/// The commits of a line, oldest first, read while git writes them.
pub(crate) struct Log {
    git: Child,
    tokens: BufReader<ChildStdout>,
    /// The commit whose changes are being read. It is complete when the next one begins or git has ended well.
    current: Option<Commit>,
}

impl Git {
    /// The commits along the first parents up to `tip`, without those up to `after`.
    pub(crate) fn log(&self, after: Option<&CommitHash>, tip: &CommitHash) -> Result<Log> {
        let mut command = self.command();
        command.args(["-c", "log.showRoot=true", "-c", "i18n.logOutputEncoding=UTF-8"]);
        command.args([
            "log",
            "--first-parent",
            "--diff-merges=first-parent",
            "--reverse",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
        ]);
        command.args(["--no-relative", "--ignore-submodules=none", "--no-show-signature", "--no-color"]);
        command.arg("--format=tformat:%H%n%P%n%ct%n%an <%ae>%n%s");
        command.args(["--end-of-options", &range(after, tip), "--"]);
        let mut git = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_run(&error))?;
        let stdout = git.stdout.take().ok_or("git has no output")?;
        Ok(Log { git, tokens: BufReader::new(stdout), current: None })
    }
}

impl Log {
    /// The next commit; `None` after the last one.
    ///
    /// A token of the output is the head of a commit, or else begins with a colon, tells of a change, and is followed by
    /// the path. A commit that git could not write to its end is an error, and is not given.
    fn read(&mut self) -> Result<Option<Commit>> {
        while let Some(token) = self.token()? {
            let token = token.trim_ascii_start();
            if let Some(change) = token.strip_prefix(b":") {
                let path = self.token()?.ok_or("git ended before it named the path")?;
                let change = parse_change(&String::from_utf8_lossy(change))?;
                let current = self.current.as_mut().ok_or("git named a change before any commit")?;
                current.changes.push((TreePath::from(&*path), change));
            } else if let Some(complete) = self.current.replace(parse_head(&String::from_utf8_lossy(token))?)
            {
                return Ok(Some(complete));
            }
        }
        // What went wrong, git has said on the standard error that it shares with us.
        if self.git.wait()?.success() {
            Ok(self.current.take())
        } else {
            Err("git could not read its log".into())
        }
    }

    fn token(&mut self) -> Result<Option<Vec<u8>>> {
        let mut token = Vec::new();
        if self.tokens.read_until(0, &mut token)? == 0 {
            return Ok(None);
        }
        token.pop_if(|last| *last == 0);
        Ok(Some(token))
    }
}

impl Iterator for Log {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        let commit = self.read().transpose();
        if matches!(commit, Some(Err(_))) {
            self.current = None;
        }
        commit
    }
}

impl Drop for Log {
    /// Git is not left behind when the reader has had enough.
    fn drop(&mut self) {
        let _ = self.git.kill();
        let _ = self.git.wait();
    }
}

fn parse_head(head: &str) -> Result<Commit> {
    let mut lines = head.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (hash, parents, seconds, author, subject) = (line(), line(), line(), line(), line());
    if hash.is_empty() || !hash.chars().all(|char| char.is_ascii_hexdigit()) {
        return Err(format!("git wrote what is not understood: `{}`", head.escape_debug()).into());
    }
    Ok(Commit {
        hash: CommitHash::new(hash),
        parent: parents.split(' ').next().filter(|parent| !parent.is_empty()).map(CommitHash::new),
        // A broken commit may have no time, or one that no calendar knows.
        at: seconds.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or_default(),
        author: author.to_owned(),
        subject: subject.to_owned(),
        changes: Vec::new(),
    })
}

/// `100644 100755 <old hash> <new hash> M`, without the colon in front.
fn parse_change(text: &str) -> Result<Change> {
    let mut words: SplitAsciiWhitespace<'_> = text.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or_default();
    let (_old_mode, mode, _old_object, object, status) = (word(), word(), word(), word(), word());
    let entry = || Result::Ok(Entry { mode: mode.parse()?, object: object.to_owned() });
    match status {
        "A" => Ok(Change::Added(entry()?)),
        "M" | "T" => Ok(Change::Modified(entry()?)),
        "D" => Ok(Change::Deleted),
        _ => Err(format!("git wrote a change that is not understood: `{}`", text.escape_debug()).into()),
    }
}
