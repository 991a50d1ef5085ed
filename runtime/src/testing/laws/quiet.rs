//! Panics of the domain, caught and not printed.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What the code gives, or what it said when it panicked, with the place.
///
/// While a counter-example is made smaller the same panic happens many times, and would be printed each time.
pub(super) fn quietly<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    listen();
    QUIET.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(code));
    QUIET.set(false);
    done.map_err(|_| SAID.take())
}

/// Panics of other threads, and those of this one at other times, go to whom they went before.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if QUIET.get() {
                SAID.replace(panic.to_string().replace(":\n", ": "));
            } else {
                before(panic);
            }
        }));
    });
}
