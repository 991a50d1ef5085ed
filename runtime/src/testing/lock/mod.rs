//! What has been published stays readable: `factum.lock/` and golden payloads, checked and written by one test.
//!
//! Beside the `Cargo.toml` of the crate that declares them, `factum.lock/` keeps two files for each category: what has been
//! published, one line for each schema version of each event, and golden payloads, examples of what is stored.
//!
//! ```text
//! factum.lock/incident.events      event Closed 1 { solution: String }
//! factum.lock/incident.payloads    event Closed 1 {"solution":"solution"}
//! ```
//!
//! The derive compares the first file with the declaration whenever it is compiled. The test that
//! [`locked!`](crate::locked!) makes compares what the derive cannot see: every payload is decoded, folded, and, in the
//! present schema version, written again as it was, so that serde's attributes and nested types count. It fails when
//! something is declared that has not been published yet. `FACTUM_LOCK=update cargo test` publishes it:
//!
//! - new events and schema versions are added, with payloads of made-up values, as many as show each variant of the enums
//!   in them (up to sixteen), and what may be absent;
//! - what contradicts the declaration is replaced, and told on the standard error, or first if the test fails. What is stored already could not be read
//!   any more, so this is for events of which nothing is stored, and for types that go by another name.
//!
//! Earlier schema versions and their payloads stay for ever, so what the declaration gives their members for names has to
//! be what was published. Payloads may be added by hand, from a real store for example, and edited where made-up values make
//! no sense: the keys of a map are values, and a list, a map or an `Option` may be empty. Of what is empty in all payloads of a
//! version, though, nothing is known, and it could change unseen.
//!
//! Commit the folder. Where two branches add events, both sides' lines are kept, in any order.

mod category;
mod payload;

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use factum_lock::{
    Contradiction, Event, FOLDER, Kind, Lock, Mode, Payloads, UPDATE, VARIABLE, events_file, payloads_file,
};

pub use category::Category;

/// A test that what these aggregates have published can still be read; see [`lock`](crate::testing::lock).
///
/// ```
/// # use factum::Aggregate;
/// # #[derive(Aggregate)]
/// # #[events { #[creates] Lit { colour } }]
/// # #[commands { Light => Lit }]
/// # struct Lamp { #[id] number: u32, colour: String }
/// factum::locked!(Lamp);
/// # fn main() {}
/// ```
///
/// It stands once in a crate and names all of its aggregates, so that a file of which none is left is found. The
/// test is called `factum_lock`. Feature `testing`.
#[macro_export]
macro_rules! locked {
    ($($aggregate:ty),+ $(,)?) => {
        #[cfg(test)]
        #[test]
        fn factum_lock() {
            $crate::testing::lock::test(
                ::core::env!("CARGO_MANIFEST_DIR"),
                &[$($crate::testing::lock::Category::of::<$aggregate>()),+],
            );
        }
    };
}

/// What [`locked!`](crate::locked!) does: checks, or under `FACTUM_LOCK=update` writes, the lock of the crate in this
/// folder.
///
/// # Panics
/// As a test does: when what was published and what is declared do not agree.
#[allow(clippy::panic, reason = "it is how a test fails")]
#[track_caller]
pub fn test(folder: impl AsRef<Path>, categories: &[Category]) {
    let variable = env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    match check(folder, variable.as_deref(), categories) {
        Ok(replaced) => {
            for replaced in replaced {
                // Past the test harness, which keeps what is printed to itself.
                let _ = writeln!(io::stderr(), "{FOLDER}: {replaced}");
            }
        }
        Err(disagreement) => panic!("{disagreement}"),
    }
}

/// Checks the lock of the crate in this folder, or writes it if `variable`, the value of `FACTUM_LOCK`, is `update`. Gives
/// what was published before and has been replaced.
///
/// # Errors
/// What was published and what is declared do not agree, or the files cannot be read or written.
pub fn check(
    folder: impl AsRef<Path>,
    variable: Option<&str>,
    categories: &[Category],
) -> Result<Vec<String>, Disagreement> {
    let krate = folder.as_ref();
    let mut visit = Visit { krate, folder: krate.join(FOLDER), found: Disagreement::default() };
    match Mode::of(variable) {
        Ok(mode) => {
            let mut seen = BTreeSet::new();
            for category in categories {
                if !seen.insert(category.name()) {
                    visit
                        .found
                        .wrong(category.name(), "two of these aggregates have this category".to_owned());
                } else if let Err(message) = visit.category(category, mode) {
                    visit.found.wrong(category.name(), message);
                }
            }
            visit.strangers(&seen);
        }
        Err(message) => visit.found.wrong(FOLDER, message),
    }
    if visit.found.is_empty() { Ok(visit.found.replaced) } else { Err(visit.found) }
}

