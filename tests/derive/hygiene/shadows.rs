//! Where the user has given the usual names to other things.
#![allow(dead_code, unused_macros, unused_imports, reason = "the names are there to be in the way")]

use factum::Aggregate;

mod user {
    use ::factum as f;

    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Vec;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Self_;
    pub struct Rejection;
    pub struct Decision;
    pub struct Context;
    pub struct Event;
    pub struct Misplaced;
    pub trait Clone {}
    pub trait Default {}
    pub trait Debug {}
    pub trait PartialEq {}
    pub trait Into {}
    pub trait IntoEvents {}
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod factum {}
    pub mod serde {}
    pub fn drop() {}
    macro_rules! matches {
        ($($any:tt)*) => {
            compile_error!("the macro of the user")
        };
    }
    pub(crate) use matches;
    macro_rules! unreachable {
        ($($any:tt)*) => {
            compile_error!("the macro of the user")
        };
    }
    pub(crate) use unreachable;

    #[derive(f::Id, ::std::clone::Clone, ::std::fmt::Debug, ::std::cmp::PartialEq)]
    pub struct Number(::std::string::String);

    #[derive(f::Aggregate, ::std::fmt::Debug, ::std::cmp::PartialEq)]
    #[aggregate(error = ::std::string::String)]
    #[events {
        #[creates]
        Made { count },
        #[schema(3)]
        #[upcast(from = 2, with = call)]
        Added { #[since(2, default = __Added())] by: ::core::primitive::u32 },
        #[ends]
        Over,
    }]
    #[commands {
        Make => Made,
        #[require(self.count < 5, ::std::string::String::new())]
        Add => Added,
        #[decide(self.over())]
        End => Over | Added,
    }]
    pub struct Thing {
        #[id]
        pub number: Number,
        #[version]
        pub version: ::core::primitive::u64,
        #[on(Added += by)]
        pub count: ::core::primitive::u32,
        #[on(Over => self.left.push(self.count))]
        pub left: ::std::vec::Vec<::core::primitive::u32>,
    }

    /// Named like things of ours.
    #[allow(non_snake_case)]
    fn __Added() -> ::core::primitive::u32 {
        3
    }

    fn call(
        old: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    ) -> ::serde_json::Map<::std::string::String, ::serde_json::Value> {
        old
    }

    impl Thing {
        fn over(&self) -> ::core::result::Result<[ThingEvent; 2], ::std::string::String> {
            ::core::result::Result::Ok([ThingEvent::Added { by: self.count }, ThingEvent::Over])
        }
    }
}

#[test]
fn it_means_the_names_of_the_standard_library() {
    use factum::Event;
    use user::{Thing, ThingCommand, ThingEvent};

    let old = ThingEvent::decode("Added", 1, "{}").unwrap();
    assert_eq!(old, ThingEvent::Added { by: 3 });
    let made = || ThingEvent::Made { count: 2 };
    Thing::given([made()]).when(ThingCommand::End).then([ThingEvent::Added { by: 2 }, ThingEvent::Over]);
    Thing::given([made()]).when(ThingCommand::Add { by: 1 }).then([ThingEvent::Added { by: 1 }]);
}
