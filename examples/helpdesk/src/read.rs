//! List, workload, show, history.

use factum::{Fold, Position, Version, Versioned};
use helpdesk::{
    domain::{Incident, IncidentNumber, Status, UserNumber},
    views::OpenIncident,
};

use crate::{
    args::Read,
    desk::{Desk, digits_needed},
    error::Result,
    screen::{Cell, Screen, Style, one_line},
    time,
    words::{anybody, event, last_digits, short, status, user},
};

pub(crate) async fn run(desk: &Desk, query: Read, screen: &mut Screen) -> Result<()> {
    match query {
        Read::List { all } => list(desk, all, screen).await,
        Read::Workload => workload(desk, screen).await,
        Read::Show { incident, at_version, at_time } => {
            let number = desk.find(&incident).await?;
            let (found, when) = match (at_version, at_time) {
                (Some(version), _) => {
                    let found = desk.incidents.load_at_version(&number, version).await;
                    (found.map_err(|error| no_such_version(number, error))?, format!(" at version {version}"))
                }
                (None, Some(time)) => {
                    (desk.incidents.load_as_of(&number, time).await?, format!(" at {}", time::show(time)))
                }
                (None, None) => (desk.incidents.load(&number).await?, String::new()),
            };
            match found {
                Some(incident) => show(&incident, screen),
                None => Err(format!("there is no incident {number}{when}").into()),
            }
        }
        Read::History { incident } => history(desk, desk.find(&incident).await?, screen).await,
    }
}

/// A line of the list.
struct Line {
    number: IncidentNumber,
    version: Version,
    look: (&'static str, Style),
    reporter: UserNumber,
    assignee: Option<UserNumber>,
    text: String,
}

async fn list(desk: &Desk, all: bool, screen: &mut Screen) -> Result<()> {
    let lines = if all { with_removed(desk).await? } else { listed(desk).await? };
    if lines.is_empty() {
        let nothing = desk.store().head().await? == Position::START;
        let hint = if all || nothing { "" } else { "; --all lists the removed ones" };
        return Ok(screen.line(format_args!("no incidents in {}{hint}", desk.url))?);
    }
    let length = digits_needed(lines.iter().map(|line| &line.number));
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            [
                Cell::new(last_digits(line.number, length)).style(Style::Bold),
                Cell::number(line.version),
                Cell::new(line.look.0).style(line.look.1),
                Cell::new(user(line.reporter)),
                Cell::new(anybody(line.assignee)),
                Cell::new(one_line(&line.text)),
            ]
        })
        .collect();
    Ok(screen.table(["incident", "version", "status", "reporter", "assignee", "text"], &rows)?)
}

/// The lines that the view has.
async fn listed(desk: &Desk) -> Result<Vec<Line>> {
    let line = |row: OpenIncident| Line {
        number: row.number,
        version: row.version,
        look: look(if row.open { Status::Open } else { Status::Closed }, false),
        reporter: row.reporter,
        assignee: row.assignee,
        text: row.text,
    };
    Ok(desk.list().await?.into_iter().map(line).collect())
}

/// Those of the removed ones as well, which no view has any more: from the events.
async fn with_removed(desk: &Desk) -> Result<Vec<Line>> {
    let line = |(number, fold): (IncidentNumber, Fold<Incident>)| {
        let incident = fold.finish()?;
        Some(Line {
            number,
            version: incident.version,
            look: look(incident.status, incident.ended),
            reporter: incident.reporter,
            assignee: incident.assignee,
            text: incident.state.text,
        })
    };
    Ok(desk.all().await?.into_iter().filter_map(line).collect())
}

async fn workload(desk: &Desk, screen: &mut Screen) -> Result<()> {
    let work = desk.workload().await?;
    if work.is_empty() {
        return Ok(screen.line(format_args!("nobody has had to do with incidents in {}", desk.url))?);
    }
    let rows: Vec<_> = work
        .iter()
        .map(|work| {
            [
                Cell::new(user(work.user)).style(Style::Bold),
                Cell::number(work.open),
                Cell::number(work.assigned),
                Cell::number(work.reported),
            ]
        })
        .collect();
    Ok(screen.table(["user", "open now", "assigned so far", "reported"], &rows)?)
}

fn show(incident: &Versioned<Incident>, screen: &mut Screen) -> Result<()> {
    let (status, style) = look(incident.status, incident.ended);
    let title = screen.paint(Style::Bold, &format!("incident {}", short(incident.number)));
    screen.line(title)?;
    let mut pairs = vec![
        ("text", one_line(&incident.text)),
        ("status", screen.paint(style, status)),
        ("reporter", user(incident.reporter)),
        ("assignee", anybody(incident.assignee)),
    ];
    if let Some(solution) = &incident.solution {
        pairs.push(("solution", one_line(solution)));
    }
    pairs.push(("edits", incident.edits.to_string()));
    pairs.push(("version", incident.version.to_string()));
    pairs.push(("number", incident.number.to_string()));
    Ok(screen.pairs(&pairs)?)
}

async fn history(desk: &Desk, number: IncidentNumber, screen: &mut Screen) -> Result<()> {
    let history = desk.incidents.history(&number).await?;
    if history.is_empty() {
        return Err(format!("there is no incident {number}").into());
    }
    let rows: Vec<_> = history
        .iter()
        .map(|recorded| {
            [
                Cell::number(recorded.version),
                Cell::new(time::show(recorded.at)),
                Cell::new(one_line(recorded.actor().unwrap_or("-"))),
                Cell::new(event(&recorded.event)),
            ]
        })
        .collect();
    Ok(screen.table(["version", "at (UTC)", "by", "what"], &rows)?)
}

fn look(of: Status, removed: bool) -> (&'static str, Style) {
    match (removed, of) {
        (true, _) => ("removed", Style::Dim),
        (false, Status::Open) => (status(Status::Open), Style::Yellow),
        (false, Status::Closed) => (status(Status::Closed), Style::Green),
    }
}

fn no_such_version(number: IncidentNumber, error: factum::LoadError) -> String {
    match error {
        factum::LoadError::NoSuchVersion { latest, .. } if latest == 0 => {
            format!("there is no incident {number}")
        }
        factum::LoadError::NoSuchVersion { asked, latest, .. } => {
            format!("incident {} has no version {asked} yet: it is at {latest}", short(number))
        }
        error => error.to_string(),
    }
}
