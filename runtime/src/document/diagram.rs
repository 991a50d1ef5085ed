//! Mermaid diagrams.

use std::fmt::Write as _;

use crate::model::{EventModel, FieldRole, Model};

/// Which commands record which events, and which fields those change: a Mermaid flowchart.
///
/// An arrow to a field says how it is changed, unless it is set: `+=`, or `=>` for a statement. A dotted arrow is what a
/// command records when it meets a conflict.
#[must_use]
pub fn flow(model: &Model) -> String {
    let mut text = String::from("flowchart LR\n");
    // Writing into a string cannot fail.
    for (index, command) in model.commands.iter().enumerate() {
        let _ = writeln!(text, "    c{index}[\"{}\"]", label(command.name));
    }
    for (index, event) in model.events.iter().enumerate() {
        let retired = if event.retired { " (retired)" } else { "" };
        let _ = writeln!(text, "    e{index}([\"{}{retired}\"])", label(event.variant));
    }
    let fields = || model.fields.iter().enumerate().filter(|(_, field)| field.role == FieldRole::State);
    for (index, field) in fields() {
        let _ = writeln!(text, "    f{index}[(\"{}\")]", label(field.name));
    }
    let event = |name: &str| model.events.iter().position(|event| event.variant == name);
    for (index, command) in model.commands.iter().enumerate() {
        for to in command.events.iter().filter_map(|name| event(name)) {
            let _ = writeln!(text, "    c{index} --> e{to}");
        }
        if let Some(to) = command.on_conflict.and_then(event) {
            let _ = writeln!(text, "    c{index} -.->|\"conflict\"| e{to}");
        }
    }
    for (index, event) in model.events.iter().enumerate() {
        for write in event.writes {
            let Some((to, _)) = fields().find(|(_, field)| field.name == write.field) else { continue };
            let how = match write.operator {
                "=" => String::new(),
                operator => format!("|\"{}\"|", label(operator)),
            };
            let _ = writeln!(text, "    e{index} -->{how} f{to}");
        }
    }
    text
}

/// How an aggregate begins, what happens to it, and how it ends: a Mermaid state diagram.
#[must_use]
pub fn lifecycle(model: &Model) -> String {
    let mut text = format!("stateDiagram-v2\n    state \"{}\" as live\n", label(model.name));
    let all = |wanted: fn(&EventModel) -> bool| {
        let names: Vec<_> =
            model.events.iter().filter(|event| wanted(event)).map(|event| label(event.variant)).collect();
        names.join(", ")
    };
    let arrows = [
        ("[*] --> live", all(|event| event.creates && !event.ends)),
        ("live --> live", all(|event| !event.creates && !event.ends)),
        ("live --> [*]", all(|event| !event.creates && event.ends)),
        ("[*] --> [*]", all(|event| event.creates && event.ends)),
    ];
    for (arrow, events) in arrows.iter().filter(|(_, events)| !events.is_empty()) {
        let _ = writeln!(text, "    {arrow} : {events}");
    }
    text
}

/// Text as it can stand in quotes: what means something to Mermaid is written as an entity.
fn label(text: &str) -> String {
    let part = |char: char| match char {
        '"' => "#quot;".to_owned(),
        '#' | '<' | '>' | '&' | ';' | ':' | '`' => format!("#{};", u32::from(char)),
        char if char.is_control() => " ".to_owned(),
        char => char.to_string(),
    };
    text.chars().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_mermaid_is_escaped() {
        assert_eq!(label("a \"b\" <#>\n;"), "a #quot;b#quot; #60;#35;#62; #59;");
        assert_eq!(label("größer"), "größer");
    }
}
