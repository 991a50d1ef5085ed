//! Each module is the same aggregate at another time.

/// The aggregate as it was published, or with something else in its place.
macro_rules! account {
    ($module:ident, { $($types:tt)* }, { $($events:tt)* }, $($recorded:tt)*) => {
        pub(super) mod $module {
            #![allow(dead_code, reason = "not all of it is used by all tests")]

            use factum::Aggregate;
            use serde::{Deserialize, Serialize};

            $($types)*

            #[derive(Aggregate)]
            #[aggregate(category = "account")]
            #[events {
                #[creates]
                Opened { owner, limit },
                $($events)*
            }]
            #[commands { Open => Opened, $($recorded)* }]
            pub(crate) struct Account {
                #[id]
                number: u64,
                owner: Owner,
                limit: u32,
            }
        }
    };
}

account!(
    published,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    type_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Way { Cash, Card { last: String }, Cheque(u64) }
    },
    { Paid { #[audit] by: Way }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    variant_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Check(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_renamed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { #[serde(rename = "fullName", alias = "name")] name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_required,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: u16 }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    member_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner {
            name: String,
            born: Option<u16>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            home: Option<Home>,
        }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Home { street: String }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    variant_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Voucher, Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Close => Closed
);

account!(
    event_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, Frozen { #[audit] until: String }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Freeze => Frozen, Close => Closed
);

account!(
    event_removed,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
    },
    { #[ends] Closed { #[audit] reason: String } },
    Close => Closed
);

account!(
    second_schema,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    {
        #[schema(2)]
        Paid { #[audit] by: Means, #[since(2, default = 1)] #[audit] times: u32 },
        #[schema(2)]
        #[renamed(2, from = "Closed")]
        #[ends]
        Ended { #[renamed(2, from = "reason")] #[audit] why: String },
    },
    Pay => Paid, Close => Ended
);

account!(
    upcast_that_fails,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Cheque(u32) }
    },
    {
        #[schema(2)]
        #[upcast(from = 1)]
        Paid { #[audit] by: Means },
        #[ends]
        Closed { #[audit] reason: String },
    },
    Pay => Paid, Close => Closed
);

account!(
    event_added_elsewhere,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    { Paid { #[audit] by: Means }, Lent { #[audit] until: String }, #[ends] Closed { #[audit] reason: String } },
    Pay => Paid, Lend => Lent, Close => Closed
);

account!(
    both_events_added,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    {
        Paid { #[audit] by: Means },
        Frozen { #[audit] until: String },
        Lent { #[audit] until: String },
        #[ends]
        Closed { #[audit] reason: String },
    },
    Pay => Paid, Freeze => Frozen, Lend => Lent, Close => Closed
);

account!(
    name_before_not_told,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    {
        Paid { #[audit] by: Means },
        #[schema(2)]
        #[ends]
        Closed { #[audit] why: Option<String>, #[since(2, default = false)] #[audit] by_us: bool },
    },
    Pay => Paid, Close => Closed
);

account!(
    since_too_late,
    {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) struct Owner { name: String, born: Option<u16> }
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum Means { Cash, Card { last: String }, Cheque(u32) }
    },
    {
        #[schema(3)]
        #[upcast(from = 1)]
        Paid { #[audit] by: Means, #[since(3, default = 1)] #[audit] times: u32 },
        #[schema(2)]
        #[renamed(2, from = "Closed")]
        #[ends]
        Ended { #[renamed(2, from = "reason")] #[audit] why: String },
    },
    Pay => Paid, Close => Ended
);

/// What holds lists and maps, of lines like these.
macro_rules! basket {
    ($module:ident, { $($line:tt)* }) => {
        pub(super) mod $module {
            #![allow(dead_code, reason = "not all of it is used by all tests")]

            use std::collections::BTreeMap;

            use factum::Aggregate;
            use serde::{Deserialize, Serialize};

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub(crate) struct Line { $($line)* }

            #[derive(Aggregate)]
            #[aggregate(category = "basket")]
            #[events { #[creates] Packed { tags, lines, days, gift } }]
            #[commands { Pack => Packed }]
            pub(crate) struct Basket {
                #[id]
                number: u64,
                tags: BTreeMap<String, u32>,
                lines: Vec<Line>,
                days: BTreeMap<u8, Vec<Line>>,
                gift: Option<Line>,
            }
        }
    };
}

basket!(basket, { article: String });
basket!(basket_with_more, {
    article: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
});

pub(super) mod panics {
    #![allow(dead_code, reason = "not all of it is used by all tests")]

    use factum::Aggregate;

    #[derive(Aggregate)]
    #[events {
        #[creates]
        Packed { items },
        Taken { at: usize },
    }]
    #[commands { Pack => Packed, Take => Taken }]
    pub(crate) struct Bag {
        #[id]
        number: u64,
        #[on(Taken => { let _ = self.items.remove(at + 7); })]
        items: Vec<String>,
    }
}

pub(super) mod strict {
    #![allow(dead_code, reason = "not all of it is used by all tests")]

    use factum::Aggregate;
    use serde::{Deserialize, Serialize};

    /// Which nobody could guess.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    pub(crate) struct Secret(String);

    impl TryFrom<String> for Secret {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            if text == "open sesame" { Ok(Self(text)) } else { Err("that is not it".to_owned()) }
        }
    }

    impl From<Secret> for String {
        fn from(secret: Secret) -> Self {
            secret.0
        }
    }

    #[derive(Aggregate)]
    #[events { #[creates] Hidden { secret } }]
    #[commands { Hide => Hidden }]
    pub(crate) struct Cave {
        #[id]
        number: u64,
        secret: Secret,
    }
}
