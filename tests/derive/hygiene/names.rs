//! Fields, events and commands named like anything that generated code might use for itself.

use factum::Aggregate;

#[derive(Aggregate, Clone, Debug, PartialEq)]
#[aggregate(error = u8)]
#[events {
    #[creates]
    Made { event, command, other, before, this, value },
    Told {
        decision: String,
        exists: bool,
        event: u8,
        holds: bool,
        reason: String,
        model: u32 = self.value,
        __value: u32 = 3,
        fold: u32,
    },
    r#Match { r#type: String, r#fn: u8, this },
    Some { none: u8 },
    Ok,
    Err { r#move },
}]
#[commands {
    Make => Made,
    #[require(exists && holds, event)]
    #[require(!reason.is_empty(), self.this)]
    Tell => Told,
    #[require(r#type != "x", r#fn)]
    r#Match => r#Match,
    #[decide(Ok((NamesEvent::Some { none: event + command + decision + exists }, NamesEvent::Ok)))]
    Decide { event: u8, command: u8, decision: u8, exists: u8 } => Some | Ok,
    #[reads(event, r#move)]
    #[decide(Ok(NamesEvent::Err { r#move: format!("{move}{event}{}", r#fn) }))]
    Self_ { r#fn: u8 } => Err,
}]
struct Names {
    #[id]
    ident: u8,
    #[on(Told = event)]
    event: u8,
    #[on(Told = decision.clone())]
    command: String,
    #[on(Told = exists)]
    other: bool,
    #[on(Told = holds != self.before)]
    before: bool,
    #[on(Told += model as u8)]
    this: u8,
    #[on(Told = __value + model + fold)]
    value: u32,
    #[on(Told = decision + &reason)]
    decision: String,
    #[on(r#Match = format!("{type}/{fn}/{type:?}"))]
    r#type: String,
    #[on(r#Match = r#fn, Some += none)]
    r#fn: u8,
    #[on(Ok => self.__values.push(self.__later_text + 1))]
    __values: Vec<u32>,
    #[on(Ok += 1)]
    __later_text: u32,
    r#move: String,
}

fn made() -> NamesEvent {
    NamesEvent::Made { event: 1, command: "c".into(), other: false, before: true, this: 2, value: 3 }
}

fn state() -> Names {
    Names {
        ident: 1,
        event: 1,
        command: "c".into(),
        other: false,
        before: true,
        this: 2,
        value: 3,
        decision: String::new(),
        r#type: String::new(),
        r#fn: 0,
        __values: vec![],
        __later_text: 0,
        r#move: String::new(),
    }
}

#[test]
fn any_name_will_do_in_the_fold() {
    Names::given([made()]).then_state(&state());
    let told = NamesEvent::Told {
        decision: "d".into(),
        exists: true,
        event: 9,
        holds: true,
        reason: "r".into(),
        model: 5,
        __value: 6,
        fold: 7,
    };
    Names::given([made(), told]).then_state(&Names {
        event: 9,
        command: "d".into(),
        other: true,
        before: false,
        this: 7,
        value: 18,
        decision: "dr".into(),
        ..state()
    });
    let matched = NamesEvent::Match { r#type: "t".into(), r#fn: 4, this: 8 };
    Names::given([made(), matched, NamesEvent::Ok]).then_state(&Names {
        r#type: "t/4/\"t\"".into(),
        r#fn: 4,
        this: 8,
        __values: vec![1],
        __later_text: 1,
        ..state()
    });
}

#[test]
fn any_name_will_do_in_a_command() {
    let tell = |reason: &str, exists: bool| NamesCommand::Tell {
        decision: "d".into(),
        exists,
        event: 9,
        holds: true,
        reason: reason.into(),
        fold: 7,
    };
    Names::given([made()]).when(tell("r", false)).then_rejected(9);
    Names::given([made()]).when(tell("", true)).then_rejected(2);
    Names::given([made()]).when(tell("r", true)).then([NamesEvent::Told {
        decision: "d".into(),
        exists: true,
        event: 9,
        holds: true,
        reason: "r".into(),
        model: 3,
        __value: 3,
        fold: 7,
    }]);
    Names::given([made()])
        .when(NamesCommand::Match { r#type: "x".into(), r#fn: 6, this: 1 })
        .then_rejected(6);
    Names::given([made()])
        .when(NamesCommand::Decide { event: 1, command: 2, decision: 3, exists: 4 })
        .then([NamesEvent::Some { none: 10 }, NamesEvent::Ok]);
    Names::given([made()])
        .when(NamesCommand::Self_ { r#fn: 5 })
        .then([NamesEvent::Err { r#move: "15".into() }]);
}

#[test]
fn raw_names_are_described_without_their_mark() {
    let variants: Vec<_> = Names::MODEL.events.iter().map(|event| event.variant).collect();
    assert_eq!(variants, ["Made", "Told", "Match", "Some", "Ok", "Err"]);
    assert!(Names::MODEL.fields.iter().any(|field| field.name == "type"));
}

mod paths {
    use factum::Aggregate;

    pub(super) fn start(from: &str) -> usize {
        from.len()
    }

    /// A path that begins with `self` is none to the state.
    #[derive(Aggregate, Clone, Debug, PartialEq)]
    #[events {
        #[creates]
        Made { #[audit] note: u8, from: String },
        Moved { from: String },
    }]
    #[commands {
        Make => Made,
        Move => Moved,
    }]
    pub(super) struct Path {
        #[id]
        number: u8,
        #[on(Made = self::start(&from), Moved = self.length + self::start(&from))]
        pub(super) length: usize,
        #[on(Made => self.visits.push(self::start(&from)), Moved => self.visits.push(self::start(&from)))]
        pub(super) visits: Vec<usize>,
    }
}

#[test]
fn a_path_may_begin_with_self() {
    use paths::{Path, PathEvent};

    let events = [PathEvent::Made { note: 0, from: "abc".into() }, PathEvent::Moved { from: "de".into() }];
    let mut fold = factum::Fold::<Path>::new(1);
    events.into_iter().for_each(|event| fold.apply(event).unwrap());
    let path = fold.state().unwrap();
    assert_eq!((path.length, path.visits.as_slice()), (5, [3, 2].as_slice()));
}
