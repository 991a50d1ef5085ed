const _: () = {
    ::core::compile_error! {
        "`#[key]` is only valid on a field of the struct, not on the struct"
    }
    ::core::compile_error! {
        "unknown option `tabel`; did you mean `table`?"
    }
    ::core::compile_error! {
        "the name of a table consists of small letters, digits and underscores, and does not begin with a digit"
    }
    ::core::compile_error! {
        "`epoch` takes a whole number: `epoch = 1`"
    }
    ::core::compile_error! {
        "the key of a row is a value: write `Reopened = value`"
    }
    ::core::compile_error! {
        "`#[index]` takes nothing; leave the rest out"
    }
    ::core::compile_error! {
        "`==` compares; to set the field write `Removed = value`"
    }
    ::core::compile_error! {
        "`column` takes a name: `#[column(name = \"…\")]`"
    }
    ::core::compile_error! {
        "this says nothing of events: write `#[on(Event = value)]`"
    }
    ::core::compile_error! {
        "`#[view]` is only valid on the struct, not on a field of the struct"
    }
    ::core::compile_error! {
        "none of `Incident`, `Page` has an event `Removd`; did you mean `Incident::Removed`?"
    }
    ::core::compile_error! {
        "`Reported` and `TextChanged` and `Edited` have no field `txt`; did you mean `text`? (a value of another name is written `Reported = value`)"
    }
    ::core::compile_error! {
        "`Pag` is none of the aggregates in `of(…)`; did you mean `Page`?"
    }
    ::core::compile_error! {
        "the events of a view are named by their aggregate: write `Incident::Closed`"
    }
    ::core::compile_error! {
        "`Closed` changes `closed` twice; write one rule"
    }
    ::core::compile_error! {
        "`Reported` has two keys; remove one"
    }
    ::core::compile_error! {
        "a row is found by `number`, so it always has a value; leave the `Option` out"
    }
    ::core::compile_error! {
        "no event sets `never`: add `#[on(Event = value)]`, or `#[on(Event)]` to take the event's field of that name"
    }
    ::core::compile_error! {
        "the key says which row it is, so there is no row to read yet; use `id`, `recorded` and the fields of the event"
    }
    ::core::compile_error! {
        "`return` makes no sense in a fold: what happened cannot fail and does not wait"
    }
    ::factum::__private::OfEvents {
        model: ::factum::view::ViewModel {
            name: "",
            docs: "",
            sources: &[],
            fingerprint: 0,
            reads_rows: false,
            recorded: ::factum::view::RecordedUse::None,
        },
        changes: |_| ::core::unreachable!(),
        effects: |_, _| ::core::unreachable!(),
    }
};
