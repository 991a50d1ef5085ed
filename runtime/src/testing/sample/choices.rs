//! The choices that make a value, in the order in which the type asks for them.
//!
//! A value that is refused is made again with the same choices but for the last one: deserialisation stops at the
//! first refusal, so that is where it was refused. When nothing is left to try there, the choice before it changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::failure::{Failure, Hint};

/// Beyond this depth or number of choices, whatever can be left out is.
const DEEP: usize = 8;
const LARGE: usize = 200;

/// How many values of a kind are in a pool.
const POOL: u64 = 3;

/// The forms of text that were taken, by place: what is learnt for one value serves the next one of the type.
#[derive(Debug, Default)]
pub(crate) struct Memory(BTreeMap<u64, usize>);

pub(super) struct Choices {
    pub(super) memory: Memory,
    seed: u64,
    pool: Option<u64>,
    pub(super) tame: bool,
    /// What variants and absent values follow from where the rest is tame.
    forms: Option<u64>,
    made: Vec<Choice>,
    next: usize,
    path: Vec<Segment>,
    gave_up: bool,
    /// The map that was ended last, and the one that a key was given for last: what they are is a choice, too.
    map_ended: Option<usize>,
    map_keyed: Option<(usize, &'static str)>,
    pub(super) depth: usize,
    /// The enums that are being made, and their variants.
    open: Vec<(&'static str, &'static str)>,
    /// The variants that were found to hold their own enum again.
    recursive: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The enums in the value, and their variants.
    variants: BTreeSet<(&'static str, &'static str)>,
    /// The maps in the value that take any key.
    maps: BTreeSet<String>,
}

/// A choice, and what was learnt about it.
#[derive(Default)]
struct Choice {
    attempt: usize,
    limit: usize,
    keys: Vec<&'static str>,
    surplus: Vec<&'static str>,
    words: &'static [&'static str],
    /// The place of a text and its form, if it has one.
    form: Option<(u64, usize)>,
}

/// A step of the way from the whole value to a part of it.
#[derive(Clone, Copy)]
pub(super) enum Segment {
    /// A field or a variant.
    Name(&'static str),
    /// A newtype, which has a name and no place of its own.
    Type(&'static str),
    /// A place in a list, or an entry of a map.
    Index(usize),
}

/// What is to be chosen now.
pub(super) struct Chosen {
    /// Which choice it is.
    pub(super) index: usize,
    /// How many were refused before.
    pub(super) attempt: usize,
    /// What it should depend on: the lower eight bits say what kind of thing it is, the others which one.
    pub(super) entropy: u64,
}

impl Choices {
    pub(super) fn new(memory: Memory, seed: u64, pool: Option<u64>, tame: bool) -> Self {
        Self {
            memory,
            seed,
            pool,
            tame,
            forms: None,
            made: Vec::new(),
            next: 0,
            path: Vec::new(),
            gave_up: false,
            map_ended: None,
            map_keyed: None,
            depth: 0,
            open: Vec::new(),
            recursive: BTreeMap::new(),
            variants: BTreeSet::new(),
            maps: BTreeSet::new(),
        }
    }

    /// The same, tame but for which variants and absent values there are.
    pub(super) fn tame_but_for(forms: u64, memory: Memory, pool: Option<u64>) -> Self {
        Self { forms: Some(forms), ..Self::new(memory, 0, pool, true) }
    }

    /// The enums in the value, and which of their variants they are.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.variants.iter().copied()
    }

    /// The maps in the value that take any key, by the places where they stand in its JSON.
    pub(super) fn take_maps(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.maps)
    }

    /// A map that takes any key is made now.
    pub(super) fn any_key(&mut self) {
        let place = self.place_in_json();
        self.maps.insert(place);
    }

    /// What a choice of a form should depend on, unless it is the first form that is wanted.
    pub(super) fn form(&self, chosen: &Chosen) -> Option<u64> {
        match self.forms {
            Some(forms) => Some(mix(forms, chosen.index as u64)),
            None => (!self.tame).then_some(chosen.entropy),
        }
    }

