//! Which event is meant.

use syn::{Ident, Path, ext::IdentExt};

use super::super::{ast::EventRef, model::Model};
use crate::{
    errors::Errors,
    suggest::{instead, similar},
};

/// The aggregate and the event in it that this names, by index; or else those that were probably meant. Where it cannot be
/// known, the model is noted to have an event that could not be read.
pub(super) fn find(model: &mut Model, reference: &EventRef, errors: &mut Errors) -> Option<(usize, usize)> {
    if model.sources.is_empty() {
        return None;
    }
    let found = look(model, reference, errors);
    model.broken.events |= found.is_none();
    found
}

fn look(model: &Model, reference: &EventRef, errors: &mut Errors) -> Option<(usize, usize)> {
    let sources = aggregates(model, reference, errors)?;
    let all = || {
        sources.iter().flat_map(|&source| {
            let events = model.sources.get(source).map(|source| source.events.as_slice()).unwrap_or_default();
            events.iter().enumerate().map(move |(index, event)| ((source, index), &event.ident))
        })
    };
    let found: Vec<_> = all().filter(|(_, ident)| ident.unraw() == reference.name.unraw()).collect();
    match found.as_slice() {
        [(only, _)] => return Some(*only),
        [] => {}
        several => {
            let ways = |separator: &str, name: fn(&Model, usize, &Ident) -> String| {
                let names: Vec<_> = several
                    .iter()
                    .map(|((source, _), ident)| format!("`{}`", name(model, *source, ident)))
                    .collect();
                names.join(separator)
            };
            errors.at(
                reference,
                format!(
                    "`{}` is an event of {}; write {}",
                    reference.name,
                    ways(" and of ", |model, source, _| aggregate(model, source)),
                    ways(" or ", Model::named)
                ),
            );
            return None;
        }
    }
    // What is missing may be what could not be read there, or an aggregate that could not.
    if model.broken.of
        || sources.iter().any(|&source| model.sources.get(source).is_some_and(|source| source.incomplete))
    {
        return None;
    }
    let who = match sources.as_slice() {
        [only] => format!("`{}` has no event", aggregate(model, *only)),
        several => {
            let names: Vec<_> =
                several.iter().map(|&source| format!("`{}`", aggregate(model, source))).collect();
            format!("none of {} has an event", names.join(", "))
        }
    };
    let names: Vec<_> = all()
        .map(|(place, ident)| {
            let alone = sources.len() == 1 && reference.aggregate.is_empty();
            (place, ident.to_string(), if alone { ident.to_string() } else { model.named(place.0, ident) })
        })
        .collect();
    let meant = similar(&reference.name.to_string(), names.iter().map(|(_, name, _)| name.as_str()));
    let meant = names.iter().find(|(_, name, _)| Some(name.as_str()) == meant);
    let hint = match meant {
        Some((_, _, written)) => format!("; did you mean `{written}`?"),
        None => instead("", "events", names.iter().map(|(_, _, written)| written.as_str())),
    };
    errors.at(reference, format!("{who} `{}`{hint}", reference.name));
    meant.map(|(place, _, _)| *place)
}

/// The aggregates in which to look.
fn aggregates(model: &Model, reference: &EventRef, errors: &mut Errors) -> Option<Vec<usize>> {
    let all = || 0..model.sources.len();
    if reference.aggregate.is_empty() {
        return Some(all().collect());
    }
    let named: Vec<usize> = all()
        .filter(|&source| model.of.get(source).is_some_and(|path| ends_alike(path, &reference.aggregate)))
        .collect();
    if !named.is_empty() {
        return Some(named);
    }
    let qualifier = reference.aggregate.last().filter(|_| !model.broken.of)?;
    let by_enum = |source: usize| model.sources.get(source).is_some_and(|source| source.event == *qualifier);
    if let Some(source) = all().find(|&source| by_enum(source)) {
        let written = format!("{}::{}", aggregate(model, source), reference.name);
        errors.at(reference, format!("the events of a view are named by their aggregate: write `{written}`"));
        return Some(vec![source]);
    }
    let names: Vec<_> = all().map(|source| aggregate(model, source)).collect();
    let hint = instead(&qualifier.to_string(), "aggregates", names.iter().map(String::as_str));
    errors.at(reference, format!("`{qualifier}` is none of the aggregates in `of(…)`{hint}"));
    let meant = similar(&qualifier.to_string(), names.iter().map(String::as_str))?.to_owned();
    Some(all().filter(|&source| aggregate(model, source) == meant).collect())
}

/// Whether one of the two is the end of the other.
fn ends_alike(path: &Path, qualifier: &[Ident]) -> bool {
    let mut one = path.segments.iter().rev().map(|segment| &segment.ident);
    let mut two = qualifier.iter().rev();
    loop {
        match (one.next(), two.next()) {
            (Some(one), Some(two)) if one == two => {}
            (Some(_), Some(_)) => return false,
            _ => return true,
        }
    }
}

/// The name of an aggregate, without the path before it.
fn aggregate(model: &Model, source: usize) -> String {
    let path = model.of.get(source).and_then(|path| path.segments.last());
    path.map(|segment| segment.ident.to_string()).unwrap_or_default()
}
