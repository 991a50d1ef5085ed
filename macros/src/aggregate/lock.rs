//! What is declared against `factum.lock/`: what has been published does not change without a new schema version.
//!
//! The file is read anew by every derive, which the compiler repeats when the file or the variable changes (`tracking`).

use std::{env, path::PathBuf};

use factum_lock::{
    Contradiction, Difference, FOLDER, Kind, Lock, Member, Mode, Past, UPDATE, VARIABLE, events_file,
};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Type;

use super::{
    ast::Renamed,
    member,
    model::{Event, Model, Payload},
};
use crate::{errors::Errors, suggest::similar, written::type_text};

/// What a derive has to know of the crate that it stands in.
pub(crate) struct Surroundings {
    /// Where the `Cargo.toml` is.
    pub(crate) folder: Option<PathBuf>,
    /// The value of `FACTUM_LOCK`.
    pub(crate) variable: Option<String>,
}

impl Surroundings {
    /// Those of the crate that is being compiled.
    pub(crate) fn here() -> Self {
        Self {
            folder: env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
            variable: env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned()),
        }
    }
}

/// Notes what contradicts the lock, and gives the code because of which the compiler looks at it again.
pub(super) fn check(model: &Model, surroundings: &Surroundings, errors: &mut Errors) -> TokenStream {
    let mode = Mode::of(surroundings.variable.as_deref()).unwrap_or_else(|message| {
        errors.at(&model.ident, message);
        Mode::Update
    });
    let name = events_file(&model.category);
    let lock = surroundings.folder.as_ref().map_or(Ok(None), |folder| Lock::read(folder, &model.category));
    match lock {
        Ok(Some(lock)) => {
            if mode == Mode::Check {
                contradictions(model, &lock, errors);
            }
            tracking(Some(&name))
        }
        Ok(None) => {
            if let (Some(locked), Mode::Check) = (model.locked, mode) {
                errors.span(
                    locked,
                    format!(
                        "`locked`, but there is no `{FOLDER}/{name}` beside the `Cargo.toml` of this crate: bring the folder along with the sources, or write it with `{VARIABLE}={UPDATE} cargo test` and `factum::locked!({})` in a test",
                        model.ident
                    ),
                );
            }
            tracking(None)
        }
        // What does not compile is compiled again in any case.
        Err(message) => {
            errors.at(&model.ident, message);
            TokenStream::new()
        }
    }
}

/// Code that names the variable and the file: when either changes, the compiler runs the derive again.
///
/// Of a file that is not there it cannot be told. One that is written under the variable is seen all the same, but one that
/// comes by itself, with `git pull` say, is not before the crate is compiled anew for another reason: until then what is
/// declared passes unchecked. `locked` closes that gap, since its error is never cached, so it is what we recommend.
fn tracking(name: Option<&str>) -> TokenStream {
    let file = name.map(|name| {
        let path = format!("/{FOLDER}/{name}");
        quote! {
            const _: &[::core::primitive::u8] = ::core::include_bytes!(
                ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path)
            );
        }
    });
    quote! {
        const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!(#VARIABLE);
        #file
    }
}

fn contradictions(model: &Model, lock: &Lock, errors: &mut Errors) {
    let declared: Vec<_> = model.events.iter().map(declared).collect();
    // What is wrong in a declaration may be why its past is not as it should be.
    let sound = errors.is_empty();
    for contradiction in lock.contradictions(&declared) {
        if matches!(contradiction.kind, Kind::Past(_)) && !sound {
            continue;
        }
        let event = model.events.iter().find(|event| event.stored == contradiction.published.name);
        match event {
            Some(event) if is_known(event) => differs(event, &contradiction, errors),
            Some(_) => {}
            None if model.broken.events || !model.events.iter().all(is_known) => {}
            None => is_gone(model, lock, &contradiction, errors),
        }
    }
}

/// The event as the lock would have it.
fn declared(event: &Event) -> factum_lock::Event {
    let field = |field: &Payload| (member::today(&event.foreign, field), type_text(&field.ty));
    factum_lock::Event {
        name: event.stored.clone(),
        schema: event.evolution.today(),
        fields: event.payload.iter().map(field).collect(),
        past: past(event),
    }
}

/// What is declared of the event's earlier schema versions.
fn past(event: &Event) -> Past {
    let names = |renamed: &[Renamed]| {
        renamed.iter().map(|renamed| (renamed.from.value(), renamed.version.value)).collect()
    };
    let evolution = &event.evolution;
    let member = |field: &Payload| Member {
        name: member::today(&event.foreign, field),
        since: field.since.as_ref().map_or(1, |since| since.version.value),
        names: names(&field.renamed),
        flattened: field.is_flattened(),
    };
    let functions = evolution.upcasts.iter().filter(|upcast| upcast.with.is_some());
    Past {
        names: names(&evolution.renamed),
        members: event.payload.iter().map(member).collect(),
        removed: evolution
            .removed
            .iter()
            .map(|removed| (removed.member.value(), removed.version.value))
            .collect(),
        upcast: functions.map(|upcast| upcast.from.value).max(),
    }
}

/// Whether the event could be read whole; if not, that has been reported.
fn is_known(event: &Event) -> bool {
    !event.broken
        && !event.evolution.broken
        && !event.payload.iter().any(|field| matches!(field.ty, Type::Verbatim(_)))
}

