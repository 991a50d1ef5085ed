//! `timeline`: the history of a git repository as events.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | what can be typed |
//! | `git` | what git is asked: the commits of a line, the tree of a commit |
//! | `transaction` | commands to several aggregates, recorded together |
//! | `import` | from git to the store |
//! | `replay` | from the store to the trees of the past |
//! | `show`, `verify` | what is done with them |
//! | `screen`, `error` | how things are said |

mod args;
mod error;
mod git;
mod import;
mod replay;
mod screen;
mod show;
mod transaction;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use factum::Repository;

use crate::{
    args::{Args, Command},
    error::Result,
    screen::Screen,
};

#[tokio::main]
async fn main() -> ExitCode {
    let mut screen = Screen::stdout();
    let done = run(Args::parse(), &mut screen).await;
    let shown = screen.flush();
    match done.and_then(|()| Ok(shown?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error::report(&*error),
    }
}

async fn run(args: Args, screen: &mut Screen) -> Result<()> {
    let store = factum::open(&args.store).await?;
    match args.command {
        Command::Import { repository, revision } => {
            import::run(&Repository::new(store), &repository, &revision, screen).await
        }
        Command::Log => show::log(&*store, screen).await,
        Command::Tree { at, nul } => show::tree(&*store, at.as_deref(), nul, screen).await,
        Command::History { path } => show::history(&Repository::new(store), &path, screen).await,
        Command::Verify { repository, every } => verify::run(&*store, &repository, every, screen).await,
    }
}
