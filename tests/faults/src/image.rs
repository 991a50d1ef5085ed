//! What is left on a disk when the power fails.
//!
//! Until a file is synced, any part of what was written to it since the last sync may be on the disk or not: sectors are
//! written in any order. A sync that failed makes nothing durable, and what it was asked to write is not written by the
//! next one either, as on Linux. Names are made durable by a sync of the directory, on which SQLite insists for journals
//! and logs only; until then a new file may have no name, and a deleted one may still have its.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use fastrand::Rng;

use crate::Moment;

/// What a disk writes at once.
const SECTOR: usize = 512;

/// Which file, whatever its name. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u64);

/// What happened on a disk, in order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    steps: Vec<Step>,
    files: u64,
    names: HashMap<OsString, FileId>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Named(OsString, FileId),
    Unnamed(OsString),
    Changed(FileId, Change),
    Synced(FileId),
    SyncFailed(FileId),
    NamesSynced,
}

#[derive(Debug)]
pub(crate) enum Change {
    Write { offset: usize, bytes: Box<[u8]> },
    Truncate(usize),
}

/// Which of the things that were not synced are there all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// None.
    Nothing,
    /// Some sectors and names, chosen with this seed.
    Some(u64),
    /// All: only the process died.
    Everything,
}

impl Log {
    /// A log that begins with these files, which are durable.
    pub(crate) fn beginning_with(image: Image) -> Self {
        let mut log = Self::default();
        for (name, content) in image.files {
            let file = log.opened(Path::new(&name));
            log.changed(file, Change::Write { offset: 0, bytes: content.into() });
            log.push(Step::Synced(file));
        }
        log.push(Step::NamesSynced);
        log
    }

    pub(crate) fn len(&self) -> Moment {
        self.steps.len()
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The file of this path, new if it has no name yet.
    pub(crate) fn opened(&mut self, path: &Path) -> FileId {
        let name = file_name(path);
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        self.files += 1;
        let file = FileId(self.files);
        self.names.insert(name.to_owned(), file);
        self.push(Step::Named(name.to_owned(), file));
        file
    }

    pub(crate) fn deleted(&mut self, path: &Path) {
        let name = file_name(path);
        self.names.remove(name);
        self.push(Step::Unnamed(name.to_owned()));
    }

    pub(crate) fn changed(&mut self, file: FileId, change: Change) {
        if file != FileId::default() {
            self.push(Step::Changed(file, change));
        }
    }

    /// What is left of the first steps.
    pub(crate) fn image(&self, moment: Moment, survivors: Survivors) -> Image {
        let mut fate = Fate::new(survivors);
        let mut contents: HashMap<FileId, Content<'_>> = HashMap::new();
        let mut names: BTreeMap<&OsStr, FileId> = BTreeMap::new();
        let mut durable_names = names.clone();
        for step in self.steps.iter().take(moment) {
            match step {
                Step::Named(name, file) => drop(names.insert(name, *file)),
                Step::Unnamed(name) => drop(names.remove(name.as_os_str())),
                Step::Changed(file, change) => contents.entry(*file).or_default().pending.push(change),
                Step::Synced(file) => contents.entry(*file).or_default().settle(&mut Fate::Kept),
                Step::SyncFailed(file) => contents.entry(*file).or_default().settle(&mut fate),
                Step::NamesSynced => durable_names.clone_from(&names),
            }
        }
        for content in contents.values_mut() {
            content.settle(&mut fate);
        }
        let mut files = BTreeMap::new();
        for name in names.keys().chain(durable_names.keys()).copied().collect::<BTreeSet<_>>() {
            let (new, old) = (names.get(name), durable_names.get(name));
            if let Some(file) = if new == old || fate.keeps() { new } else { old } {
                let content = contents.get(file).map(|content| content.durable.clone());
                files.insert(name.to_owned(), content.unwrap_or_default());
            }
        }
        Image { files }
    }
}

/// A file: what is durable, and what was done to it since.
#[derive(Debug, Default)]
struct Content<'a> {
    durable: Vec<u8>,
    pending: Vec<&'a Change>,
}

impl Content<'_> {
    /// Carries out what fate keeps of the pending changes and forgets the rest.
    fn settle(&mut self, fate: &mut Fate) {
        for change in self.pending.drain(..) {
            match change {
                Change::Truncate(length) if fate.keeps() => self.durable.resize(*length, 0),
                Change::Truncate(_) => {}
                Change::Write { offset, bytes } => write(&mut self.durable, *offset, bytes, fate),
            }
        }
    }
}

fn write(content: &mut Vec<u8>, mut offset: usize, mut bytes: &[u8], fate: &mut Fate) {
    while !bytes.is_empty() {
        let (sector, rest) = bytes.split_at(bytes.len().min(SECTOR - offset % SECTOR));
        if fate.keeps() {
            let end = offset + sector.len();
            content.resize(content.len().max(end), 0);
            content[offset..end].copy_from_slice(sector);
        }
        offset += sector.len();
        bytes = rest;
    }
}

/// Decides what of the unsynced survives.
enum Fate {
    Kept,
    Lost,
    /// Kept with this probability.
    Tossed(Rng, f64),
}

impl Fate {
    fn new(survivors: Survivors) -> Self {
        match survivors {
            Survivors::Nothing => Self::Lost,
            Survivors::Everything => Self::Kept,
            Survivors::Some(seed) => {
                let mut rng = Rng::with_seed(seed);
                let probability = *rng.choice(&[0.1, 0.5, 0.9, 0.98]).expect("there are some");
                Self::Tossed(rng, probability)
            }
        }
    }

    fn keeps(&mut self) -> bool {
        match self {
            Self::Kept => true,
            Self::Lost => false,
            Self::Tossed(rng, probability) => rng.f64() < *probability,
        }
    }
}

/// The files of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What each holds.
    pub files: BTreeMap<OsString, Vec<u8>>,
}

impl Image {
    /// What is in a directory.
    #[must_use]
    pub fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).expect("the directory can be read");
        let read =
            |entry: fs::DirEntry| (entry.file_name(), fs::read(entry.path()).expect("the file can be read"));
        Self { files: entries.map(|entry| read(entry.expect("the directory can be read"))).collect() }
    }

    /// Writes the files into an existing directory.
    pub fn write_to(&self, directory: &Path) {
        for (name, content) in &self.files {
            fs::write(directory.join(name), content).expect("the image can be written");
        }
    }
}

fn file_name(path: &Path) -> &OsStr {
    path.file_name().expect("a file has a name")
}
