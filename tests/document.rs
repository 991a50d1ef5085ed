//! The documents of a model: what they say of everything that the language has.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "the samples are there to be derived")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is how a test fails")]

use std::fs;

use chrono::{DateTime, Utc};
use factum::{
    Aggregate,
    document::{catalogue, documents, flow, lifecycle, schema, stale, write},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(factum::Id, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner(Uuid);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Impossible(String);

impl TryFrom<String> for Impossible {
    type Error = &'static str;

    fn try_from(_: String) -> Result<Self, Self::Error> {
        Err("never")
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    street: String,
    floor: i8,
}

/// A thing | with a bar.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = String, category = "odd.thing")]
#[events {
    /// It begins
    /// here | now.
    #[creates]
    #[name = "thing – was/made"]
    Made {
        owner,
        /// When it
        /// was.
        #[audit]
        at: DateTime<Utc>,
        #[audit]
        #[serde(with = "chrono::serde::ts_seconds")]
        noted: DateTime<Utc>,
        #[audit]
        #[serde(flatten)]
        place: Place,
    },
    Added { item: String },
    Late { #[audit] who: Owner },
    Secret {
        #[audit]
        word: Impossible,
        #[audit]
        #[serde(rename = "largeness")]
        size: u8,
    },
    #[retired]
    Gone,
    #[ends]
    Over {
        /// So many.
        #[audit]
        #[serde(rename = "howMany")]
        how_many: Option<u32>,
    },
}]
#[commands {
    /// Makes one.
    Make => Made,
    #[require(self.items.len() < 10, "full".to_owned())]
    #[on_conflict(Late { who: owner })]
    #[decide({ let _ = owner; Ok(ThingEvent::Added { item }) })]
    Add { item: String, owner: Owner } => Added,
    Keep => Secret,
    #[decide(Ok((!self.items.is_empty()).then_some(ThingEvent::Over { how_many: None })))]
    Finish {} => Over,
}]
pub struct Thing {
    #[id]
    id: u64,
    #[version]
    version: u64,
    /// Whose | it is.
    #[unique]
    owner: Owner,
    #[on(Added => self.items.push(item), Gone = Vec::new())]
    items: Vec<String>,
    #[on(Added += 1)]
    count: u32,
}

fn schema_of(variant: &str) -> Value {
    schema::<Thing>(Thing::MODEL.events.iter().find(|event| event.variant == variant).unwrap())
}

#[test]
fn the_flow_goes_from_commands_to_events_to_fields() {
    let expected = r#"flowchart LR
    c0["Make"]
    c1["Add"]
    c2["Keep"]
    c3["Finish"]
    e0(["Made"])
    e1(["Added"])
    e2(["Late"])
    e3(["Secret"])
    e4(["Gone (retired)"])
    e5(["Over"])
    f2[("owner")]
    f3[("items")]
    f4[("count")]
    c0 --> e0
    c1 --> e1
    c1 -.->|"conflict"| e2
    c2 --> e3
    c3 --> e5
    e0 --> f2
    e1 -->|"=#62;"| f3
    e1 -->|"+="| f4
    e4 --> f3
"#;
    assert_eq!(flow(Thing::MODEL), expected);
}

#[test]
fn the_lifecycle_says_how_it_begins_and_ends() {
    let expected = r#"stateDiagram-v2
    state "Thing" as live
    [*] --> live : Made
    live --> live : Added, Late, Secret, Gone
    live --> [*] : Over
"#;
    assert_eq!(lifecycle(Thing::MODEL), expected);
}

