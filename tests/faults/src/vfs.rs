//! The SQLite VFS of a [`Disk`]: every call goes by the disk, then to the platform's own VFS.
//!
//! The real files hold what programs see. A sync is only noted, not passed on: nobody cuts the power of the machine that
//! runs the tests, and real syncs would take most of their time.

#![allow(unsafe_code, reason = "a VFS is a C interface")]

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int, c_void},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    ptr, slice,
};

use rusqlite::ffi;

use crate::{
    Call, Disk,
    image::{Change, FileId, Step},
};

/// What SQLite's VFS points to.
struct Device {
    disk: &'static Disk,
    platform: *mut ffi::sqlite3_vfs,
}

/// An open file. SQLite allocates it; the platform's own file lies behind it in memory.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    disk: *const Disk,
    /// Zero for a temporary file: what becomes of it is nobody's concern.
    file: FileId,
    /// Whether the first sync is also one of the directory. So it is for journals and logs, in the platform's VFS too.
    syncs_names: bool,
}

/// Makes the disk known to SQLite under its name, until the process ends.
pub(crate) fn register(disk: &'static Disk) {
    let name = CString::new(disk.vfs()).expect("the name holds no zero").into_raw();
    // SAFETY: what is registered is never freed; the platform's VFS is not either.
    let outcome = unsafe {
        let platform = ffi::sqlite3_vfs_find(ptr::null());
        let device = Box::leak(Box::new(Device { disk, platform }));
        let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: (*platform).szOsFile + size_of::<Handle>() as c_int,
            mxPathname: (*platform).mxPathname,
            pNext: ptr::null_mut(),
            zName: name,
            pAppData: ptr::from_mut(device).cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        ffi::sqlite3_vfs_register(vfs, 0)
    };
    assert_eq!(outcome, ffi::SQLITE_OK, "the VFS cannot be registered");
}

/// Calls a method of the platform's VFS.
macro_rules! platform {
    ($vfs:expr, $method:ident($($argument:expr),*)) => {{
        let platform = device($vfs).platform;
        (*platform).$method.expect("every platform has it")(platform $(, $argument)*)
    }};
}

/// Calls a method of the platform's file.
macro_rules! beneath {
    ($file:expr, $method:ident($($argument:expr),*)) => {{
        let file = beneath($file);
        (*(*file).pMethods).$method.expect("every platform has it")(file $(, $argument)*)
    }};
}

/// Lets the disk fail the call instead.
macro_rules! may_fail {
    ($disk:expr, $call:expr) => {
        if let Err(code) = $disk.lock().meet($call) {
            return code;
        }
    };
}

unsafe fn device<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Device {
    &*(*vfs).pAppData.cast()
}

unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    &mut *file.cast()
}

unsafe fn disk<'a>(file: *mut ffi::sqlite3_file) -> &'a Disk {
    &*handle(file).disk
}

unsafe fn beneath(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    file.cast::<Handle>().add(1).cast()
}

unsafe fn path(name: *const c_char) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(CStr::from_ptr(name).to_bytes()))
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let Device { disk, .. } = device(vfs);
    // SQLite closes what has methods, even if it was not opened.
    (*file).pMethods = ptr::null();
    let mut state = disk.lock();
    if let Err(code) = state.meet(Call::Open) {
        return code;
    }
    let name_on_disk = (!name.is_null() && flags & ffi::SQLITE_OPEN_DELETEONCLOSE == 0).then(|| path(name));
    let outcome = platform!(vfs, xOpen(name, beneath(file), flags, out_flags));
    if outcome == ffi::SQLITE_OK {
        let journal = flags & (ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL) != 0;
        *handle(file) = Handle {
            base: ffi::sqlite3_file { pMethods: &raw const METHODS },
            disk: *disk,
            file: name_on_disk.map_or(FileId::default(), |path| state.log.opened(&path)),
            syncs_names: journal && flags & ffi::SQLITE_OPEN_CREATE != 0,
        };
    }
    outcome
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_names: c_int) -> c_int {
    let mut state = device(vfs).disk.lock();
    if let Err(code) = state.meet(Call::Delete) {
        return code;
    }
    let outcome = platform!(vfs, xDelete(name, 0));
    if outcome == ffi::SQLITE_OK {
        state.log.deleted(&path(name));
        if sync_names != 0 {
            state.log.push(Step::NamesSynced);
        }
    }
    outcome
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    may_fail!(device(vfs).disk, Call::Access);
    platform!(vfs, xAccess(name, flags, out))
}

unsafe extern "C" fn full_pathname(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    length: c_int,
    out: *mut c_char,
) -> c_int {
    platform!(vfs, xFullPathname(name, length, out))
}

unsafe extern "C" fn randomness(vfs: *mut ffi::sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    platform!(vfs, xRandomness(length, out))
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    platform!(vfs, xSleep(microseconds))
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    platform!(vfs, xCurrentTime(out))
}

unsafe extern "C" fn current_time_int64(vfs: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    platform!(vfs, xCurrentTimeInt64(out))
}

unsafe extern "C" fn last_error(vfs: *mut ffi::sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    platform!(vfs, xGetLastError(length, out))
}

/// Version 2 has the shared memory that WAL needs, and no memory-mapped files, whose writes nobody would see.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    beneath!(file, xClose())
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    may_fail!(disk(file), Call::Read);
    beneath!(file, xRead(out, length, offset))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let mut state = disk(file).lock();
    let answer = state.meet(Call::Write);
    // What fails may have been done in part.
    let length = if answer.is_ok() { length } else { length / 2 };
    let outcome = beneath!(file, xWrite(bytes, length, offset));
    if outcome == ffi::SQLITE_OK {
        let bytes = slice::from_raw_parts(bytes.cast::<u8>(), length as usize);
        state.log.changed(handle(file).file, Change::Write { offset: offset as usize, bytes: bytes.into() });
    }
    answer.err().unwrap_or(outcome)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let mut state = disk(file).lock();
    if let Err(code) = state.meet(Call::Truncate) {
        return code;
    }
    let outcome = beneath!(file, xTruncate(size));
    if outcome == ffi::SQLITE_OK {
        state.log.changed(handle(file).file, Change::Truncate(size as usize));
    }
    outcome
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    let handle = handle(file);
    let mut state = disk(file).lock();
    if let Err(code) = state.meet(Call::Sync) {
        state.log.push(Step::SyncFailed(handle.file));
        return code;
    }
    state.log.push(Step::Synced(handle.file));
    if std::mem::take(&mut handle.syncs_names) {
        state.log.push(Step::NamesSynced);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    may_fail!(disk(file), Call::FileSize);
    beneath!(file, xFileSize(out))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    may_fail!(disk(file), Call::Lock);
    beneath!(file, xLock(level))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    beneath!(file, xUnlock(level))
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    may_fail!(disk(file), Call::Lock);
    beneath!(file, xCheckReservedLock(out))
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    beneath!(file, xFileControl(operation, argument))
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    beneath!(file, xSectorSize())
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    beneath!(file, xDeviceCharacteristics())
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    may_fail!(disk(file), Call::ShmMap);
    beneath!(file, xShmMap(region, size, extend, out))
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    if flags & ffi::SQLITE_SHM_LOCK != 0 {
        may_fail!(disk(file), Call::ShmLock);
    }
    beneath!(file, xShmLock(offset, count, flags))
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    beneath!(file, xShmBarrier());
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    beneath!(file, xShmUnmap(delete))
}
