//! The recorded history held against git's.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::Path,
};

use factum::store::Store;
use timeline::domain::{CommitHash, Entry, TreePath};

use crate::{
    error::Result,
    git::Git,
    replay::{Tree, replay, revisions},
    screen::Screen,
};

pub(crate) async fn run(store: &dyn Store, path: &Path, every: u64, screen: &mut Screen) -> Result<()> {
    let git = Git::open(path)?;
    let recorded: Vec<_> = revisions(store).await?.into_iter().map(|revision| revision.commit).collect();
    let latest = recorded.last().ok_or("nothing has been imported yet: `timeline import REPOSITORY`")?;
    let mut differences = line(&recorded, &git.line(None, latest)?);
    let (mut commits, mut trees) = (0, 0);
    replay(store, |revision, tree| {
        let number = revision.number.get();
        commits = number;
        if number == 1 || number.is_multiple_of(every) || revision.commit == *latest {
            trees += 1;
            let expected = git.tree(&revision.commit)?;
            let commit = revision.commit.short();
            let found = compare(tree, &expected);
            differences.extend(found.iter().map(|difference| format!("commit {commit}: {difference}")));
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    for difference in differences.iter().take(20) {
        screen.line(difference)?;
    }
    match differences.len() {
        0 => Ok(screen
            .line(format_args!("no difference: {commits} commits, the trees of {trees} of them compared"))?),
        many => Err(format!("{many} differences in {trees} trees").into()),
    }
}

/// The line of commits is the same.
fn line(recorded: &[CommitHash], expected: &[CommitHash]) -> Vec<String> {
    if recorded == expected {
        return Vec::new();
    }
    let same = recorded.iter().zip(expected).take_while(|(ours, theirs)| ours == theirs).count();
    vec![format!(
        "the lines of commits differ after {same}: {} are recorded, git has {}",
        recorded.len(),
        expected.len()
    )]
}

/// What is different, path by path.
fn compare(tree: &Tree, expected: &[(TreePath, Entry)]) -> Vec<String> {
    let ours: BTreeMap<_, _> = tree.entries().collect();
    let theirs: BTreeMap<_, _> = expected.iter().map(|(path, entry)| (path, entry)).collect();
    if ours == theirs {
        return Vec::new();
    }
    let paths: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let difference = |path| match (ours.get(path), theirs.get(path)) {
        (ours, theirs) if ours == theirs => None,
        (Some(ours), Some(theirs)) => {
            Some(format!("`{path}` is recorded as {}, git has {}", show(ours), show(theirs)))
        }
        (Some(_), None) => Some(format!("`{path}` is recorded, git does not have it")),
        (None, _) => Some(format!("`{path}` is not recorded, git has it")),
    };
    paths.into_iter().filter_map(|path| difference(*path)).collect()
}

fn show(Entry { mode, object }: &Entry) -> String {
    format!("{mode} {object}")
}
