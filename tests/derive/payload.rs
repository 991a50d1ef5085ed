//! What events carry and where it comes from: bare fields, fields of their own, and fill-ins.

use chrono::{DateTime, Utc};
use factum::{Aggregate, Event, Metadata};

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened {
        owner,
        opened_at: DateTime<Utc> = ctx.now,
        #[audit] by: Option<String> = ctx.actor().map(str::to_owned),
        #[audit] label: String = format!("{}/{}", id, owner),
    },
    Renamed {
        owner,
        #[audit] from: String = self.owner.clone(),
        #[audit] version: u64 = ctx.version.get(),
        #[audit] request: Option<String> = ctx.metadata.correlation_id.clone(),
    },
    /// Another command gives what `Rename` has filled in.
    Moved { place: String, #[audit] from: Option<String> = self.place.clone() },
    #[audit]
    Seen { by: String, times: u32 },
}]
#[commands {
    Open => Opened,
    Rename => Renamed,
    Move => Moved,
    MoveFrom { place, from: Option<String> } => Moved,
    See => Seen,
}]
struct Account {
    #[id]
    number: u64,
    /// Whose it is.
    owner: String,
    #[on(Opened = Some(opened_at))]
    opened_at: Option<DateTime<Utc>>,
    #[on(Moved = Some(place))]
    place: Option<String>,
}

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn opened() -> AccountEvent {
    AccountEvent::Opened { owner: "ann".into(), opened_at: noon(), by: None, label: "1/ann".into() }
}

#[test]
fn a_fill_in_sees_the_context_the_id_and_the_fields_of_the_command() {
    Account::given_as(9, []).at(noon()).by("bob").when(AccountCommand::Open { owner: "ann".into() }).then([
        AccountEvent::Opened {
            owner: "ann".into(),
            opened_at: noon(),
            by: Some("bob".into()),
            label: "9/ann".into(),
        },
    ]);
}

#[test]
fn a_fill_in_sees_the_state_before() {
    let metadata = Metadata::new().correlation("request-1");
    Account::given([opened()]).with(metadata).when(AccountCommand::Rename { owner: "eve".into() }).then([
        AccountEvent::Renamed {
            owner: "eve".into(),
            from: "ann".into(),
            version: 1,
            request: Some("request-1".into()),
        },
    ]);
}

#[test]
fn a_command_that_gives_the_field_overrides_the_fill_in() {
    Account::given([opened()])
        .when(AccountCommand::Move { place: "x".into() })
        .then([AccountEvent::Moved { place: "x".into(), from: None }]);
    Account::given([opened()])
        .when(AccountCommand::MoveFrom { place: "x".into(), from: Some("y".into()) })
        .then([AccountEvent::Moved { place: "x".into(), from: Some("y".into()) }]);
}

#[test]
fn audited_fields_are_kept_and_change_nothing() {
    let state = Account { number: 1, owner: "ann".into(), opened_at: Some(noon()), place: None };
    Account::given([opened(), AccountEvent::Seen { by: "eve".into(), times: 3 }]).then_state(&state);
    let seen = AccountEvent::Seen { by: "eve".into(), times: 3 };
    assert_eq!(seen.encode().unwrap(), r#"{"by":"eve","times":3}"#);
    assert!(seen.model().payload.iter().all(|field| field.audit));
    let audited: Vec<_> =
        opened().model().payload.iter().filter(|field| field.audit).map(|field| field.name).collect();
    assert_eq!(audited, ["by", "label"]);
}

#[test]
fn a_bare_field_sets_the_field_of_its_name() {
    let renamed =
        AccountEvent::Renamed { owner: "eve".into(), from: "ann".into(), version: 1, request: None };
    Account::given([opened(), renamed]).then_state(&Account {
        number: 1,
        owner: "eve".into(),
        opened_at: Some(noon()),
        place: None,
    });
}

/// A payload field may have the name of a field of the struct and another type.
#[derive(Aggregate, Debug, PartialEq)]
#[events {
    #[creates]
    Begun { total: u8 },
    Counted { total: Vec<u64>, #[audit] number: String },
}]
#[commands {
    Begin => Begun,
    Count => Counted,
}]
struct Sum {
    #[id]
    number: u64,
    #[on(Begun = u64::from(total), Counted += total.iter().sum::<u64>())]
    total: u64,
}

#[test]
fn a_payload_field_hides_nothing_of_the_state() {
    let counted = SumEvent::Counted { total: vec![3, 4], number: "x".into() };
    Sum::given([SumEvent::Begun { total: 5 }, counted]).then_state(&Sum { number: 1, total: 12 });
}
