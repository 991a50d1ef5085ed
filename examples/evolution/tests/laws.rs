//! What has to hold for every model.

use evolution::domain::Member;

factum::laws!(Member);
