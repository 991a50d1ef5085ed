//! Views that are filled, as a person watches it: the first time, or when their rules have changed.

use factum::app::Status;
use indicatif::{ProgressBar, ProgressStyle};

use crate::words::thousands;

/// How finely the progress is shown.
const FINE: u64 = 1000;

/// A bar that is shown when something is told on it.
pub(crate) fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("filling {prefix} {bar:30} {percent:>3} %  {msg} events  {eta} left");
    ProgressBar::new(FINE).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Tells on the bar how far a view has come.
pub(crate) fn shown_on(bar: &ProgressBar) -> impl Fn(&Status) + Send + Sync + 'static {
    let bar = bar.clone();
    move |status| {
        bar.set_prefix(status.reader.clone());
        bar.set_message(thousands(status.events));
        let done = status.position.get() * u128::from(FINE) / status.head.get().max(1);
        bar.set_position(u64::try_from(done).unwrap_or(FINE));
    }
}
