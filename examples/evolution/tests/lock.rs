//! What was published stays readable: `FACTUM_LOCK=update cargo test -p evolution --test lock` publishes.

use evolution::domain::Member;

factum::locked!(Member);
