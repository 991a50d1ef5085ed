//! The catalogue in Markdown.

use std::fmt::Write as _;

use super::{diagram, schema_path};
use crate::model::{CommandModel, Enforce, EventModel, FieldModel, FieldRole, Model, PayloadModel, Reads};

/// What an aggregate is, what can happen to it and what can be asked of it: Markdown, with both diagrams in it.
#[must_use]
pub fn catalogue(model: &Model) -> String {
    let mut text = format!("# {}\n\n", model.name);
    // Writing into a string cannot fail.
    if !model.docs.is_empty() {
        let _ = writeln!(text, "{}\n", model.docs);
    }
    let _ = write!(text, "Stored in the category `{}`.", model.category);
    if let Some(id) = model.fields.iter().find(|field| field.role == FieldRole::Id) {
        let _ = write!(text, " Identified by `{}: {}`.", id.name, id.ty);
    }
    for unique in model.unique {
        let _ = match unique.enforce {
            Enforce::Append => write!(text, " No two have the same `{}`.", unique.field),
            Enforce::View => {
                write!(text, " No two are to have the same `{}`: looked up first.", unique.field)
            }
            Enforce::After => {
                write!(text, " No two are to have the same `{}`: duplicates are found.", unique.field)
            }
        };
    }
    let _ = write!(
        text,
        "\n\n```mermaid\n{}```\n\n```mermaid\n{}```\n\n## Events\n",
        diagram::lifecycle(model),
        diagram::flow(model)
    );
    for event in model.events {
        text.push_str(&one_event(model, event));
    }
    text.push_str("\n## Commands\n");
    for command in model.commands {
        text.push_str(&one_command(command));
    }
    text.push_str("\n## State\n\n| field | type | | set by |\n|---|---|---|---|\n");
    for field in model.fields {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.name,
            cell_code(field.ty),
            cell(field.docs),
            set_by(model, field)
        );
    }
    text
}

fn one_event(model: &Model, event: &EventModel) -> String {
    let mut text = format!("\n### {}\n\n", event.variant);
    let mut facts = Vec::new();
    if event.creates {
        facts.push("The first event of a stream.".to_owned());
    }
    if event.ends {
        facts.push("The last event of a stream.".to_owned());
    }
    if event.retired {
        facts.push("Retired: it is not recorded any more.".to_owned());
    }
    if event.name != event.variant {
        facts.push(format!("Stored as `{}`.", event.name));
    }
    if !event.writes.is_empty() {
        let writes: Vec<_> = event.writes.iter().map(|write| code(write.field)).collect();
        facts.push(format!("Changes {}.", writes.join(", ")));
    }
    let by: Vec<_> = model
        .commands
        .iter()
        .filter(|command| command.events.contains(&event.variant))
        .map(|command| code(command.name))
        .chain(
            model
                .commands
                .iter()
                .filter(|command| command.on_conflict == Some(event.variant))
                .map(|command| format!("{} when it meets a conflict", code(command.name))),
        )
        .collect();
    if !by.is_empty() {
        facts.push(format!("Recorded by {}.", by.join(", ")));
    }
    facts.push(format!("[Schema {}]({}).", event.schema, link(&schema_path(model.category, event))));
    paragraph(&mut text, event.docs);
    let _ = writeln!(text, "{}", facts.join(" "));
    payload(&mut text, event.payload);
    text
}

fn one_command(command: &CommandModel) -> String {
    let mut text = format!("\n### {}\n\n", command.name);
    let mut facts = Vec::new();
    if command.creates {
        facts.push("For one that is not there yet.".to_owned());
    }
    let events: Vec<_> = command.events.iter().map(|event| code(event)).collect();
    facts.push(format!("Records {}.", events.join(", ")));
    if let Some(event) = command.on_conflict {
        facts.push(format!("Records {} when it meets a conflict.", code(event)));
    }
    match command.reads {
        Reads::Everything => facts.push("Depends on the whole state.".to_owned()),
        Reads::Fields([]) => {}
        Reads::Fields(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| code(field)).collect();
            facts.push(format!("Depends on {}.", fields.join(", ")));
        }
    }
    paragraph(&mut text, command.docs);
    let _ = writeln!(text, "{}", facts.join(" "));
    payload(&mut text, command.fields);
    text
}

fn payload(text: &mut String, fields: &[PayloadModel]) {
    if fields.is_empty() {
        return;
    }
    text.push_str("\n| field | type | |\n|---|---|---|\n");
    for field in fields {
        let audit = if field.audit { "for the record" } else { "" };
        let docs = cell(field.docs);
        let note = [audit, &docs].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let _ = writeln!(text, "| `{}` | {} | {note} |", field.name, cell_code(field.ty));
    }
}

fn set_by(model: &Model, field: &FieldModel) -> String {
    match field.role {
        FieldRole::Id => return "the id".to_owned(),
        FieldRole::Version => return "every event".to_owned(),
        FieldRole::State => {}
    }
    let writes = model.events.iter().flat_map(|event| event.writes.iter().map(move |write| (event, write)));
    let by: Vec<_> = writes
        .filter(|(_, write)| write.field == field.name)
        .map(|(event, write)| match write.operator {
            "=" => code(event.variant),
            operator => format!("{} (`{operator}`)", code(event.variant)),
        })
        .collect();
    by.join(", ")
}

fn paragraph(text: &mut String, docs: &str) {
    if !docs.is_empty() {
        let _ = writeln!(text, "{docs}\n");
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Text as it can stand in a table.
fn cell(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    line.join(" ").replace('|', "\\|")
}

fn cell_code(text: &str) -> String {
    code(&cell(text))
}

/// A path as the target of a link.
fn link(path: &str) -> String {
    path.replace('%', "%25")
}
