//! What is declared against `factum.lock/`: what has been published does not change without a new schema version.
//!
//! The file is read anew by every derive, which the compiler repeats when the file or the variable changes (`tracking`).

use std::{env, fs, io, path::PathBuf};

use factum_lock::{Contradiction, FOLDER, Kind, Lock, Mode, UPDATE, VARIABLE, events_file};
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

    /// The lock of this name, if there is one.
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        match fs::read_to_string(folder.join(FOLDER).join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
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
    match surroundings.read(&name) {
        Ok(Some(text)) => {
            match Lock::parse(&model.category, &text) {
                Ok(lock) if mode == Mode::Check => contradictions(model, &lock, errors),
                Ok(_) => {}
                Err(unreadable) => errors.at(&model.ident, format!("`{FOLDER}/{name}`, {unreadable}")),
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
        Err(error) => {
            errors.at(&model.ident, format!("`{FOLDER}/{name}` cannot be read: {error}"));
            TokenStream::new()
        }
    }
}

/// Code that names the variable and the file: when either changes, the compiler runs the derive again. Of a file that is
/// not there it cannot be told, and need not be as long as the file is written under the variable.
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
    for contradiction in lock.contradictions(&declared) {
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
    let former = |renamed: &Renamed| (renamed.from.value(), renamed.version.value);
    factum_lock::Event {
        name: event.stored.clone(),
        schema: event.evolution.today(),
        fields: event.payload.iter().map(field).collect(),
        former: event.evolution.renamed.iter().map(former).collect(),
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
    let payload =
        |name: &str| event.payload.iter().find(|field| member::today(&event.foreign, field) == name);
    let span = match contradiction.fields().as_slice() {
        [field] => payload(field).map_or(event.ident.span(), |field| field.ident.span()),
        _ => event.ident.span(),
    };
    let published = contradiction.published.schema;
    let fix = match contradiction.kind {
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

fn is_gone(model: &Model, lock: &Lock, contradiction: &Contradiction, errors: &mut Errors) {
    let published = &contradiction.published;
    let name = &published.name;
    let new = |event: &&Event| !lock.events().any(|other| other.name == event.stored);
    let news: Vec<_> = model.events.iter().filter(new).collect();
    let alike = news.iter().find(|event| !event.payload.is_empty() && declared(event).is_like(published));
    let named = similar(name, news.iter().map(|event| event.stored.as_str()));
    let renamed = alike.or_else(|| news.iter().find(|event| Some(event.stored.as_str()) == named));
    let (span, fix): (Span, _) = match renamed {
        Some(event) => (
            event.ident.span(),
            format!(
                "if `{}` is what became of it, give it its stored name: `#[name = {name:?}]`",
                event.ident
            ),
        ),
        None => (
            model.ident.span(),
            format!(
                "keep it with `#[retired]`, so that streams which hold it can be read: `#[retired] {name} {}`",
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
    use std::time::Instant;

    use super::{
        super::{parse, resolve},
        *,
    };

    /// What reading the lock and comparing with it adds to the derive of an aggregate with thirty events. Prints what it
    /// measures; `--nocapture` shows it.
    #[test]
    fn a_lock_of_thirty_events_agrees() {
        let fields = "{ a: String, b: Option<HashMap<String, Vec<u8>>>, c: u64 }";
        let events: String = (0..30).map(|number| format!("Event{number} {fields},")).collect();
        let declaration =
            format!("#[events {{ {events} }}] #[commands {{ }}] struct Order {{ #[id] number: u64 }}");
        let lock: String = (0..30).map(|number| format!("event Event{number} 1 {fields}\n")).collect();
        let folder = env::temp_dir().join(format!("factum-macros-{}-cost", std::process::id()));
        fs::create_dir_all(folder.join(FOLDER)).unwrap();
        let text = format!("factum.lock 1\ncategory order\n\n{lock}");
        fs::write(folder.join(FOLDER).join(events_file("order")), text).unwrap();
        let surroundings = Surroundings { folder: Some(folder.clone()), variable: None };

        let mut errors = Errors::default();
        let model =
            resolve::resolve(parse::parse(syn::parse_str(&declaration).unwrap(), &mut errors), &mut errors);
        assert!(errors.is_empty());
        let times = (0..60).map(|_| {
            let start = Instant::now();
            let code = check(&model, &surroundings, &mut errors);
            let time = start.elapsed();
            assert!(errors.is_empty() && code.to_string().contains("order.events"));
            time
        });
        // The fastest, because whatever else the machine does slows down single ones.
        let fastest = times.min().unwrap_or_default();
        let _ = fs::remove_dir_all(folder);
        println!("reading a lock of 30 events and comparing with it took {fastest:?}");
    }
}
