//! A disk that can be made to fail, and whose power can be cut.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::ffi;

use crate::{
    image::{Image, Log, Survivors},
    vfs,
};

/// A disk behind a SQLite VFS of its own. It keeps a log of all that is written and synced, so that it can tell what
/// would be left if the power had failed at any [`Moment`]; and it fails a call when told to.
///
/// It has one directory at a time: see [`Disk::mount`]. It lives as long as the process.
#[derive(Debug)]
pub struct Disk {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) log: Log,
    calls: BTreeMap<Call, u64>,
    fault: Option<Fault>,
    /// How many calls the fault has seen, and how many it has failed.
    seen: u64,
    failed: u64,
}

/// What SQLite can ask of a disk and be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are SQLite's")]
pub enum Call {
    Open,
    Delete,
    Access,
    Read,
    Write,
    Truncate,
    Sync,
    FileSize,
    Lock,
    ShmMap,
    ShmLock,
}

impl Call {
    /// What SQLite's own VFS would say.
    const fn error(self) -> i32 {
        match self {
            Self::Open => ffi::SQLITE_CANTOPEN,
            Self::Delete => ffi::SQLITE_IOERR_DELETE,
            Self::Access => ffi::SQLITE_IOERR_ACCESS,
            Self::Read => ffi::SQLITE_IOERR_READ,
            Self::Write => ffi::SQLITE_IOERR_WRITE,
            Self::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Self::Sync => ffi::SQLITE_IOERR_FSYNC,
            Self::FileSize => ffi::SQLITE_IOERR_FSTAT,
            Self::Lock => ffi::SQLITE_IOERR_LOCK,
            Self::ShmMap => ffi::SQLITE_IOERR_SHMMAP,
            Self::ShmLock => ffi::SQLITE_IOERR_SHMLOCK,
        }
    }
}

/// Which calls fail, counted from the time it is set. A write that fails is done in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call with this number, from 1 on.
    Once(u64),
    /// That call and all that come after it.
    From(u64),
    /// From the write with this number on there is no room.
    Full(u64),
}

impl Fault {
    fn judge(self, seen: &mut u64, call: Call) -> Result<(), i32> {
        if matches!(self, Self::Full(_)) && call != Call::Write {
            return Ok(());
        }
        *seen += 1;
        match self {
            Self::Once(nth) if *seen == nth => Err(call.error()),
            Self::From(nth) if *seen >= nth => Err(call.error()),
            Self::Full(nth) if *seen >= nth => Err(ffi::SQLITE_FULL),
            _ => Ok(()),
        }
    }
}

/// A moment in the life of a disk: how much had been logged.
pub type Moment = usize;

impl Disk {
    /// A new, empty disk.
    #[must_use]
    pub fn new() -> &'static Self {
        static DISKS: AtomicU64 = AtomicU64::new(0);
        let name = format!("disk-{}", DISKS.fetch_add(1, Ordering::Relaxed));
        let disk = Box::leak(Box::new(Self { name, state: Mutex::default() }));
        vfs::register(disk);
        disk
    }

    /// The name of its VFS.
    #[must_use]
    pub fn vfs(&self) -> &str {
        &self.name
    }

    /// Begins anew with this directory and what is in it. Nothing on the disk may be open.
    pub fn mount(&self, directory: &Path) {
        *self.lock() = State { log: Log::beginning_with(Image::of(directory)), ..State::default() };
    }

    /// Makes calls fail from now on.
    pub fn set(&self, fault: Fault) {
        let mut state = self.lock();
        (state.fault, state.seen, state.failed) = (Some(fault), 0, 0);
    }

    /// No more calls fail.
    pub fn repair(&self) {
        self.lock().fault = None;
    }

    /// How many calls the last fault has failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.lock().failed
    }

    /// How often this was asked of the disk, successfully or not.
    #[must_use]
    pub fn count(&self, call: Call) -> u64 {
        self.lock().calls.get(&call).copied().unwrap_or_default()
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.lock().log.len()
    }

    /// What is left if the power fails at this moment.
    #[must_use]
    pub fn image(&self, moment: Moment, survivors: Survivors) -> Image {
        self.lock().log.image(moment, survivors)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts the call, and says whether it is to fail and with which of SQLite's codes.
    pub(crate) fn meet(&mut self, call: Call) -> Result<(), i32> {
        *self.calls.entry(call).or_default() += 1;
        let answer = self.fault.map_or(Ok(()), |fault| fault.judge(&mut self.seen, call));
        self.failed += u64::from(answer.is_err());
        answer
    }
}
