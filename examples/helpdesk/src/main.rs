//! `helpdesk`: incidents on the command line.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | what can be typed |
//! | `desk` | the incidents in their store: open, find one, read all |
//! | `overview` | what views tell: the list, who has how much to do |
//! | `write` | one command to one incident |
//! | `read` | list, workload, show, history |
//! | `serve` | the same over HTTP, and a page |
//! | `copy` | the move into another store |
//! | `import`, `generate` | many commands from a file, and how to make such a file |
//! | `tour` | a story that shows all of it |
//! | `filling` | how far views have come that are filled |
//! | `words`, `screen`, `time`, `error` | how things are said |

mod args;
mod copy;
mod desk;
mod error;
mod filling;
mod generate;
mod import;
mod overview;
mod read;
mod screen;
mod serve;
mod time;
mod tour;
mod words;
mod write;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;

use crate::{
    args::{Args, Command},
    desk::Desk,
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
    if let Command::Generate { commands, file } = args.command {
        return generate::run(commands, file.as_deref());
    }
    if let Command::Copy { from, to } = args.command {
        return copy::run(&from, &to, screen).await;
    }
    let desk = Arc::new(Desk::open(&args.store, args.read_store.as_deref(), args.command.asks()).await?);
    let done = match args.command {
        Command::Write(command) => write::run(&desk, command, args.by, screen).await,
        Command::Read(query) => read::run(&desk, query, screen).await,
        Command::Serve { address } => serve::run(Arc::clone(&desk), address, screen).await,
        Command::Import { file } => import::run(&desk, &file, args.by, screen).await,
        Command::Tour => tour::run(&desk, screen).await,
        Command::Generate { .. } | Command::Copy { .. } => Ok(()),
    };
    desk.app.clone().shutdown().await;
    done
}
