//! `git ls-tree -r`: the tree of a commit.

use timeline::domain::{CommitHash, Entry, TreePath};

use super::Git;
use crate::error::Result;

impl Git {
    /// Everything in the tree of a commit, by path.
    pub(crate) fn tree(&self, commit: &CommitHash) -> Result<Vec<(TreePath, Entry)>> {
        let output = self.run(["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit.as_str()])?;
        let lines = output.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        lines.map(parse).collect()
    }
}

/// `100644 blob <hash>`, a tab, and the path.
fn parse(line: &[u8]) -> Result<(TreePath, Entry)> {
    let unknown = || format!("git wrote a line that is not understood: `{}`", line.escape_ascii());
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(unknown)?;
    let (entry, path) = line.split_at(tab);
    let mut words = str::from_utf8(entry)?.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(mode), Some(_), Some(object)) => {
            let entry = Entry { mode: mode.parse()?, object: object.to_owned() };
            Ok((TreePath::from(path.get(1..).unwrap_or_default()), entry))
        }
        _ => Err(unknown().into()),
    }
}