/// At the field, if it is one alone, or else at the event.
fn differs(event: &Event, contradiction: &Contradiction, errors: &mut Errors) {
    let published = contradiction.published.schema;
    let names = contradiction.fields();
    let differs = |field: &&Payload| {
        let had = [member::today(&event.foreign, field), member::at(&event.foreign, field, published)];
        had.iter().any(|name| names.contains(&name.as_str()))
    };
    let fields: Vec<_> = event.payload.iter().filter(differs).collect();
    let span = match (&contradiction.kind, fields.as_slice()) {
        (Kind::Changed { .. }, [field]) if names.len() == 1 => field.ident.span(),
        (Kind::Past(_), [field]) => field.ident.span(),
        _ => event.ident.span(),
    };
    let fix = match &contradiction.kind {
        Kind::Past(difference) => of_the_past(event, published, difference),
        Kind::Changed { .. } => format!(
            "give the event `#[schema({})]` and say how what is stored in schema {published} is read: `#[since]`, `#[renamed]`, `#[upcast]`; if nothing is stored yet, or only a type goes by another name, accept the change with `{VARIABLE}={UPDATE} cargo test`",
            published.saturating_add(1),
        ),
        _ => format!(
            "a schema version never goes back; if nothing is stored yet in schema {published}, accept it with `{VARIABLE}={UPDATE} cargo test`"
        ),
    };
    errors.span(span, format!("{contradiction}\n{fix}"));
}

/// What to do about a difference in what was published in this schema version.
fn of_the_past(event: &Event, published: u32, difference: &Difference) -> String {
    let next = published.saturating_add(1);
    let Difference { missing, unread, .. } = difference;
    let mut ways = Vec::new();
    if let (Some(now), Some(before)) = (missing.first(), unread.first()) {
        ways.push(format!(
            "if `{now}` is what became of `{before}`, mark it `#[renamed({next}, from = {before:?})]`"
        ));
    }
    for new in missing {
        ways.push(format!("if there was no `{new}`, mark it `#[since({next}, default = …)]`"));
    }
    for old in unread {
        let since = event.payload.iter().find_map(|field| {
            let since = field.since.as_ref()?.version.value;
            (since > published && member::at(&event.foreign, field, since) == *old).then_some(since)
        });
        ways.push(match since {
            Some(since) => format!(
                "`{old}` was there before schema {since}: correct its `#[since({since})]`, or mark the event `#[removed({since}, {old:?})]` as well if what was stored as `{old}` is not for it"
            ),
            None => format!(
                "if `{old}` is not needed any more, mark the event `#[removed({next}, {old:?})]`"
            ),
        });
    }
    format!(
        "what is stored would be lost, or not be found; {}; for anything else, `#[upcast(from = {published}, with = path)]`",
        ways.join("; ")
    )
}

fn is_gone(model: &Model, lock: &Lock, contradiction: &Contradiction, errors: &mut Errors) {
    let published = &contradiction.published;
    let name = &published.name;
    let new = |event: &&Event| !lock.events().any(|other| other.name == event.stored);
    let news: Vec<_> = model.events.iter().filter(new).collect();
    let alike = news.iter().find(|event| !event.payload.is_empty() && declared(event).is_like(published));
    let named = similar(name, news.iter().map(|event| event.stored.as_str()));
    let renamed = alike.or_else(|| news.iter().find(|event| Some(event.stored.as_str()) == named));
    // A later version cannot be declared without what led to it.
    let (schema, past) = match published.schema {
        1 => (String::new(), ""),
        schema => (format!("#[schema({schema})] "), ", with its `#[upcast]`s and whatever else led to it"),
    };
    let (span, fix): (Span, _) = match renamed {
        Some(event) => (
            event.ident.span(),
            format!(
                "if `{}` is what became of it, give it its stored name: `{schema}#[name = {name:?}]`{past}",
                event.ident
            ),
        ),
        None => (
            model.ident.span(),
            format!(
                "keep it with `#[retired]`, so that streams which hold it can be read: `#[retired] {schema}{name} {}`{past}",
                published.shape()
            ),
        ),
    };
    errors.span(
        span,
        format!("{contradiction}\n{fix}; if none is stored yet, take it back with `{VARIABLE}={UPDATE} cargo test`"),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::{parse, resolve},
        *,
    };

    #[test]
    fn a_lock_of_thirty_events_is_read_and_agrees() {
        let fields = "{ a: String, b: Option<HashMap<String, Vec<u8>>>, c: u64 }";
        let events: String = (0..30).map(|number| format!("Event{number} {fields},")).collect();
        let declaration =
            format!("#[events {{ {events} }}] #[commands {{ }}] struct Order {{ #[id] number: u64 }}");
        let lock: String = (0..30).map(|number| format!("event Event{number} 1 {fields}\n")).collect();
        let folder = env::temp_dir().join(format!("factum-macros-{}-thirty", std::process::id()));
        fs::create_dir_all(folder.join(FOLDER)).unwrap();
        let text = format!("factum.lock 1\ncategory order\n\n{lock}");
        let file = folder.join(FOLDER).join(events_file("order"));
        fs::write(&file, &text).unwrap();
        let surroundings = Surroundings { folder: Some(folder.clone()), variable: None };

        let mut errors = Errors::default();
        let model =
            resolve::resolve(parse::parse(syn::parse_str(&declaration).unwrap(), &mut errors), &mut errors);
        assert!(errors.is_empty());
        let code = check(&model, &surroundings, &mut errors);
        // One that differs in the last letter is another.
        let mut differs = Errors::default();
        fs::write(&file, text.replace("Event29 1 { a: String", "Event29 1 { a: Strings")).unwrap();
        check(&model, &surroundings, &mut differs);
        let _ = fs::remove_dir_all(folder);
        assert!(errors.is_empty() && code.to_string().contains("order.events"));
        assert_eq!(differs.len(), 1);
    }
}
