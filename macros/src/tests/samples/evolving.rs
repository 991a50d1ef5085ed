/// A page whose events have a past.
#[derive(Aggregate)]
#[events {
    #[creates]
    Written { title },
    /// In another language, perhaps.
    #[schema(4)]
    #[renamed(3, from = "Changed")]
    #[removed(3, "note")]
    #[upcast(from = 3, with = past::measured)]
    Edited {
        #[renamed(2, from = "txt")]
        text,
        #[since(2, default = Lang::De)]
        #[renamed(3, from = "language")]
        #[serde(with = "codes")]
        lang: Lang,
        #[since(2)]
        #[audit]
        by: Option<String>,
    },
    #[schema(2)]
    #[upcast(from = 1)]
    Opened { #[audit] times: u64 },
    #[retired]
    #[schema(2)]
    #[upcast(from = 1, with = past::split)]
    Moved,
}]
#[commands {
    Write => Written,
    Edit => Edited,
    Open => Opened,
}]
pub struct Page {
    #[id]
    number: u64,
    #[version]
    version: u64,
    title: String,
    text: String,
    #[on(Edited = lang)]
    lang: Lang,
}
