//! The move into another store.

use std::time::{Duration, Instant};

use factum::{
    copy::{Copied, CopyError, Progress, Step},
    store::Durability,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{error::Result, screen::Screen, words::thousands};

/// How finely the progress is shown.
const FINE: f64 = 1000.0;

pub(crate) async fn run(from: &str, to: &str, screen: &mut Screen) -> Result<()> {
    if from == to {
        return Err(CopyError::SameStore.into());
    }
    // The source first: if it is not there, no target is made for it.
    let source =
        factum::open_existing(from).await.map_err(|error| format!("nothing to copy from: {error}"))?;
    let target = factum::open(to).await.map_err(|error| format!("nowhere to copy to: {error}"))?;
    if target.capabilities().durability == Durability::Process {
        return Err(
            "nowhere to copy to: a store in memory ends with this program: name one that is kept".into()
        );
    }
    let mut watch = Watch::new();
    let copied = factum::copy(&source, &target).on_progress(|progress| watch.see(&progress)).await;
    watch.bar.finish_and_clear();
    watch.report(&copied.map_err(advise)?, screen)
}

/// What to do about it, where the error does not say so itself.
fn advise(error: CopyError) -> String {
    match error {
        CopyError::Differs(_) | CopyError::TargetHasMore { .. } => {
            format!("{error}; it is left as it is: name an empty store")
        }
        CopyError::Source(_) | CopyError::Target(_) | CopyError::Disturbed { .. } => {
            format!("{error}; what was copied stays: run the same copy again, and it goes on there")
        }
        error => error.to_string(),
    }
}

/// The copy, as a person watches it.
struct Watch {
    bar: ProgressBar,
    began: Instant,
    step: Step,
    /// How long events were written.
    copying: Duration,
}

impl Watch {
    fn new() -> Self {
        let style =
            ProgressStyle::with_template("{prefix:9} {bar:30} {percent:>3} %  {msg} events  {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a small whole number"
        )]
        let bar = ProgressBar::new(FINE as u64).with_style(style);
        Self { bar, began: Instant::now(), step: Step::Finding, copying: Duration::ZERO }
    }

    fn see(&mut self, progress: &Progress) {
        if self.step != progress.step {
            (self.step, self.began) = (progress.step, Instant::now());
            self.bar.reset();
        }
        if self.step == Step::Copying {
            self.copying = self.began.elapsed();
        }
        self.bar.set_prefix(progress.step.to_string());
        self.bar.set_message(thousands(progress.events));
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 1000"
        )]
        self.bar.set_position((progress.share() * FINE) as u64);
    }

    fn report(&self, copied: &Copied, screen: &mut Screen) -> Result<()> {
        let Copied { events, streams, added, .. } = *copied;
        let whole = format!("{} of {}", number(events, "event"), number(streams, "incident"));
        if added == 0 {
            return Ok(
                screen.line(format_args!("nothing to copy: the target holds all of it already: {whole}"))?
            );
        }
        let seconds = self.copying.as_secs_f64().max(1e-3);
        #[allow(clippy::cast_precision_loss, reason = "it is shown rounded")]
        let rate = added as f64 / seconds;
        screen.line(format_args!(
            "{} copied in {seconds:.1} s, {rate:.0} per second",
            number(added, "event")
        ))?;
        let found = events - added;
        if found > 0 {
            let were = if found == 1 { "was" } else { "were" };
            screen.line(format_args!("{} {were} there from an earlier run", number(found, "event")))?;
        }
        Ok(screen.line(format_args!("both stores were compared: {whole}, the same in both"))?)
    }
}

/// So many of them.
fn number(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(count), if count == 1 { "" } else { "s" })
}
