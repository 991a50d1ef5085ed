//! The names of tables.

use std::borrow::Cow;

use crate::read::Stage;

/// The name as SQL takes it whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table of a build, as `build_table` in `views.sql` names it.
pub(super) fn table_of(view: &str, generation: u64, beside: bool) -> Cow<'_, str> {
    if beside { format!("{view}__{generation}").into() } else { view.into() }
}

const BESIDE: &str = "beside";
const LIVE: &str = "live";
const TRANSACTIONAL: &str = "transactional";

/// The stage that the books call so; `None` for a build that is gone.
pub(super) fn stage(text: &str) -> Option<Stage> {
    match text {
        BESIDE => Some(Stage::Beside),
        LIVE => Some(Stage::Live { transactional: false }),
        TRANSACTIONAL => Some(Stage::Live { transactional: true }),
        _ => None,
    }
}
