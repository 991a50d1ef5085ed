/// A broken thing somebody reported.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(error = IncidentError)]
#[events {
    /// Somebody reported that something is broken.
    #[creates]
    Reported { reporter, text },
    /// The description was corrected.
    TextChanged { text },
    /// Somebody else takes care of it now.
    Assigned { to: UserNumber, #[audit] from: Option<UserNumber> = self.assignee },
    Closed { solution: String },
    Reopened { #[audit] reason: String },
    /// Nothing is ever deleted: removal is one more event, and the last one.
    #[ends]
    Removed,
}]
#[commands {
    Report => Reported,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    ChangeText => TextChanged,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Close => Closed,

    #[require(self.status == Status::Open, IncidentError::AlreadyClosed)]
    Assign => Assigned,

    #[decide(self.reopen(reason, to))]
    Reopen { reason: String, to: UserNumber } => Reopened | Assigned,

    Remove => Removed,
}]
pub struct Incident {
    #[id]
    pub number: IncidentNumber,
    pub reporter: UserNumber,
    pub text: String,
    #[on(Assigned = Some(to))]
    pub assignee: Option<UserNumber>,
    #[on(Closed = Some(solution), Reopened = None)]
    pub solution: Option<String>,
    #[on(Reported | Reopened = Status::Open, Closed = Status::Closed)]
    pub status: Status,
    #[on(TextChanged += 1)]
    pub edits: u32,
}