/// What was published and what is declared do not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disagreement {
    /// What is wrong, each with its category.
    pub problems: Vec<String>,
    /// What is declared and not published yet.
    pub unpublished: Vec<String>,
    /// What was published before and has been replaced all the same.
    pub replaced: Vec<String>,
}

impl Disagreement {
    fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.unpublished.is_empty()
    }

    fn wrong(&mut self, category: &str, message: String) {
        self.problems.push(format!("{category}: {message}"));
    }

    fn unpublished(&mut self, category: &str, message: String) {
        self.unpublished.push(format!("{category}: {message}"));
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.replaced.is_empty() {
            write!(f, "`{FOLDER}/` was written, and what stood there before is replaced:")?;
            for replaced in &self.replaced {
                write!(f, "\n- {replaced}")?;
            }
            f.write_str("\n")?;
        }
        write!(f, "`{FOLDER}/` and what is declared do not agree")?;
        for problem in &self.problems {
            write!(f, "\n- {problem}")?;
        }
        if !self.unpublished.is_empty() {
            write!(f, "\nnot published yet, which `{VARIABLE}={UPDATE} cargo test` does:")?;
        }
        for unpublished in &self.unpublished {
            write!(f, "\n- {unpublished}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Disagreement {}

/// One run over the folder.
struct Visit<'a> {
    /// Where the `Cargo.toml` is.
    krate: &'a Path,
    folder: PathBuf,
    found: Disagreement,
}

impl Visit<'_> {
    fn category(&mut self, category: &Category, mode: Mode) -> Result<(), String> {
        let name = category.name();
        let (events, payloads) = (events_file(name), payloads_file(name));
        let lock = Lock::read(self.krate, name)?;
        let golden = Payloads::read(self.krate, name)?;
        if mode == Mode::Check && lock.is_none() {
            self.found.unpublished(name, format!("there is no `{FOLDER}/{events}`"));
            return Ok(());
        }
        let mut lock = lock.unwrap_or_else(|| Lock::new(name));
        let mut golden = golden.unwrap_or_else(|| Payloads::new(name));
        if mode == Mode::Update {
            let replaced = replace(category, &lock, &mut golden);
            lock = lock.updated(&category.declared());
            self.add(category, &mut golden);
            self.write(&events, &lock.to_string())?;
            self.found.replaced.extend(replaced);
            self.write(&payloads, &golden.to_string())?;
        }
        self.compare(category, &lock, &golden);
        Ok(())
    }

    /// Makes up payloads where there are none, or none that shows what there is now.
    fn add(&mut self, category: &Category, golden: &mut Payloads) {
        for Event { name: event, schema, .. } in category.declared() {
            let known: Vec<String> = golden.of(&event, schema).map(ToOwned::to_owned).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            match category.made_up(&event) {
                Ok(made_up) => {
                    for (index, made_up) in made_up.into_iter().enumerate() {
                        let is_new = index == 0 && !made_up.new_members(&known).is_empty();
                        if known.is_empty() || is_new || !made_up.new_variants(&known).is_empty() {
                            golden.add(&event, schema, made_up.payload);
                        }
                    }
                }
                Err(_) if !known.is_empty() => {}
                Err(error) => self.found.wrong(
                    category.name(),
                    format!(
                        "{error}: add a line `event {event} {schema} {{…}}` to `{FOLDER}/{}`",
                        payloads_file(category.name())
                    ),
                ),
            }
        }
    }

    fn compare(&mut self, category: &Category, lock: &Lock, golden: &Payloads) {
        let (name, declared) = (category.name(), category.declared());
        for contradiction in lock.contradictions(&declared) {
            self.found.wrong(name, format!("{contradiction}"));
        }
        for event in &declared {
            if !lock.has(&event.name, event.schema) {
                self.found.unpublished(
                    name,
                    format!("`{}` (schema {}): {}", event.name, event.schema, event.shape()),
                );
            } else {
                self.compare_payloads(category, event, golden);
            }
        }
        let earlier = lock
            .events()
            .filter(|old| !declared.iter().any(|event| event.name == old.name && event.schema == old.schema));
        for Event { name: event, schema, .. } in earlier {
            if golden.of(&event, schema).next().is_none() {
                self.found.wrong(
                    name,
                    format!("there is no payload of `{event}` (schema {schema}) any more: restore its line in `{FOLDER}/{}`", payloads_file(name)),
                );
            }
        }
        for (event, schema, payload) in golden.iter() {
            let result = if !lock.has(event, schema) {
                Err("it has not been published".to_owned())
            } else if declared.iter().any(|declared| declared.name == event && declared.schema == schema) {
                category.reads_back(event, schema, payload)
            } else {
                // What was made up may be what a function rightly refuses: text where it wants a date.
                category.reads(event, schema, payload).map_err(|error| {
                    format!("{error}; if nothing like it can be stored, because its values were made up, write real ones in `{FOLDER}/{}`", payloads_file(name))
                })
            };
            if let Err(message) = result {
                self.found
                    .wrong(name, format!("the payload of `{event}` (schema {schema}) {payload}: {message}"));
            }
        }
        for message in category.folds(golden) {
            self.found.wrong(name, message);
        }
    }

    /// Whether the payloads show all that the event carries now.
    fn compare_payloads(&mut self, category: &Category, event: &Event, golden: &Payloads) {
        let Event { name: event, schema, .. } = event;
        let known: Vec<_> = golden.of(event, *schema).collect();
        if known.is_empty() {
            self.found.unpublished(category.name(), format!("`{event}` (schema {schema}) has no payload"));
            return;
        }
        // What cannot be made up was written by hand.
        let Ok(made_up) = category.made_up(event) else { return };
        let mut variants: Vec<_> = made_up.iter().flat_map(|made_up| made_up.new_variants(&known)).collect();
        variants.sort_unstable();
        variants.dedup();
        for variant in variants {
            self.found.unpublished(
                category.name(),
                format!("no payload of `{event}` (schema {schema}) shows `{variant}`"),
            );
        }
        let Some(made_up) = made_up.first() else { return };
        let (now, new) = (&made_up.payload, made_up.new_members(&known));
        if !new.is_empty() {
            self.found.wrong(
                category.name(),
                format!(
                    "`{event}` was published and has changed in the types of its fields without a new schema version: it carries {}, which was not there\n  published (schema {schema}): {}\n  now       (schema {schema}): {now}\ngive it a new `#[schema]`, or accept it with `{VARIABLE}={UPDATE} cargo test` if what is stored is read as before",
                    new.join(", "),
                    known.first().unwrap_or(&"")
                ),
            );
        }
    }

    /// Files of the folder that no aggregate has.
    fn strangers(&mut self, categories: &BTreeSet<&str>) {
        let names = fs::read_dir(&self.folder).and_then(|entries| {
            let name =
                |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
            entries.map(name).collect::<io::Result<Vec<_>>>()
        });
        let mut names = match names {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.found.wrong(FOLDER, format!("it cannot be read: {error}")),
        };
        let ours: BTreeSet<_> =
            categories.iter().flat_map(|category| [events_file(category), payloads_file(category)]).collect();
        names.sort();
        for name in names {
            if [".events", ".payloads"].iter().any(|end| name.ends_with(end)) && !ours.contains(&name) {
                self.found.wrong(
                    &name,
                    "it belongs to none of these aggregates: name its aggregate in `locked!`; if that goes by another name now, keep its category with `#[aggregate(category = \"…\")]`; if it is gone and no store holds its streams, remove the file".to_owned(),
                );
            }
        }
    }

    /// Writes the file if it is another, so that nothing is built again because of one that is the same.
    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(path, text))
            .map_err(|error| format!("`{FOLDER}/{name}` cannot be written: {error}"))
    }
}