    /// Begins a value.
    pub(super) fn start(&mut self) {
        (self.next, self.depth) = (0, 0);
        (self.map_ended, self.map_keyed) = (None, None);
        self.path.clear();
        self.open.clear();
        self.variants.clear();
        self.maps.clear();
    }

    /// A choice among `limit` possibilities.
    pub(super) fn choose(&mut self, limit: usize) -> Chosen {
        let index = self.next;
        self.next += 1;
        if index == self.made.len() {
            self.made.push(Choice::default());
        }
        let attempt = self.made.get_mut(index).map_or(0, |choice| {
            choice.limit = limit;
            choice.attempt
        });
        let entropy = if self.tame { (index as u64) << 8 } else { mix(self.seed, index as u64) };
        Chosen { index, attempt, entropy }
    }

    /// A choice of a number or a text, which may come from the pool.
    pub(super) fn choose_leaf(&mut self, limit: usize, always_pooled: bool) -> Chosen {
        let mut chosen = self.choose(limit);
        if let Some(pool) = self.pool
            && (always_pooled || self.type_name().is_some() || chosen.entropy.is_multiple_of(4))
        {
            let kind = self.type_name().or(self.name()).unwrap_or_default();
            chosen.entropy = mix(hash(pool, kind), (chosen.entropy >> 8) % POOL);
        }
        chosen
    }

    /// Changes a choice after the value was refused. Gives false if there is nothing left to try.
    pub(super) fn vary(&mut self, failure: &Failure) -> bool {
        self.gave_up = false;
        self.made.truncate(self.next);
        if failure.hint.is_some_and(|hint| self.learn(hint)) {
            return true;
        }
        while let Some(last) = self.made.last_mut() {
            if last.attempt + 1 < last.limit {
                *last = Choice { attempt: last.attempt + 1, ..Choice::default() };
                return true;
            }
            self.made.pop();
            self.gave_up = true;
        }
        false
    }

    /// Whether the last change went back over a choice of which everything had been tried.
    pub(super) const fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Takes a hint. Gives false if it says nothing new.
    fn learn(&mut self, hint: Hint) -> bool {
        match hint {
            Hint::Missing(key) => {
                let Some(map) = self.map_ended else { return false };
                let Some(choice) = self.made.get_mut(map) else { return false };
                if choice.keys.contains(&key) || choice.surplus.contains(&key) {
                    return false;
                }
                choice.keys.push(key);
                // The entries that were made up before it was known what the map is are no part of it any more.
                if choice.keys.len() == 1 {
                    self.made.truncate(map + 1);
                }
                true
            }
            Hint::Surplus => {
                let Some((map, key)) = self.map_keyed else { return false };
                let Some(choice) = self.made.get_mut(map) else { return false };
                let new = !choice.surplus.contains(&key);
                choice.surplus.push(key);
                new
            }
            Hint::Words(words) => {
                let Some(choice) = self.made.last_mut() else { return false };
                let new = choice.words.is_empty();
                choice.words = words;
                new && !words.is_empty()
            }
        }
    }

