//! Creation, end, version: when which command is accepted and which event folds.

use factum::{Aggregate, Context, Event, Fold, FoldErrorKind, Metadata, Rejection, Version};

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Planted { kind },
    /// Another way to begin.
    #[creates]
    Found { kind, #[audit] place: String },
    Watered { litres: u32 },
    #[ends]
    Felled,
    /// Begins and ends at once.
    #[creates]
    #[ends]
    Imagined { kind },
}]
#[commands {
    Plant => Planted,
    Find => Found,
    Water => Watered,
    Fell => Felled,
    Imagine => Imagined,
}]
pub struct Tree {
    #[id]
    pub number: u32,
    #[version]
    pub version: Version,
    pub kind: String,
    #[on(Watered += litres, Found = 7)]
    pub litres: u32,
    #[on(Watered = Some(self.version.get()))]
    pub watered_after: Option<u64>,
    #[on(Felled = true)]
    pub felled: bool,
}

fn planted() -> TreeEvent {
    TreeEvent::Planted { kind: "oak".into() }
}

fn tree() -> Tree {
    Tree {
        number: 1,
        version: Version::FIRST,
        kind: "oak".into(),
        litres: 0,
        watered_after: None,
        felled: false,
    }
}

#[test]
fn a_creating_event_sets_its_fields_and_leaves_the_rest_at_default() {
    Tree::given([planted()]).then_state(&tree());
}

#[test]
fn any_creating_event_may_be_the_first() {
    let found = TreeEvent::Found { kind: "elm".into(), place: "wood".into() };
    Tree::given([found]).then_state(&Tree { kind: "elm".into(), litres: 7, ..tree() });
}

#[test]
fn the_id_comes_from_the_stream() {
    Tree::given_as(42, [planted()]).then_state(&Tree { number: 42, ..tree() });
}

#[test]
fn the_version_counts_events_and_a_right_side_sees_the_one_before() {
    let watered = || TreeEvent::Watered { litres: 2 };
    Tree::given([planted(), watered(), watered()]).then_state(&Tree {
        version: Version::new(3),
        litres: 4,
        watered_after: Some(2),
        ..tree()
    });
}

#[test]
fn a_command_that_creates_wants_no_state() {
    Tree::given([]).when(TreeCommand::Plant { kind: "oak".into() }).then([planted()]);
    Tree::given([planted()])
        .when(TreeCommand::Plant { kind: "oak".into() })
        .then_rejected(Rejection::AlreadyExists);
    Tree::given([planted()])
        .when(TreeCommand::Find { kind: "oak".into(), place: "wood".into() })
        .then_rejected(Rejection::AlreadyExists);
}

#[test]
fn another_command_wants_state() {
    Tree::given([]).when(TreeCommand::Water { litres: 1 }).then_rejected(Rejection::NotFound);
    Tree::given([planted()]).when(TreeCommand::Water { litres: 1 }).then([TreeEvent::Watered { litres: 1 }]);
}

#[test]
fn after_the_end_every_command_is_refused() {
    for events in [vec![planted(), TreeEvent::Felled], vec![TreeEvent::Imagined { kind: "yew".into() }]] {
        Tree::given(events.clone()).when(TreeCommand::Water { litres: 1 }).then_rejected(Rejection::Ended);
        Tree::given(events.clone()).when(TreeCommand::Fell).then_rejected(Rejection::Ended);
        Tree::given(events).when(TreeCommand::Plant { kind: "oak".into() }).then_rejected(Rejection::Ended);
    }
}

#[test]
fn the_last_event_folds_like_any_other() {
    Tree::given([planted(), TreeEvent::Felled]).then_state(&Tree {
        version: Version::new(2),
        felled: true,
        ..tree()
    });
}

#[test]
fn events_out_of_place_do_not_fold() {
    let mut fold = Fold::<Tree>::new(1);
    assert_eq!(fold.apply(TreeEvent::Felled).unwrap_err().kind, FoldErrorKind::NotCreated);
    fold.apply(planted()).unwrap();
    let again = fold.apply(planted()).unwrap_err();
    assert_eq!(
        (again.kind, again.event, again.version),
        (FoldErrorKind::CreatesAgain, "Planted", Version::new(2))
    );
    assert_eq!(fold.state(), Some(&tree()), "a refused event changes nothing");
    fold.apply(TreeEvent::Felled).unwrap();
    assert_eq!(fold.apply(TreeEvent::Felled).unwrap_err().kind, FoldErrorKind::AfterEnd);
}

#[test]
fn the_generated_functions_refuse_events_out_of_place_by_themselves() {
    let mut tree = Tree::create(&1, planted()).unwrap();
    assert_eq!(tree.apply(planted()).unwrap_err().event.name, "Planted");
    assert_eq!(Tree::create(&1, TreeEvent::Felled).unwrap_err().event.name, "Felled");
    let ctx = Context::new(Default::default(), Version::NONE, Metadata::new());
    assert_eq!(Tree::handle(None, &1, TreeCommand::Fell, &ctx).unwrap_err(), Rejection::NotFound);
}

#[test]
fn events_know_what_they_are() {
    assert!(planted().creates() && !planted().ends());
    assert!(!TreeEvent::Felled.creates() && TreeEvent::Felled.ends());
    let imagined = TreeEvent::Imagined { kind: "yew".into() };
    assert!(imagined.creates() && imagined.ends());
    assert_eq!((imagined.name(), imagined.schema()), ("Imagined", 1));
}

/// Nothing ever changes it.
#[derive(Aggregate, Debug, PartialEq)]
#[events {
    #[creates]
    Written { text },
}]
#[commands {
    Write => Written,
}]
struct Note {
    #[id]
    number: u64,
    text: String,
}

#[test]
fn an_aggregate_may_have_creating_events_alone() {
    let written = || NoteEvent::Written { text: "x".into() };
    Note::given([written()]).then_state(&Note { number: 1, text: "x".into() });
    let mut note = Note::create(&1, written()).unwrap();
    assert_eq!(note.apply(written()).unwrap_err().event.name, "Written");
}

/// Only its history is left: nothing can be asked of it.
#[derive(Aggregate, Debug, PartialEq)]
#[events {
    #[creates]
    #[retired]
    Made { count },
    #[retired]
    Raised,
}]
struct Relic {
    #[id]
    name: String,
    #[on(Raised += 1)]
    count: i8,
}

#[test]
fn retired_events_still_fold() {
    Relic::given([RelicEvent::Made { count: 4 }, RelicEvent::Raised])
        .then_state(&Relic { name: "sample".into(), count: 5 });
    assert!(Relic::MODEL.commands.is_empty());
}
