//! The description that the derive leaves behind: above all, what is known of who reads and writes what.

use factum::{
    Aggregate,
    model::{FieldRole, Reads, Write},
};

/// A thing with many readers.
///
/// With a second paragraph.
#[derive(Aggregate, Clone, Debug)]
#[aggregate(error = String)]
#[events {
    /// It begins.
    #[creates]
    Made { a, b },
    #[name = "set"]
    Set { a, #[audit] why: Option<Vec<String>> },
    Added { by: u32 },
    Pushed { item: String },
    Copied,
    #[retired]
    Gone,
    #[ends]
    Over,
}]
#[commands {
    /// Makes one.
    Make => Made,
    Set => Set,
    #[require(self.a > 0, format!("{} too small", self.b))]
    Guarded { by: u32 } => Added,
    #[decide(Ok(ThingEvent::Added { by: self.a }))]
    Field {} => Added,
    #[decide(self.method())]
    Method {} => Added,
    #[decide(bare(self))]
    Bare {} => Added,
    #[decide(Err(format!("{self:?}")) as Result<ThingEvent, String>)]
    Formatted {} => Added,
    #[decide(Err(format!("{}", self.b)) as Result<ThingEvent, String>)]
    InMacro {} => Added,
    #[decide(Ok((ctx.now.timestamp() > 0 && ctx.actor().is_some() && ctx.metadata.is_empty()).then_some(ThingEvent::Over)))]
    Harmless => Over,
    #[decide(Ok((ctx.version > 3).then_some(ThingEvent::Over)))]
    Versioned => Over,
    #[decide(Ok(format!("{ctx:?}").is_empty().then_some(ThingEvent::Over)))]
    WholeContext => Over,
    #[decide(Ok((*id > 3).then_some(ThingEvent::Over)))]
    Id => Over,
    #[decide(Ok((self.number > 3).then_some(ThingEvent::Over)))]
    IdField => Over,
    #[decide(Ok((self.version > 3).then_some(ThingEvent::Over)))]
    VersionField => Over,
    #[reads(b, a)]
    #[decide(Ok((*a > 3 && b.is_empty()).then_some(ThingEvent::Over)))]
    Stated => Over,
    #[decide(Ok(state.is_none().then_some(ThingEvent::Made { a: 1, b: String::new() })))]
    Either => Made | Over,
    Push => Pushed,
    Copy => Copied,
}]
struct Thing {
    #[id]
    number: u64,
    #[version]
    version: u64,
    /// The first.
    #[on(Added += by)]
    a: u32,
    b: String,
    #[on(Pushed => { self.list.push(item); self.list.truncate(self.a as usize) }, Gone | Over = Vec::new())]
    list: Vec<String>,
    #[on(Copied = (self.b.clone(), self.count()))]
    copy: (String, usize),
}

impl Thing {
    fn method(&self) -> Result<ThingEvent, String> {
        Ok(ThingEvent::Added { by: self.a })
    }

    fn count(&self) -> usize {
        self.list.len()
    }
}

fn bare(thing: &Thing) -> Result<ThingEvent, String> {
    thing.method()
}

fn command_reads(name: &str) -> Reads {
    Thing::MODEL.commands.iter().find(|command| command.name == name).unwrap().reads
}

#[test]
fn what_a_command_reads_is_what_its_code_names() {
    assert_eq!(command_reads("Make"), Reads::Fields(&[]));
    assert_eq!(command_reads("Set"), Reads::Fields(&[]));
    assert_eq!(command_reads("Guarded"), Reads::Fields(&["a", "b"]));
    assert_eq!(command_reads("Field"), Reads::Fields(&["a"]));
    assert_eq!(command_reads("InMacro"), Reads::Fields(&["b"]));
    assert_eq!(command_reads("Stated"), Reads::Fields(&["a", "b"]));
    assert_eq!(command_reads("Harmless"), Reads::Fields(&[]));
    assert_eq!(command_reads("Id"), Reads::Fields(&[]));
    assert_eq!(command_reads("IdField"), Reads::Fields(&[]));
}

#[test]
fn where_it_cannot_be_known_a_command_reads_everything() {
    for name in ["Method", "Bare", "Formatted", "Versioned", "WholeContext", "VersionField", "Either"] {
        assert_eq!(command_reads(name), Reads::Everything, "{name}");
    }
}

#[test]
fn events_say_what_they_change_and_look_at() {
    let event = |name: &str| Thing::MODEL.events.iter().find(|event| event.variant == name).unwrap();
    let write = |field, operator| Write { field, operator };
    assert_eq!(event("Made").writes, [write("a", "="), write("b", "=")]);
    assert_eq!(event("Set").writes, [write("a", "=")]);
    assert_eq!((event("Added").writes, event("Added").reads), (&[write("a", "+=")][..], Reads::Fields(&[])));
    assert_eq!(event("Pushed").writes, [write("list", "=>")]);
    assert_eq!(event("Pushed").reads, Reads::Fields(&["a", "list"]));
    assert_eq!(
        (event("Copied").writes, event("Copied").reads),
        (&[write("copy", "=")][..], Reads::Everything)
    );
    assert_eq!(event("Gone").writes, [write("list", "=")]);
}

#[test]
fn names_types_docs_and_roles_are_as_they_were_written() {
    let model = Thing::MODEL;
    assert_eq!((model.name, model.category), ("Thing", "thing"));
    assert_eq!(model.docs, "A thing with many readers.\n\nWith a second paragraph.");
    let fields: Vec<_> =
        model.fields.iter().map(|field| (field.name, field.ty, field.role, field.docs)).collect();
    assert_eq!(
        fields,
        [
            ("number", "u64", FieldRole::Id, ""),
            ("version", "u64", FieldRole::Version, ""),
            ("a", "u32", FieldRole::State, "The first."),
            ("b", "String", FieldRole::State, ""),
            ("list", "Vec<String>", FieldRole::State, ""),
            ("copy", "(String, usize)", FieldRole::State, ""),
        ]
    );
    let [made, set, .., gone, over] = model.events else { panic!("{model:?}") };
    assert_eq!(
        (made.name, made.docs, made.creates, made.ends, made.schema),
        ("Made", "It begins.", true, false, 1)
    );
    assert_eq!((set.name, set.variant), ("set", "Set"));
    let payload: Vec<_> =
        set.payload.iter().map(|field| (field.name, field.ty, field.docs, field.audit)).collect();
    assert_eq!(payload, [("a", "u32", "The first.", false), ("why", "Option<Vec<String>>", "", true)]);
    assert!(gone.retired && !gone.ends && over.ends && !over.retired);
    let make = &model.commands[0];
    assert_eq!((make.name, make.docs, make.events), ("Make", "Makes one.", &["Made"][..]));
    let fields: Vec<_> = make.fields.iter().map(|field| (field.name, field.ty)).collect();
    assert_eq!(fields, [("a", "u32"), ("b", "String")]);
    let either = model.commands.iter().find(|command| command.name == "Either").unwrap();
    assert_eq!(either.events, ["Made", "Over"]);
}
