//! List, show, history.

use factum::Versioned;
use helpdesk::domain::{Incident, IncidentNumber, Status};

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

async fn list(desk: &Desk, all: bool, screen: &mut Screen) -> Result<()> {
    let incidents = desk.all().await?;
    let length = digits_needed(incidents.keys());
    let mut rows = Vec::new();
    for (number, fold) in &incidents {
        let (Some(incident), version) = (fold.state(), fold.version()) else { continue };
        if fold.ended() && !all {
            continue;
        }
        let (status, style) = look(incident, fold.ended());
        rows.push([
            Cell::new(last_digits(*number, length)).style(Style::Bold),
            Cell::number(version),
            Cell::new(status).style(style),
            Cell::new(user(incident.reporter)),
            Cell::new(anybody(incident.assignee)),
            Cell::new(one_line(&incident.text)),
        ]);
    }
    if rows.is_empty() {
        let hint = if all || incidents.is_empty() { "" } else { "; --all lists the removed ones" };
        return Ok(screen.line(format_args!("no incidents in {}{hint}", desk.url))?);
    }
    Ok(screen.table(["incident", "version", "status", "reporter", "assignee", "text"], &rows)?)
}

fn show(incident: &Versioned<Incident>, screen: &mut Screen) -> Result<()> {
    let (status, style) = look(incident, incident.ended);
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

fn look(incident: &Incident, removed: bool) -> (&'static str, Style) {
    match (removed, incident.status) {
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
