//! The commits, the tree as of one, and the history of a path.

use std::{ffi::OsStr, ops::ControlFlow};

use chrono::{DateTime, Utc};
use factum::{Recorded, Repository, store::Store};
use timeline::domain::{CommitHash, Entry, File, FileEvent, TreePath};

use crate::{
    error::Result,
    replay::{Revision, Tree, replay, revisions},
    screen::Screen,
};

pub(crate) async fn log(store: &dyn Store, screen: &mut Screen) -> Result<()> {
    for Revision { number, commit, at, subject } in revisions(store).await? {
        let when = screen.dim(format_args!("{}  {number:>6}  {}", day(at), commit.short()));
        screen.line(format_args!("{when}  {}", one_line(&subject)))?;
    }
    Ok(())
}

pub(crate) async fn tree(store: &dyn Store, at: Option<&str>, nul: bool, screen: &mut Screen) -> Result<()> {
    let wanted = find(revisions(store).await?, at)?;
    replay(store, |revision, tree| {
        if revision.number != wanted.number {
            return Ok(ControlFlow::Continue(()));
        }
        print(tree, nul, screen)?;
        Ok(ControlFlow::Break(()))
    })
    .await
}

fn print(tree: &Tree, nul: bool, screen: &mut Screen) -> Result<()> {
    for (path, Entry { mode, object }) in tree.entries() {
        let entry = format!("{mode} {} {object}", mode.object_type());
        if nul {
            screen.bytes(entry.as_bytes())?;
            screen.bytes(b"\t")?;
            screen.bytes(path.as_bytes())?;
            screen.bytes(b"\0")?;
        } else {
            let entry = screen.dim(entry);
            screen.line(format_args!("{entry}\t{path}"))?;
        }
    }
    Ok(())
}

/// The commit whose hash begins with `text`; the latest if nothing is said.
fn find(mut revisions: Vec<Revision>, text: Option<&str>) -> Result<Revision> {
    let latest = revisions.pop().ok_or("nothing has been imported yet: `timeline import REPOSITORY`")?;
    let Some(text) = text else { return Ok(latest) };
    let prefix = text.to_lowercase();
    revisions.push(latest);
    let mut found = revisions.into_iter().filter(|revision| revision.commit.as_str().starts_with(&prefix));
    match (found.next(), found.next()) {
        (Some(revision), None) => Ok(revision),
        (Some(_), Some(_)) => Err(format!("several commits begin with `{text}`: give more digits").into()),
        (None, _) => Err(format!(
            "no commit that begins with `{text}` is recorded: give the hash of one, which `timeline log` lists"
        )
        .into()),
    }
}

pub(crate) async fn history(files: &Repository<File>, path: &OsStr, screen: &mut Screen) -> Result<()> {
    for recorded in events_of(files, path).await? {
        let commit = recorded.metadata().correlation_id.clone().map(CommitHash::new);
        let commit = commit.as_ref().map_or("", CommitHash::short);
        let who = screen.dim(one_line(recorded.actor().unwrap_or_default()));
        let (what, revision, at) = match &recorded.event {
            FileEvent::Added { entry, revision, at } => (with("added", entry), revision, at),
            FileEvent::Modified { entry, revision, at } => (with("modified", entry), revision, at),
            FileEvent::AddedAgain { entry, revision, at } => (with("added again", entry), revision, at),
            FileEvent::Deleted { revision, at } => ("deleted".to_owned(), revision, at),
        };
        let when = screen.dim(format_args!("{}  {revision:>6}  {commit}", day(*at)));
        screen.line(format_args!("{when}  {what:<36}  {who}"))?;
    }
    Ok(())
}

/// What happened to the path that somebody means: as `tree` shows it, or else as it is.
async fn events_of(files: &Repository<File>, path: &OsStr) -> Result<Vec<Recorded<FileEvent>>> {
    let text = path.to_string_lossy();
    let shown = text.parse().ok().filter(|shown: &TreePath| shown.to_string() == text);
    for path in shown.into_iter().chain([TreePath::from(path.as_encoded_bytes())]) {
        let history = files.history(&path).await?;
        if !history.is_empty() {
            return Ok(history);
        }
    }
    let text = one_line(&text);
    Err(format!("`{text}` was never in the tree: paths begin at the top of the repository").into())
}

fn with(what: &str, entry: &Entry) -> String {
    let object = entry.object.get(..10).unwrap_or(&entry.object);
    format!("{what}: {} {object}", entry.mode.kind())
}

fn day(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S")
}

/// Text that somebody typed, without anything that a terminal would obey.
fn one_line(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}
