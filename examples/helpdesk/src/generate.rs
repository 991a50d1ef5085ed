//! Made-up commands for `import`.
//!
//! Incidents are played without any store: a [`Fold`] decides each command and takes the events that it leads to, so
//! every line is a command that will be accepted.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use chrono::Utc;
use factum::{Context, Fold, Metadata};
use helpdesk::domain::{Incident, IncidentCommand, IncidentNumber, UserNumber};

use crate::{error::Result, import::Line};

/// How many incidents are in work at the same time.
const IN_WORK: usize = 500;
/// An incident with so many events is left alone.
const LONG: u64 = 20;

const PEOPLE: [&str; 3] = ["ann", "bob", "carl"];
const THINGS: [&str; 6] = ["mouse", "printer", "screen", "coffee machine", "door", "network"];

pub(crate) fn run(commands: usize, file: Option<&Path>) -> Result<()> {
    match file {
        Some(path) => {
            let file =
                File::create_new(path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
            write(commands, BufWriter::new(file))
        }
        None => write(commands, BufWriter::new(io::stdout())),
    }
}

fn write(commands: usize, mut out: impl Write) -> Result<()> {
    let mut in_work = Vec::new();
    for _ in 0..commands {
        let line = next(&mut in_work)?;
        serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// A command for one of the incidents, or for a new one.
fn next(in_work: &mut Vec<Fold<Incident>>) -> Result<Line> {
    let report = in_work.is_empty() || (in_work.len() < IN_WORK && fastrand::u8(0..4) == 0);
    let index = if report {
        in_work.push(Fold::new(IncidentNumber::new()));
        in_work.len() - 1
    } else {
        fastrand::usize(0..in_work.len())
    };
    let mut fold = in_work.swap_remove(index);
    let ctx = Context::new(Utc::now(), fold.version(), Metadata::new());
    let (command, decision) = loop {
        let command = any(fold.state().is_none());
        if let Ok(decision) = fold.decide(command.clone(), &ctx) {
            break (command, decision);
        }
    };
    for event in decision.into_vec() {
        fold.apply(event)?;
    }
    let number = *fold.id();
    if !fold.ended() && fold.version() < LONG {
        in_work.push(fold);
    }
    Ok(Line { number, command, by: fastrand::choice(PEOPLE).map(str::to_owned) })
}

/// Some command; whether it makes sense is for the domain to say.
fn any(new: bool) -> IncidentCommand {
    let thing = fastrand::choice(THINGS).unwrap_or_default();
    let to = UserNumber::new(fastrand::u64(1..20));
    match fastrand::u8(0..20) {
        _ if new => IncidentCommand::Report { reporter: to, text: format!("{thing} broken") },
        0 => IncidentCommand::Remove,
        1..5 => IncidentCommand::Close { solution: format!("new {thing}") },
        5..9 => IncidentCommand::Reopen { reason: format!("new {thing} broken"), to },
        9..14 => IncidentCommand::Assign { to },
        _ => IncidentCommand::ChangeText { text: format!("{thing} no. {} broken", fastrand::u32(1..1000)) },
    }
}
