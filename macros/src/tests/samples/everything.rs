/// A pass for the doors of a house: everything that the language has.
#[derive(Aggregate, Clone, Debug)]
#[aggregate(
    snapshot(every = 100, epoch = 3),
    crate = ::events,
    error = Box<dyn PassError>,
    category = "passes",
    event = Fact,
    command = Wish,
    event_derive(Eq, Hash),
    command_derive(!PartialEq, !Serialize, !Deserialize)
)]
#[events {
    /// It was made.
    #[creates]
    Made { holder, #[audit] place: String = format!("{}/{}", id, ctx.version) },
    /// Another way to begin.
    #[creates]
    Found { holder, times: Vec<u32> },
    #[name = "used"]
    Used { door: Door, #[audit] before: u32 = self.used, note: Note },
    Renamed { #[serde(rename = "who")] holder, #[audit] from: String = self.holder.clone() },
    #[audit]
    Seen { by: String },
    #[retired]
    Polished,
    r#Loop { r#type: String },
    #[ends]
    #[deprecated]
    Burnt,
}]
#[commands {
    Make => Made,
    /// Finds one.
    Find { holder, times } => Found,
    #[require(self.used < 100, "worn".into())]
    #[require(door != Door::Back, format!("{id}").into())]
    Use => Used,
    #[on_conflict(Seen { by: holder })]
    Rename => Renamed,
    See => Seen,
    #[decide(self.burn(&by))]
    Burn { by: String } => Burnt | Renamed,
    #[reads(doors, used)]
    #[decide({
        let door = doors.first().cloned().ok_or("none")?;
        Ok(Fact::Used { door, before: *used, note })
    })]
    UseAgain { note: Note } => Used,
    #[require(state.is_none_or(|pass| pass.used == 0), "used".into())]
    #[decide(Ok(state.is_none().then(|| Fact::Made { holder, place: String::new() })))]
    Ensure { holder } => Made | Renamed,
    r#Loop => r#Loop,
}]
pub(crate) struct Pass {
    /// The number.
    #[id]
    number: PassNumber,
    #[version]
    version: Version,
    /// Who has it.
    #[serde(default, alias = "owner")]
    #[unique(by = str::to_lowercase, with(last, r#type), show_holder, enforce = view)]
    holder: String,
    #[on(Used += 1, Found += times.iter().sum::<u32>(), Polished = 0)]
    used: u32,
    #[on(Used => self.doors.push(door), Burnt => self.doors.clear(), Found => for _ in times { self.doors.push(Door::Front) })]
    doors: Vec<Door>,
    // Reads `doors`, so its statement comes before the one above.
    #[on(Used => if self.doors.contains(&door) { self.again.push(note.clone()) }, Renamed = self.notes())]
    again: Vec<Note>,
    #[on(Used = Some(door), Burnt = None, Renamed = self.doors.last().cloned())]
    last: Option<Door>,
    #[on(Used |= note.flags(), Burnt <<= 1)]
    flags: u8,
    #[unique]
    #[on(r#Loop = Some(r#type))]
    r#type: Option<String>,
}
