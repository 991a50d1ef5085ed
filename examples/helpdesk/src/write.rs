//! One command to one incident.

use factum::{Metadata, Version};
use helpdesk::domain::{IncidentCommand, IncidentNumber};

use crate::{
    args::{Target, Write},
    desk::Desk,
    error::{Result, explain},
    screen::{Screen, Style},
    words,
};

pub(crate) async fn run(desk: &Desk, command: Write, by: Option<String>, screen: &mut Screen) -> Result<()> {
    let (number, expected, command) = read(desk, command).await?;
    let metadata = by.map_or_else(Metadata::new, Metadata::by);
    let mut execute = desk.incidents.execute(&number, command).with(metadata);
    if let Some(version) = expected {
        execute = execute.expecting(version);
    }
    let receipt = execute.await.map_err(|error| explain(number, &error))?;
    for recorded in &receipt.events {
        let incident = screen.paint(Style::Bold, &words::short(number));
        screen.line(format_args!("{incident}  v{}  {}", recorded.version, words::event(&recorded.event)))?;
    }
    Ok(())
}

/// Which incident, which version of it is expected, and what is asked of it.
async fn read(desk: &Desk, command: Write) -> Result<(IncidentNumber, Option<Version>, IncidentCommand)> {
    let (incident, command) = match command {
        Write::Report { text, reporter } => {
            return Ok((IncidentNumber::new(), None, IncidentCommand::Report { reporter, text }));
        }
        Write::Change { incident, text } => (incident, IncidentCommand::ChangeText { text }),
        Write::Assign { incident, to } => (incident, IncidentCommand::Assign { to }),
        Write::Close { incident, solution } => (incident, IncidentCommand::Close { solution }),
        Write::Reopen { incident, reason, to } => (incident, IncidentCommand::Reopen { reason, to }),
        Write::Remove { incident } => (incident, IncidentCommand::Remove),
    };
    let Target { incident, expect } = incident;
    Ok((desk.find(&incident).await?, expect, command))
}
