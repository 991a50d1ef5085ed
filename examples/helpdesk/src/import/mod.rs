//! Many commands from a file.
//!
//! Commands to different incidents are carried out at the same time, so that the store can record many of them
//! together; commands to one incident one after the other, as they stand in the file. Each is recorded with the line
//! that it came from as its cause. That is how a second run, after a mistake was corrected or the machine went down,
//! knows what is there already.

mod lanes;
mod line;
mod proof;
mod tally;

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

pub(crate) use self::line::Line;
use self::{lanes::Lanes, line::Lines, proof::recorded_before, tally::Tally};
use crate::{desk::Desk, error::Result, screen::Screen};

pub(crate) async fn run(desk: &Desk, path: &Path, by: Option<String>, screen: &mut Screen) -> Result<()> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let mut tally = Tally::new(file.metadata().map_err(cannot)?.len());
    let lines = Lines::new(path, tally.watch(file));

    let before = recorded_before(desk, lines.source()).await?;
    let source = lines.source().to_owned();
    let began_at = desk.store().head().await?;
    let mut lanes = Lanes::start(&desk.incidents, by);
    let read = give_all(lines, &before, &mut lanes, &mut tally).await;
    lanes.finish(&mut tally).await;
    let history = tally.acknowledged().prove(desk, began_at, &source).await?;
    tally.report(&history, screen)?;
    Ok(read.map_err(cannot)?)
}

/// Gives the lines away one by one, except those that were recorded `before`; until the store fails.
async fn give_all<R: Read>(
    lines: Lines<R>,
    before: &HashSet<String>,
    lanes: &mut Lanes,
    tally: &mut Tally,
) -> io::Result<()> {
    for line in lines {
        let line = line?;
        match line.parse() {
            Ok(_) if before.contains(&line.cause) => tally.skipped(),
            Ok(command) => lanes.give(line, command).await,
            Err(why) => tally.wrong(line.number, &why),
        }
        lanes.take_outcomes(tally);
        if tally.has_failed() {
            break;
        }
    }
    Ok(())
}