    /// The keys of a map, as far as they are known: `fields`, and what was learnt.
    pub(super) fn keys(&self, map: usize, fields: &[&'static str]) -> Vec<&'static str> {
        let Some(choice) = self.made.get(map) else { return Vec::new() };
        let known = fields.iter().chain(&choice.keys).copied();
        known.filter(|key| !choice.surplus.contains(key)).collect()
    }

    pub(super) fn key_given(&mut self, map: usize, key: &'static str) {
        self.map_keyed = Some((map, key));
    }

    pub(super) fn map_ended(&mut self, map: usize) {
        self.map_ended = Some(map);
    }

    /// The words that a text has to be one of; empty if it is not known to be so.
    pub(super) fn words(&self, text: usize) -> &'static [&'static str] {
        self.made.get(text).map_or(&[], |choice| choice.words)
    }

    /// The form of text that was taken at this place before.
    pub(super) fn known_form(&self) -> Option<usize> {
        self.memory.0.get(&self.place()).copied()
    }

    /// The text is given this form.
    pub(super) fn note_form(&mut self, text: usize, form: usize) {
        let place = self.place();
        if let Some(choice) = self.made.get_mut(text) {
            choice.form = Some((place, form));
        }
    }

    /// The value was taken.
    pub(super) fn remember(&mut self) {
        let made = self.made.iter().take(self.next);
        self.memory.0.extend(made.filter_map(|choice| choice.form));
    }

    /// What stands for the place that is being made; places in a list are one.
    fn place(&self) -> u64 {
        self.path.iter().fold(0, |place, segment| match segment {
            Segment::Name(name) | Segment::Type(name) => hash(place, name),
            Segment::Index(_) => mix(place, 0),
        })
    }

    /// Whether it is time to come to an end.
    pub(super) const fn deep(&self) -> bool {
        self.depth > DEEP || self.next > LARGE
    }

    /// Chooses a variant. Where it is time to come to an end, it is one that does not hold its own enum.
    pub(super) fn choose_variant(
        &mut self,
        name: &'static str,
        variants: &'static [&'static str],
    ) -> Option<&'static str> {
        if let Some((_, variant)) = self.open.iter().rev().find(|(open, _)| *open == name) {
            self.recursive.entry(name).or_default().insert(variant);
        }
        let chosen = self.choose(variants.len());
        let recursive = self.recursive.get(name).filter(|_| self.deep());
        let ending: Vec<_> =
            variants.iter().filter(|variant| !recursive.is_some_and(|all| all.contains(*variant))).collect();
        let from = self.form(&chosen).map_or(0, |entropy| (entropy >> 16) as usize);
        let of = |count: usize| from.wrapping_add(chosen.attempt).checked_rem(count);
        let ending = of(ending.len()).and_then(|at| ending.get(at).copied());
        ending.or_else(|| of(variants.len()).and_then(|at| variants.get(at))).copied()
    }

    pub(super) fn open(&mut self, name: &'static str, variant: &'static str) {
        self.open.push((name, variant));
        self.variants.insert((name, variant));
    }

    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    pub(super) fn enter(&mut self, segment: Segment) {
        self.path.push(segment);
    }

    /// Not called after a refusal, so that the path still leads to where it was.
    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// The name of the field or variant that is being made.
    pub(super) fn name(&self) -> Option<&'static str> {
        self.path.iter().rev().find_map(|segment| match segment {
            Segment::Name(name) => Some(*name),
            Segment::Type(_) | Segment::Index(_) => None,
        })
    }

    /// The name of the newtype whose inside is being made.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        match self.path.last() {
            Some(Segment::Type(name)) => Some(name),
            _ => None,
        }
    }

    /// The names on the way, joined by dots, and `[]` for any element of a list or entry of a map.
    fn place_in_json(&self) -> String {
        let mut place = String::new();
        for segment in &self.path {
            match segment {
                Segment::Name(name) if place.is_empty() => place.push_str(name),
                Segment::Name(name) => place.extend([".", name]),
                Segment::Index(_) => place.push_str("[]"),
                Segment::Type(_) => {}
            }
        }
        place
    }

    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for segment in &self.path {
            let dot = if path.is_empty() { "" } else { "." };
            // Writing into a string cannot fail.
            let _ = match segment {
                Segment::Name(name) => write!(path, "{dot}{name}"),
                Segment::Index(index) => write!(path, "{dot}{index}"),
                Segment::Type(_) => Ok(()),
            };
        }
        path
    }
}

const fn hash(seed: u64, text: &str) -> u64 {
    let (mut hash, mut rest) = (seed, text.as_bytes());
    while let [byte, more @ ..] = rest {
        hash = mix(hash, *byte as u64);
        rest = more;
    }
    hash
}

/// A number that looks random and follows from these two (the finaliser of SplitMix64).
pub(super) const fn mix(seed: u64, value: u64) -> u64 {
    let mut mixed = seed.wrapping_add(value.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
