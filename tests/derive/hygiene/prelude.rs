//! Without the names that every module has.

#[no_implicit_prelude]
mod bare {
    #[derive(::factum::Id, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
    pub(super) struct Number(::std::string::String);

    #[derive(::factum::Aggregate, ::std::fmt::Debug, ::std::cmp::PartialEq)]
    #[aggregate(error = ::std::string::String)]
    #[events {
        #[creates]
        Made { words },
        Added { count: u32, #[audit] before: usize = self.words.len() },
        Said { word: ::std::string::String },
        #[ends]
        Over,
    }]
    #[commands {
        Make => Made,
        #[require(self.total < 5, ::std::string::String::new())]
        Add => Added,
        #[reads(total)]
        #[decide(::std::result::Result::Ok([ThingEvent::Said { word }, ThingEvent::Added { count: *total, before: 0 }]))]
        Say { word } => Said | Added,
        #[decide({ let _ = state; ::std::result::Result::Ok(()) })]
        Either => Made | Over,
    }]
    pub(super) struct Thing {
        #[id]
        pub(super) id_of_it: Number,
        #[version]
        pub(super) version: u64,
        #[on(Said => self.words.push(word))]
        pub(super) words: ::std::vec::Vec<::std::string::String>,
        #[on(Added += count)]
        pub(super) total: u32,
        #[on(Over = ::std::option::Option::Some(self.total))]
        pub(super) left: ::std::option::Option<u32>,
    }
}

#[test]
fn it_works_without_the_prelude() {
    use bare::{Thing, ThingCommand, ThingEvent};
    use factum::{Aggregate, SampleId};

    let events = [ThingEvent::Made { words: vec![] }, ThingEvent::Added { count: 4, before: 0 }];
    Thing::given(events.clone()).when(ThingCommand::Say { word: "x".into() }).then_state(&Thing {
        id_of_it: bare::Number::sample(),
        version: 4,
        words: vec!["x".into()],
        total: 8,
        left: None,
    });
    Thing::given(events).when(ThingCommand::Either).then([]);
}