#[test]
fn the_catalogue_has_everything_that_a_reader_asks_for() {
    let text = catalogue(Thing::MODEL);
    for part in [
        "# Thing\n\nA thing | with a bar.\n\nStored in the category `odd.thing`. Identified by `id: u64`. No two have the same `owner`.\n",
        "```mermaid\nstateDiagram-v2\n",
        "```mermaid\nflowchart LR\n",
        "\n### Made\n\nIt begins\nhere | now.\n\nThe first event of a stream. Stored as `thing – was/made`. Changes `owner`. Recorded by `Make`. \
         [Schema 1](odd%252Ething/thing%2520%25E2%2580%2593%2520was%252Fmade.1.json).\n",
        "| `owner` | `Owner` | Whose \\| it is. |\n",
        "| `at` | `DateTime<Utc>` | for the record; When it was. |\n",
        "\nRecorded by `Add` when it meets a conflict. ",
        "\nRetired: it is not recorded any more. Changes `items`. [",
        "\n### Over\n\nThe last event of a stream. Recorded by `Finish`. [",
        "\n### Make\n\nMakes one.\n\nFor one that is not there yet. Records `Made`.\n",
        "\nRecords `Added`. Records `Late` when it meets a conflict. Depends on `items`.\n",
        "| `version` | `u64` |  | every event |\n",
        "| `items` | `Vec<String>` |  | `Added` (`=>`), `Gone` |\n",
        "| `count` | `u32` |  | `Added` (`+=`) |\n",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn a_schema_says_what_is_stored_whatever_serde_makes_of_the_types() {
    let made = schema_of("Made");
    let integer = json!({ "$comment": "the Rust type `DateTime<Utc>`", "type": "integer" });
    let properties = json!({
        "at": { "description": "When it\nwas.", "format": "date-time", "type": "string" },
        "noted": integer,
        "owner": {
            "$comment": "the Rust type `Owner`",
            "description": "Whose | it is.",
            "format": "uuid",
            "type": "string",
        },
        "floor": { "type": "integer" },
        "street": { "type": "string" },
    });
    assert_eq!(made["properties"], properties, "{made:#}");
    assert_eq!(made["required"], json!(["at", "floor", "noted", "owner", "street"]));
    assert_eq!(made["title"], "odd.thing.thing – was/made, schema 1");
    assert_eq!(made["description"], "It begins\nhere | now.");
    let example = &made["examples"][0];
    assert_eq!((&example["street"], &example["floor"]), (&json!("street"), &json!(6)));
    let over = schema_of("Over");
    let renamed = json!({ "howMany": {
        "anyOf": [{ "maximum": u32::MAX, "minimum": 0, "type": "integer" }, { "type": "null" }],
        "description": "So many.",
    } });
    assert_eq!((&over["properties"], &over["examples"]), (&renamed, &json!([{ "howMany": 2 }])));
    assert_eq!(schema_of("Gone")["properties"], json!({}));
}

#[test]
fn of_an_event_that_cannot_be_made_up_the_types_tell_what_they_can() {
    let secret = schema_of("Secret");
    let properties = json!({
        "word": { "$comment": "the Rust type `Impossible`" },
        "largeness": { "maximum": 255, "minimum": 0, "type": "integer" },
    });
    assert_eq!(secret["properties"], properties);
    assert_eq!(secret["required"], json!(["largeness", "word"]));
    assert_eq!(secret.get("examples"), None);
}

#[test]
fn stale_documents_are_named_and_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("model");
    let all: Vec<_> = documents::<Thing>().into_iter().map(|document| document.path).collect();
    assert_eq!(all[..2], ["odd%2Ething.md", "odd%2Ething/thing%20%E2%80%93%20was%2Fmade.1.json"]);
    assert_eq!(stale::<Thing>(&directory).unwrap(), all);

    write::<Thing>(&directory).unwrap();
    assert_eq!(stale::<Thing>(&directory).unwrap(), [""; 0]);

    let added = "odd%2Ething/Added.1.json";
    let text = fs::read_to_string(directory.join(added)).unwrap();
    fs::write(directory.join(added), text.replace('\n', "\r\n")).unwrap();
    assert_eq!(stale::<Thing>(&directory).unwrap(), [""; 0], "a checkout may have other ends of lines");

    fs::write(directory.join(added), text.replace("string", "number")).unwrap();
    fs::remove_file(directory.join("odd%2Ething.md")).unwrap();
    fs::write(directory.join("odd%2Ething/Added.0.json"), "an older one").unwrap();
    assert_eq!(stale::<Thing>(&directory).unwrap(), ["odd%2Ething.md", added]);
    write::<Thing>(&directory).unwrap();
    assert_eq!(stale::<Thing>(&directory).unwrap(), [""; 0]);
    assert!(directory.join("odd%2Ething/Added.0.json").exists());
}
