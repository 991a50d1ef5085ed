//! `registration`: many people at the same time, on the command line.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | what can be typed |
//! | `tour` | a story that shows what callers get |
//! | `load` | many sign-ups, and the proof that each address has one holder |
//! | `bank` | many transfers, and the proof that no money is lost |
//! | `events` | all that is recorded, for proofs |
//! | `words`, `screen`, `error` | how things are said |

mod args;
mod bank;
mod error;
mod events;
mod load;
mod screen;
mod tour;
mod words;

use std::process::ExitCode;

use clap::Parser;

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
    match args.command {
        Command::Tour => tour::run(&factum::open(&args.store).await?, screen).await,
        Command::Load(load) => load::run(&factum::open(&args.store).await?, &load, screen).await,
        Command::Bank(bank) if bank.check => {
            bank::check(&factum::open_existing(&args.store).await?, screen).await
        }
        Command::Bank(bank) => bank::run(&factum::open(&args.store).await?, &bank, screen).await,
    }
}
