//! From a repository to the store: each commit of git becomes one commit of the store.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error,
    fmt::Display,
    path::Path,
    time::Instant,
};

use factum::{
    ExecuteError, Fold, Metadata, Rejection, Repository, Version,
    store::{AppendError, Store},
};
use indicatif::{ProgressBar, ProgressStyle};
use timeline::domain::{CommitHash, File, FileCommand, FileError, Mainline, MainlineCommand, TreePath};

use crate::{
    error::Result,
    git::{Change, Commit, Git},
    replay,
    screen::Screen,
    transaction::Transaction,
};

/// A commit of the store holds so many files at most. A commit of git that changes more is recorded in several, the
/// last of which has the event of the line; so the tree is never shown with only some of them, and an import that was
/// interrupted between them goes on there.
const FILES_PER_COMMIT: usize = 50_000;

pub(crate) async fn run(
    repository: &Repository<File>,
    path: &Path,
    revision: &str,
    screen: &mut Screen,
) -> Result<()> {
    let git = Git::open(path)?;
    let tip = git.resolve(revision)?;
    let mut import = Import::begin(repository).await?;
    let head = import.mainline.as_ref().and_then(|fold| fold.state()).map(|line| line.head.clone());
    if let Some(head) = &head {
        git.resolve(head.as_str()).map_err(|_| {
            format!(
                "this store holds another history, or one that was rewritten since: its last commit {} is not in {}",
                head.short(),
                path.display()
            )
        })?;
    }
    let new = git.line(head.as_ref(), &tip)?.len();
    let bar = progress(new);
    let began = Instant::now();
    for commit in git.log(head.as_ref(), &tip)? {
        import.record(commit?).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    screen.line(match new {
        0 => format!("nothing new: {} commits are recorded", import.commits()),
        _ => format!(
            "{new} commits with {} changes recorded in {:.1} s, {} commits in all",
            import.changes,
            began.elapsed().as_secs_f64(),
            import.commits()
        ),
    })?;
    Ok(())
}

struct Import<'a> {
    files: &'a Repository<File>,
    /// The files that were met, as they are in the store.
    met: HashMap<TreePath, Fold<File>>,
    /// The line of commits; `None` before the first one.
    mainline: Option<Fold<Mainline>>,
    /// How many changes of files were recorded.
    changes: usize,
}

impl<'a> Import<'a> {
    async fn begin(files: &'a Repository<File>) -> Result<Self> {
        let mainline = replay::mainline(store(files)).await?;
        Ok(Self { files, met: HashMap::new(), mainline, changes: 0 })
    }

    fn commits(&self) -> Version {
        self.mainline.as_ref().map_or(Version::NONE, Fold::version)
    }

    /// Records what the commit changes, and the commit itself.
    async fn record(&mut self, commit: Commit) -> Result<()> {
        let Commit { hash, parent, at, author, subject, changes } = commit;
        let metadata = Metadata::by(author).correlation(hash.to_string());
        let revision = self.commits().next().get();
        let mut transaction = Transaction::new(metadata.clone());
        for (path, change) in changes {
            let command = match change {
                Change::Added(entry) => FileCommand::Add { entry, revision, at },
                Change::Modified(entry) => FileCommand::Modify { entry, revision, at },
                Change::Deleted => FileCommand::Delete { revision, at },
            };
            let fold = self.file(&path).await?;
            match transaction.execute(fold, command) {
                Ok(()) => self.changes += 1,
                // By the import before this one, which was interrupted.
                Err(ExecuteError::Rejected(Rejection::Domain(FileError::Seen))) => {}
                Err(ExecuteError::Rejected(Rejection::NotFound)) => {
                    return Err(misfit(&hash, &path, FileError::Absent));
                }
                Err(refused) => return Err(misfit(&hash, &path, refused)),
            }
            if transaction.len() == FILES_PER_COMMIT {
                self.commit(std::mem::replace(&mut transaction, Transaction::new(metadata.clone()))).await?;
            }
        }
        let command = match parent {
            Some(parent) => MainlineCommand::Advance { head: hash.clone(), at, subject, parent },
            None => MainlineCommand::Begin { head: hash.clone(), at, subject },
        };
        let mainline = self.mainline.get_or_insert_with(|| Fold::new(hash.clone()));
        transaction.execute(mainline, command).map_err(|refused| refuse(&hash, &refused))?;
        self.commit(transaction).await
    }

    async fn commit(&mut self, transaction: Transaction) -> Result<()> {
        match transaction.commit(store(self.files)).await {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict { .. }) => {
                Err("another import into this store is going on; run this one again when it has ended".into())
            }
            // Also where the outcome is unknown: the next import reads what is recorded, and goes on from there.
            Err(error) => Err(error.into()),
        }
    }

    /// The file as it is in the store: read when it is met for the first time, and followed from there.
    async fn file(&mut self, path: &TreePath) -> Result<&mut Fold<File>> {
        Ok(match self.met.entry(path.clone()) {
            Entry::Occupied(met) => met.into_mut(),
            Entry::Vacant(new) => {
                let mut fold = Fold::new(path.clone());
                let mut history = self.files.history_stream(path);
                while let Some(recorded) = history.next().await {
                    fold.apply(recorded?.event)?;
                }
                new.insert(fold)
            }
        })
    }
}

fn store(files: &Repository<File>) -> &dyn Store {
    &**files.store()
}

/// Git tells of a change that cannot follow what is recorded.
fn misfit(commit: &CommitHash, path: &TreePath, why: impl Display) -> Box<dyn Error + Send + Sync> {
    format!("commit {} does not fit to what is recorded: `{path}`: {why}", commit.short()).into()
}

fn refuse(commit: &CommitHash, refused: &ExecuteError<Mainline>) -> String {
    let commit = commit.short();
    match refused {
        ExecuteError::Rejected(Rejection::AlreadyExists) => {
            format!("commit {commit} has no parent, and the store holds a history already")
        }
        refused => format!("commit {commit}: {refused}"),
    }
}

fn progress(commits: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} of {len} commits  {eta} left");
    ProgressBar::new(commits as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
