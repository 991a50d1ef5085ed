//! The hidden macro beside an aggregate, which tells derives that cannot see it what its events are.

/// What the macro hands over, as text.
macro_rules! told {
    ($($tokens:tt)*) => {
        stringify!($($tokens)*)
    };
}

pub(crate) use told;

/// Used before the definition that comes further down.
const BEFORE: &str = inner::Early!((crate::carrier::told) { before });

mod inner {
    #[derive(factum::Aggregate)]
    #[events {
        #[creates]
        Made { words },
        Said { word: String, #[audit] loud: bool },
        #[ends]
        Over,
    }]
    #[commands {
        Make => Made,
        Say => Said,
        End => Over,
    }]
    pub(crate) struct Early {
        #[id]
        _number: u64,
        #[on(Said => self.words.push(word))]
        words: Vec<String>,
    }

    /// Another with the same name, and private.
    pub(crate) mod other {
        #[derive(factum::Aggregate)]
        #[aggregate(category = "other")]
        #[events {
            #[creates]
            Born,
        }]
        #[commands {
            Bear => Born,
        }]
        struct Early {
            #[id]
            _name: String,
        }

        pub(crate) const TOLD: &str = Early!((crate::carrier::told) {});
    }
}

/// Public, in a crate of tests, and renamed on the way.
pub mod public {
    #[derive(factum::Aggregate)]
    #[events {
        #[creates]
        Born { name },
    }]
    #[commands {
        Bear => Born,
    }]
    pub struct Person {
        #[id]
        _number: u64,
        pub name: String,
    }
}

use public::Person as Somebody;

/// Without the layout that `stringify` chooses.
fn squeezed(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

const EARLY: &str = r#"Early{category:"early",event:EarlyEvent,id:u64,events:[
    Made(creates){words:Vec<String>}, Said(){word:String,loud:bool}, Over(ends){}]}"#;

#[test]
fn the_macro_hands_over_the_events() {
    assert_eq!(squeezed(inner::Early!((told) {})), squeezed(&format!("{{}}{EARLY}")));
}

#[test]
fn it_works_before_the_definition() {
    assert_eq!(squeezed(BEFORE), squeezed(&format!("{{before}}{EARLY}")));
}

#[test]
fn it_works_through_use_and_by_path() {
    let expected =
        r#"{x}Person{category:"person",event:PersonEvent,id:u64,events:[Born(creates){name:String}]}"#;
    assert_eq!(squeezed(Somebody!((told) { x })), expected);
    assert_eq!(squeezed(public::Person!((crate::carrier::told) { x })), expected);
    assert_eq!(squeezed(crate::carrier::public::Person!((self::told) { x })), expected);
}

#[test]
fn aggregates_of_one_name_keep_apart() {
    let expected = r#"{}Early{category:"other",event:EarlyEvent,id:String,events:[Born(creates){}]}"#;
    assert_eq!(squeezed(inner::other::TOLD), expected);
}

#[test]
fn it_works_across_crates() {
    let expected = r#"{}Badge{category:"badge",event:BadgeEvent,id:BadgeNumber,events:[Issued(creates){holder:String},
        Revoked(ends){reason:String}]}"#;
    assert_eq!(squeezed(renamed::Badge!((told) {})), squeezed(expected));
    assert_eq!(squeezed(renamed::badge::Badge!((told) {})), squeezed(expected));
}

macro_rules! in_functions {
    ($($function:ident = $category:literal),*) => {
        $(
            #[test]
            fn $function() {
                #[derive(factum::Aggregate)]
                #[aggregate(category = $category)]
                #[events { #[creates] Made }]
                #[commands { Make => Made }]
                pub struct Local {
                    #[id]
                    pub number: u8,
                }
                let expected =
                    format!(r#"{{}}Local{{category:"{}",event:LocalEvent,id:u8,events:[Made(creates){{}}]}}"#, $category);
                assert_eq!(squeezed(Local!((crate::carrier::told) {})), expected);
            }
        )*
    };
}

in_functions! { in_one_function = "one", in_another_function = "another" }