/// Takes back what contradicts the declaration, and gives what that is.
fn replace(category: &Category, lock: &Lock, golden: &mut Payloads) -> Vec<String> {
    let mut replaced = Vec::new();
    let name = category.name();
    let declared = category.declared();
    for contradiction in lock.contradictions(&declared) {
        let Contradiction { published: Event { name: event, schema, .. }, kind } = &contradiction;
        // Earlier versions stay as they are, so the declaration has to agree with them.
        if matches!(kind, Kind::Past(_)) {
            continue;
        }
        let same_form = matches!(kind, Kind::Changed { .. })
            && golden.of(event, *schema).next().is_some()
            && golden.of(event, *schema).all(|payload| category.reads_back(event, *schema, payload).is_ok());
        let what = if same_form { "accepted, since its payloads are what they were" } else { "REPLACED" };
        replaced.push(format!("{name}: {what}: {contradiction}"));
    }
    let updated = lock.updated(&declared);
    let current = |event: &str, schema: u32| {
        declared.iter().any(|declared| declared.name == event && declared.schema == schema)
    };
    let stays = |event: &str, schema: u32, payload: &str| {
        updated.has(event, schema)
            && (!current(event, schema) || category.reads_back(event, schema, payload).is_ok())
    };
    for (event, schema, payload) in
        golden.iter().filter(|(event, schema, payload)| !stays(event, *schema, payload))
    {
        replaced.push(format!("{name}: REMOVED: the payload of `{event}` (schema {schema}) {payload}"));
    }
    golden.retain(stays);
    replaced
}
