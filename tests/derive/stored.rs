//! The stored form of events: names, and payloads as JSON.

use std::collections::BTreeMap;

use factum::{Aggregate, DecodeFailure, Decoded, Event};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    street: String,
    city: String,
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(minutes: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(minutes * 60)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        u32::deserialize(deserializer).map(|seconds| seconds / 60)
    }
}

fn twice() -> u32 {
    2
}

/// Bare fields take the serde attributes of the struct along.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(category = "parcels")]
#[events {
    #[creates]
    Packed { name, minutes, address, tags },
    #[name = "parcel.sent"]
    Sent { by: String, #[serde(rename = "how-often", default = "twice")] times: u32 },
    #[name = "Lost"]
    Vanished,
    Labelled {
        #[serde(flatten)]
        labels: BTreeMap<String, String>,
    },
    r#Loop { r#type: String },
}]
#[commands {
    Pack => Packed,
    Send => Sent,
    Vanish => Vanished,
    Label => Labelled,
    r#Loop => r#Loop,
}]
pub struct Parcel {
    #[id]
    number: u64,
    #[serde(rename = "title")]
    name: String,
    #[serde(with = "seconds")]
    minutes: u32,
    #[serde(flatten)]
    address: Address,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[on(Sent => self.sent.push((by, times)))]
    sent: Vec<(String, u32)>,
    #[on(Vanished = true)]
    lost: bool,
    #[on(Labelled = labels)]
    labels: BTreeMap<String, String>,
    #[on(r#Loop = Some(r#type))]
    r#type: Option<String>,
}

fn packed(tags: &[&str]) -> ParcelEvent {
    ParcelEvent::Packed {
        name: "books".into(),
        minutes: 5,
        address: Address { street: "High St".into(), city: "Ely".into() },
        tags: tags.iter().map(ToString::to_string).collect(),
    }
}

/// Every event, the name under which it is stored, and its payload.
fn golden() -> Vec<(ParcelEvent, &'static str, &'static str)> {
    vec![
        (
            packed(&["new"]),
            "Packed",
            r#"{"title":"books","minutes":300,"street":"High St","city":"Ely","tags":["new"]}"#,
        ),
        (packed(&[]), "Packed", r#"{"title":"books","minutes":300,"street":"High St","city":"Ely"}"#),
        (ParcelEvent::Sent { by: "ann".into(), times: 3 }, "parcel.sent", r#"{"by":"ann","how-often":3}"#),
        (ParcelEvent::Vanished, "Lost", "{}"),
        (
            ParcelEvent::Labelled { labels: BTreeMap::from([("colour".into(), "red".into())]) },
            "Labelled",
            r#"{"colour":"red"}"#,
        ),
        (ParcelEvent::r#Loop { r#type: "x".into() }, "Loop", r#"{"type":"x"}"#),
    ]
}

#[test]
fn events_have_this_stored_form() {
    for (event, name, payload) in golden() {
        assert_eq!((event.name(), event.encode().unwrap().as_str()), (name, payload));
        assert_eq!(ParcelEvent::decode(name, 1, payload).unwrap(), Decoded::One(event));
    }
}

#[test]
fn defaults_stand_for_what_is_missing() {
    let sent = ParcelEvent::decode("parcel.sent", 1, r#"{"by":"ann"}"#).unwrap();
    assert_eq!(sent, Decoded::One(ParcelEvent::Sent { by: "ann".into(), times: 2 }));
}

#[test]
fn the_name_of_the_variant_is_not_the_stored_name() {
    let error = ParcelEvent::decode("Sent", 1, r#"{"by":"ann"}"#).unwrap_err();
    assert!(matches!(error.failure, DecodeFailure::UnknownEvent { .. }), "{error}");
    assert!(error.to_string().contains("`parcel.sent`"), "{error}");
}

#[test]
fn the_category_is_what_was_said() {
    assert_eq!(Parcel::CATEGORY, "parcels");
}

#[test]
fn the_events_fold_whatever_their_names_are() {
    let events = golden().into_iter().skip(1).map(|(event, ..)| event);
    Parcel::given(events).then_state(&Parcel {
        number: 1,
        name: "books".into(),
        minutes: 5,
        address: Address { street: "High St".into(), city: "Ely".into() },
        tags: vec![],
        sent: vec![("ann".into(), 3)],
        lost: true,
        labels: BTreeMap::from([("colour".into(), "red".into())]),
        r#type: Some("x".into()),
    });
}

#[test]
fn commands_can_be_stored_too() {
    let command = ParcelCommand::Send { by: "ann".into(), times: 3 };
    let json = serde_json::to_string(&command).unwrap();
    assert_eq!(json, r#"{"Send":{"by":"ann","how-often":3}}"#);
    assert_eq!(serde_json::from_str::<ParcelCommand>(&json).unwrap(), command);
}

macro_rules! categories {
    ($($name:ident = $category:literal,)*) => {
        $(
            #[derive(Aggregate)]
            #[events { #[creates] Made }]
            #[commands { Make => Made }]
            struct $name {
                #[id]
                _number: u8,
            }
            assert_eq!($name::CATEGORY, $category);
        )*
    };
}

#[test]
fn a_category_is_the_name_in_snake_case_unless_said() {
    categories! {
        Cart = "cart",
        OrderLine = "order_line",
        HTTPServer = "http_server",
        Page2 = "page2",
        ÜberOrt = "über_ort",
    }
}
