//! What became of the sign-ups, told while it happens and at the end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use registration::domain::UserNumber;

use super::clients::{Answer, Outcome};
use crate::{
    args::Load,
    error::Result,
    screen::Screen,
    words::{per_second, thousands},
};

/// How many sign-ups two million a day are in a second.
const TWO_MILLION_A_DAY: f64 = 2_000_000.0 / 86_400.0;
/// How often the live numbers change.
const TICK: Duration = Duration::from_millis(200);

/// The sign-ups and the addresses that they wanted.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) accepted: Vec<(UserNumber, String)>,
    pub(super) refused: Vec<(UserNumber, String)>,
    /// Why the store failed, if it did.
    pub(super) failure: Option<String>,
}

pub(super) struct Tally {
    bar: ProgressBar,
    /// How long it goes on, where that is what counts.
    seconds: Option<u32>,
    began: Instant,
    /// When the live numbers changed, and how many had been accepted by then.
    shown: (Instant, u64),
    answers: Answers,
    failed: u64,
    took: Vec<Duration>,
}

impl Tally {
    pub(super) fn new(load: &Load) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let length = load.seconds.map_or(load.count, |seconds| u64::from(seconds) * 1000);
        let began = Instant::now();
        Self {
            bar: ProgressBar::new(length).with_style(style).with_message("0 accepted"),
            seconds: load.seconds,
            began,
            shown: (began, 0),
            answers: Answers::default(),
            failed: 0,
            took: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, answer: Answer) {
        let Answer { user, email, outcome, took } = answer;
        match outcome {
            Outcome::Accepted => self.answers.accepted.push((user, email)),
            Outcome::Taken => self.answers.refused.push((user, email)),
            Outcome::Failed(why) => {
                // The first tells enough: whatever was on its way then fails for the same reason.
                self.answers.failure.get_or_insert(why);
                self.failed += 1;
                return;
            }
        }
        self.took.push(took);
        if self.shown.0.elapsed() >= TICK {
            self.show();
        }
    }

    fn show(&mut self) {
        let (accepted, refused) = (count(&self.answers.accepted), count(&self.answers.refused));
        let (then, before) = self.shown;
        let rate = per_second(accepted - before, then.elapsed().as_secs_f64());
        self.shown = (Instant::now(), accepted);
        self.bar.set_position(match self.seconds {
            Some(_) => u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            None => accepted + refused,
        });
        let (accepted, refused) = (thousands(accepted), thousands(refused));
        self.bar.set_message(format!("{accepted} accepted, {refused} taken, {rate:.0} per second"));
    }

    /// Tells how many and how fast; the answers, to be proved.
    pub(super) fn report(self, screen: &mut Screen) -> Result<Answers> {
        let seconds = self.began.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        let Self { mut answers, failed, mut took, .. } = self;
        took.sort_unstable();
        let rate = per_second(count(&answers.accepted), seconds);
        screen.pairs(&[
            ("accepted", thousands(count(&answers.accepted))),
            ("refused", format!("{}, because the address is taken", thousands(count(&answers.refused)))),
            ("rate", format!("{rate:.0} accepted per second, for {seconds:.1} s")),
            ("latency", format!("p50 {}, p99 {}", percentile(&took, 50), percentile(&took, 99))),
            ("a day", format!("{:.1} times 2 million, which is 23 per second", rate / TWO_MILLION_A_DAY)),
        ])?;
        answers.failure = answers.failure.map(|why| {
            format!("the store failed, and {} sign-ups may be recorded or not: {why}", thousands(failed))
        });
        Ok(answers)
    }
}

fn count<T>(all: &[T]) -> u64 {
    all.len() as u64
}

/// The time that so many of a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> String {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or_else(|| "-".to_owned(), |took| format!("{:.1} ms", took.as_secs_f64() * 1e3))
}
