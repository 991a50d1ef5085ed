//! What became of the lines, told while it happens and at the end.

use std::{io::Read, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    lanes::Outcome,
    proof::{Acknowledged, History},
};
use crate::{
    error::Result,
    screen::{Screen, one_line},
    words::thousands,
};

pub(super) struct Tally {
    bar: ProgressBar,
    began: Instant,
    acknowledged: Acknowledged,
    recorded: u64,
    skipped: u64,
    /// Not a command, or refused by the domain.
    wrong: u64,
    /// The store failed, so it is not recorded or nobody knows.
    failed: u64,
}

impl Tally {
    pub(super) fn new(bytes: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg} recorded  {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            bar: ProgressBar::new(bytes).with_style(style).with_message("0"),
            began: Instant::now(),
            acknowledged: Acknowledged::default(),
            recorded: 0,
            skipped: 0,
            wrong: 0,
            failed: 0,
        }
    }

    /// The progress is how much has been read of this.
    pub(super) fn watch<R: Read>(&self, file: R) -> impl Read + use<R> {
        self.bar.wrap_read(file)
    }

    pub(super) fn add(&mut self, line: u64, outcome: Outcome) {
        match outcome {
            Outcome::Recorded(events) => {
                self.acknowledged.add(events);
                self.recorded += 1;
                if self.recorded.is_multiple_of(100) {
                    self.bar.set_message(thousands(self.recorded));
                }
            }
            Outcome::Refused(why) => self.wrong(line, &why),
            Outcome::Failed(why) => {
                // The first tells enough: whatever was on its way then fails for the same reason.
                if self.failed == 0 {
                    self.complain(line, &why);
                }
                self.failed += 1;
            }
            Outcome::NotTried => self.failed += 1,
        }
    }

    /// A line that is no command, or that the domain refused.
    pub(super) fn wrong(&mut self, line: u64, why: &str) {
        self.wrong += 1;
        self.complain(line, why);
    }

    /// A line that was recorded before.
    pub(super) fn skipped(&mut self) {
        self.skipped += 1;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    pub(super) fn acknowledged(&self) -> &Acknowledged {
        &self.acknowledged
    }

    fn complain(&self, line: u64, why: &str) {
        self.bar.suspend(|| eprintln!("line {line}: {}", one_line(why)));
    }

    /// # Errors
    /// Not all lines were recorded, or the history holds more than was acknowledged.
    pub(super) fn report(self, history: &History, screen: &mut Screen) -> Result<()> {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-3);
        self.bar.finish_and_clear();
        let Self { recorded, skipped, wrong, failed, .. } = self;
        #[allow(clippy::cast_precision_loss, reason = "it is shown rounded")]
        let rate = recorded as f64 / seconds;
        screen.line(format_args!(
            "{} commands recorded in {seconds:.1} s, {rate:.0} per second; in the history: their {} events, each once",
            thousands(recorded),
            thousands(history.acknowledged),
        ))?;
        if skipped > 0 {
            screen.line(format_args!(
                "{} lines were recorded by an earlier run and are not recorded again",
                thousands(skipped)
            ))?;
        }
        if failed > 0 {
            return Err(format!(
                "the store failed before {} lines could be recorded for certain: run the same import again, and it goes on there",
                thousands(failed)
            )
            .into());
        }
        if history.others > 0 {
            return Err(format!(
                "{} events of this file are in the history that this import did not record: is another import of it \
                 going on?",
                thousands(history.others)
            )
            .into());
        }
        match wrong {
            0 => Ok(()),
            1 => Err("1 line was not recorded: correct it and run the same import again".into()),
            _ => Err(format!(
                "{} lines were not recorded: correct them and run the same import again",
                thousands(wrong)
            )
            .into()),
        }
    }
}
