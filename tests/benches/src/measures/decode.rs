//! From stored names and texts to a state, without a store.

use std::{hint::black_box, time::Instant};

use factum::{Event, Fold};

use super::{Effort, Row};
use crate::{
    Error,
    derived::{Incident, IncidentEvent},
    hand, history,
    measure::{Sample, Turns},
};

const EVENTS: usize = 1000;

/// Many times over in each round.
pub(super) async fn decode(effort: Effort) -> Result<Row, Error> {
    let stored = history(EVENTS);
    let turns = Turns::take(effort.rounds * 20, 2, async |_, side| {
        let began = Instant::now();
        for _ in 0..20 {
            if side == 0 {
                let mut fold = Fold::<Incident>::new(1);
                for (name, payload) in &stored {
                    fold.apply_decoded(IncidentEvent::decode(name, 1, payload)?)?;
                }
                black_box(fold);
            } else {
                let mut state = None;
                for (name, payload) in &stored {
                    hand::Incident::fold(&mut state, 1, hand::Event::decode(name, payload)?)?;
                }
                black_box(state);
            }
        }
        Ok(Sample::rate(20.0 * EVENTS as f64 / began.elapsed().as_secs_f64()))
    })
    .await?;
    Ok(Row::new("no store", "decode and fold", "events", "serde and a match").of(&turns, 1))
}
