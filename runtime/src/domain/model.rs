//! The description of an aggregate that the derive leaves behind, for documents, checks and conflict rules.
//!
//! Names and types are as the user wrote them; slices are in the order of the declaration.

/// An aggregate.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// The name of the struct.
    pub name: &'static str,
    /// The category under which its streams are stored.
    pub category: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// Its fields.
    pub fields: &'static [FieldModel],
    /// What can happen to it.
    pub events: &'static [EventModel],
    /// What can be asked of it.
    pub commands: &'static [CommandModel],
    /// What no two live aggregates have alike.
    pub unique: &'static [UniqueModel],
}

/// A field of an aggregate.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldModel {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// What it is for.
    pub role: FieldRole,
}

/// What a field of an aggregate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldRole {
    /// The identity: `#[id]`.
    Id,
    /// The version: `#[version]`.
    Version,
    /// State that events set.
    State,
}

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub struct EventModel {
    /// The name under which it is stored.
    pub name: &'static str,
    /// The name of the variant.
    pub variant: &'static str,
    /// Its schema version, from 1 on.
    pub schema: u32,
    /// What changed from version to version, oldest first.
    pub evolution: &'static [SchemaChange],
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// Whether it is the first of a stream: `#[creates]`.
    pub creates: bool,
    /// Whether it is the last of a stream: `#[ends]`.
    pub ends: bool,
    /// Whether no command records it any more: `#[retired]`.
    pub retired: bool,
    /// What it carries.
    pub payload: &'static [PayloadModel],
    /// The fields that it changes, and how.
    pub writes: &'static [Write],
    /// What its fold looks at in the state before.
    pub reads: Reads,
}

impl EventModel {
    /// Whether an event that is stored under this name in this schema version is one of these: the name is today's, or one
    /// that it had before.
    pub(crate) fn is_stored_as(&self, name: &str, schema: u32) -> bool {
        let had = |change: &SchemaChange| {
            schema < change.schema && matches!(change.change, Change::EventRenamed { from } if from == name)
        };
        self.name == name || self.evolution.iter().any(had)
    }
}

/// Something that changed in the stored form of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// The first version with the change, from 2 on.
    pub schema: u32,
    /// What changed.
    pub change: Change,
}

/// What changed in the stored form of an event, from one schema version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is a field that there was not before: `#[since]`.
    Added {
        /// The field.
        field: &'static str,
    },
    /// A member has another name: `#[renamed]`.
    Renamed {
        /// The field.
        field: &'static str,
        /// The name of the member before.
        from: &'static str,
    },
    /// A member is not there any more: `#[removed]`.
    Removed {
        /// The name of the member.
        member: &'static str,
    },
    /// The event itself is stored under another name: `#[renamed]` on the event.
    EventRenamed {
        /// The name before.
        from: &'static str,
    },
    /// A function makes the payload, or events: `#[upcast]`.
    Upcast {
        /// The function, as written; `None` where the payload is read as it is.
        with: Option<&'static str>,
    },
}

/// A field of an event or a command.
#[derive(Debug, PartialEq, Eq)]
pub struct PayloadModel {
    /// Its name.
    pub name: &'static str,
    /// The name of its member in the stored payload, as serde's attributes have it.
    pub member: &'static str,
    /// Its type.
    pub ty: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// Whether it is kept for the record alone: `#[audit]`.
    pub audit: bool,
    /// Whether what it holds stands among the members of the payload (serde's `flatten`), so that none has its name.
    pub flattened: bool,
}

/// How an event changes a field.
#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    /// The field.
    pub field: &'static str,
    /// `=`, a compound operator such as `+=`, or `=>` for a statement.
    pub operator: &'static str,
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandModel {
    /// The name of the variant.
    pub name: &'static str,
    /// Its doc comment, lines joined; empty without one.
    pub docs: &'static str,
    /// What it carries.
    pub fields: &'static [PayloadModel],
    /// The variants of the events that it may record.
    pub events: &'static [&'static str],
    /// Whether it is for an aggregate that is not there yet: all of its events create.
    pub creates: bool,
    /// What its decision looks at in the state.
    pub reads: Reads,
    /// The variant of the event that it records when it meets a conflict: `#[on_conflict]`.
    pub on_conflict: Option<&'static str>,
}

/// A value that no two live aggregates have alike: `#[unique]`.
#[derive(Debug, PartialEq, Eq)]
pub struct UniqueModel {
    /// The field.
    pub field: &'static str,
    /// The name under which stores have the constraint on record; how the value is made belongs to it.
    pub constraint: &'static str,
    /// Whether somebody who wants a value that is taken is told by whom: `show_holder`.
    pub show_holder: bool,
    /// Where the rule is enforced.
    pub enforce: Enforce,
}

/// Where it is enforced that a value is unique: `#[unique(enforce = …)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforce {
    /// With the commit, by the store: two aggregates never have the value.
    Append,
    /// Before the commit, on a read model of who has what: see [`App::unique`](crate::App::unique).
    View,
    /// Behind the commit, by whoever is told of duplicates: see [`App::on_duplicate`](crate::App::on_duplicate).
    After,
}

impl Model {
    /// The unique values that stores enforce with commits.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &'static UniqueModel> + use<> {
        self.unique.iter().filter(|unique| unique.enforce == Enforce::Append)
    }
}

/// The parts of a unique value: that of its field, and those of the fields that belong to it.
pub type UniqueParts = Vec<String>;

/// What a decision or a fold looks at. Where the derive cannot know, it assumes everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Possibly every field, and the version.
    Everything,
    /// These fields and nothing else of the state.
    Fields(&'static [&'static str]),
}
